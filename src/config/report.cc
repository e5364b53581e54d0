// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/config/report.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace lvsd {
namespace {

constexpr std::size_t kLongestQuote = 60;

std::string escaped(std::string_view piece) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  const bool cut = piece.size() > kLongestQuote;
  if (cut) {
    piece = piece.substr(0, kLongestQuote);
    // Not in the middle of a UTF-8 character.
    while (!piece.empty() && (static_cast<unsigned char>(piece.back()) & 0xc0U) == 0x80U) {
      piece.remove_suffix(1);
    }
    if (!piece.empty() && static_cast<unsigned char>(piece.back()) >= 0xc0U) piece.remove_suffix(1);
  }
  for (std::size_t i = 0; i < piece.size(); ++i) {
    const auto byte = static_cast<unsigned char>(piece[i]);
    // C1 controls are U+0080..U+009f: 0xc2 0x80..0x9f.
    const bool c1 =
        byte == 0xc2U && i + 1 < piece.size() && static_cast<unsigned char>(piece[i + 1]) < 0xa0U;
    if (byte >= 0x20U && byte != 0x7fU && !c1) {
      out += piece[i];
      continue;
    }
    const unsigned code = c1 ? static_cast<unsigned char>(piece[++i]) : byte;
    out += "\\x";
    out += kHex[code >> 4U];
    out += kHex[code & 0xfU];
  }
  if (cut) out += "...";
  return out;
}

}  // namespace

std::string quoted(std::string_view piece) { return "'" + escaped(piece) + "'"; }

std::string step(std::string above, std::string_view key) {
  if (!above.empty()) above += '.';
  return above + escaped(key);
}

std::string step(std::string above, std::size_t index) {
  return above + "[" + std::to_string(index) + "]";
}

std::string Path::text() const {
  if (up_ == nullptr) return {};
  return is_index_ ? step(up_->text(), index_) : step(up_->text(), key_);
}

void Report::add(Place place, std::string path, std::string what, std::string remedy) {
  if (list_.size() >= kMost) {
    ++left_off_;
    return;
  }
  list_.push_back({static_cast<int>(place.line), static_cast<int>(place.column), std::move(path),
                   std::move(what), std::move(remedy)});
}

Problems Report::take() {
  std::stable_sort(list_.begin(), list_.end(), [](const Problem& a, const Problem& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  count_characters();
  if (left_off_ > 0) {
    list_.push_back({0,
                     0,
                     {},
                     std::to_string(left_off_) + " more problems are not shown",
                     "mend the first ones, then check again"});
  }
  return {std::move(list_)};
}

// yaml-cpp's columns count bytes, editors' characters. One walk over the text for all problems.
void Report::count_characters() {
  std::size_t at = text_.starts_with("\xef\xbb\xbf") ? 3 : 0;  // byte order mark
  int line = 1, column = 1,
      inner = 0;  // `inner`: bytes of this line so far that start no character
  for (Problem& problem : list_) {
    while (line < problem.line) {
      at = text_.find('\n', at);
      if (at == std::string_view::npos) return;
      ++at;
      ++line;
      column = 1;
      inner = 0;
    }
    for (; column < problem.column && at < text_.size(); ++column, ++at) {
      if ((static_cast<unsigned char>(text_[at]) & 0xc0U) == 0x80U) ++inner;
    }
    problem.column -= inner;
  }
}

// Optimal string alignment over three rows; words here are keys, so short.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  constexpr std::size_t kLongest = 32;
  if (a.size() > kLongest || b.size() > kLongest) return limit + 1;
  std::array<std::array<std::size_t, kLongest + 1>, 3> rows{};
  for (std::size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto& row = rows[i % 3];
    const auto& last = rows[(i - 1) % 3];
    const auto& before = rows[(i + 1) % 3];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t differs = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + differs});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return std::min(rows[a.size() % 3][b.size()], limit + 1);
}

std::string to_string(const Problem& problem, std::string_view file) {
  std::string out(file);
  if (problem.line > 0) {
    out += ':' + std::to_string(problem.line) + ':' + std::to_string(problem.column);
  }
  out += ": ";
  if (!problem.path.empty()) out += problem.path + ": ";
  out += problem.what;
  if (!problem.remedy.empty()) out += "; " + problem.remedy;
  return out;
}

}  // namespace lvsd
