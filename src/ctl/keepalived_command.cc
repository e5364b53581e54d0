// SPDX-License-Identifier: GPL-2.0-or-later
#include "keepalived_command.h"

#include <algorithm>
#include <charconv>

namespace lvsd::ctl {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  std::optional<std::vector<std::string>> split() {
    std::vector<std::string> words;
    while (true) {
      at_ = std::min(text_.find_first_not_of(kBlanks, at_), text_.size());
      if (at_ == text_.size()) return words;
      auto word = read_word();
      if (!word) return std::nullopt;
      words.push_back(std::move(*word));
    }
  }

 private:
  std::optional<std::string> read_word() {
    std::string word;
    char quote = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\\') {
        const char meant = read_escape();
        if (meant == 0) return std::nullopt;
        word += meant;
      } else if (quote != 0 ? c == quote : c == '"' || c == '\'') {
        quote = quote != 0 ? '\0' : c;
      } else if (quote == 0 && kBlanks.find(c) != std::string_view::npos) {
        break;
      } else {
        word += c;
      }
    }
    if (quote != 0) return std::nullopt;
    return word;
  }

  // From the backslash to the last of what it makes one character of; 0 where it makes none.
  char read_escape() {
    constexpr std::string_view kLetters = "abEfnrtv", kMeant = "\a\b\033\f\n\r\t\v";
    if (++at_ == text_.size()) return 0;
    const char c = text_[at_];
    if (c == 'x') {
      if (const char byte = read_number(at_ + 1, text_.size(), 16)) return byte;
    } else if (c == 'c' && at_ + 1 < text_.size()) {
      return static_cast<char>(text_[++at_] & 0x1f);
    } else if (c >= '0' && c <= '7') {
      return read_number(at_, 3, 8);
    }
    const std::size_t letter = kLetters.find(c);
    return letter == std::string_view::npos ? c : kMeant[letter];
  }

  // The byte that digits from `begin` on are, the last of which it goes to; 0 where there are none.
  char read_number(std::size_t begin, std::size_t most, int base) {
    const std::string_view digits = text_.substr(begin, most);
    unsigned value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc()) return 0;
    at_ = begin + static_cast<std::size_t>(end - digits.data()) - 1;
    return static_cast<char>(value & 0xffU);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<std::vector<std::string>> split_command(std::string_view text) {
  return Splitter(text).split();
}

}  // namespace lvsd::ctl
