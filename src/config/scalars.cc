// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <array>
#include <charconv>

#include "lvsd/config/fields.h"

namespace lvsd {
namespace {

constexpr std::string_view kDigitsOnly = "0123456789";
constexpr std::string_view kUnits = "write a whole number with its unit: ms, s, m, h or d";

struct Unit {
  std::string_view name;
  Duration length;
};
constexpr std::array<Unit, 5> kDurationUnits{{{"ms", std::chrono::milliseconds(1)},
                                              {"s", std::chrono::seconds(1)},
                                              {"m", std::chrono::minutes(1)},
                                              {"h", std::chrono::hours(1)},
                                              {"d", std::chrono::hours(24)}}};

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of(kDigitsOnly) == std::string_view::npos;
}

}  // namespace

std::optional<std::string_view> read_text(const Item& item, std::string_view remedy) {
  if (!item.require(ValueKind::scalar, remedy)) return std::nullopt;
  if (item.value.text().empty()) {
    item.refuse("is empty", std::string(remedy));
    return std::nullopt;
  }
  return item.value.text();
}

std::optional<bool> read_boolean(const Item& item) {
  const std::optional<std::string_view> text = read_text(item, "write true or false");
  if (!text) return std::nullopt;
  if (*text == "true") return true;
  if (*text == "false") return false;
  item.refuse(quoted(*text) + " is not a boolean", "write true or false");
  return std::nullopt;
}

Digits parse_digits(std::string_view text, Range range) {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  if (!all_digits(digits)) return {std::nullopt, quoted(text) + " is not a whole number"};
  if (digits.size() > 1 && digits.front() == '0') {
    return {std::nullopt, quoted(text) + " has a leading zero (some readers take it for octal)"};
  }
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool outside = digits.size() != text.size() || error != std::errc{} ||
                       number < range.least || number > range.most;
  if (!outside) return {number, {}};
  // A number that fills the screen says no more than its beginning.
  const std::string shown = text.size() > 24 ? quoted(text) : std::string(text);
  return {std::nullopt,
          shown + " is not in " + std::to_string(range.least) + ".." + std::to_string(range.most)};
}

std::optional<std::uint64_t> read_number(const Item& item, Range range, std::string_view remedy) {
  const std::optional<std::string_view> text = read_text(item, remedy);
  if (!text) return std::nullopt;
  const Digits digits = parse_digits(*text, range);
  if (!digits.number) item.refuse(digits.what, std::string(remedy));
  return digits.number;
}

std::optional<Duration> read_duration(const Item& item) {
  const std::optional<std::string_view> text = read_text(item, kUnits);
  if (!text) return std::nullopt;
  const std::size_t split = std::min(text->find_first_not_of(kDigitsOnly), text->size());
  const std::string_view count = text->substr(0, split), name = text->substr(split);
  const auto refuse = [&](std::string what, std::string remedy) -> std::optional<Duration> {
    item.refuse(std::move(what), std::move(remedy));
    return std::nullopt;
  };
  if (count.empty()) return refuse(quoted(*text) + " is not a duration", std::string(kUnits));
  if (name.empty()) {
    return refuse(quoted(*text) + " has no unit",
                  "if seconds are meant, write " + std::string(count.substr(0, 12)) + "s");
  }
  const auto unit = std::find_if(kDurationUnits.begin(), kDurationUnits.end(),
                                 [&](const Unit& known) { return known.name == name; });
  if (unit == kDurationUnits.end()) {
    return refuse(quoted(*text) + " has no unit that is known here", std::string(kUnits));
  }
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), number);
  const auto most = static_cast<std::uint64_t>(kLongestDuration / unit->length);
  if (error != std::errc{} || number == 0 || number > most) {
    return refuse(quoted(*text) + " is not above 0 and up to 2678400s (31 days)",
                  "write a duration in that range, such as 900s");
  }
  return unit->length * static_cast<Duration::rep>(number);
}

std::optional<std::string> read_interface_name(const Item& item) {
  constexpr std::string_view kRemedy = "write the name of a network interface, as ip link shows it";
  const std::optional<std::string_view> text = read_text(item, kRemedy);
  if (!text) return std::nullopt;
  constexpr std::size_t kLongest = 15;  // IFNAMSIZ - 1
  const bool sane = text->size() <= kLongest && *text != "." && *text != ".." &&
                    std::none_of(text->begin(), text->end(), [](char c) {
                      const auto byte = static_cast<unsigned char>(c);
                      return byte <= 0x20 || byte == 0x7f || c == '/' || c == ':';
                    });
  if (!sane) {
    item.refuse(quoted(*text) + " cannot name an interface (1 to 15 bytes, no space, '/' or ':')",
                std::string(kRemedy));
    return std::nullopt;
  }
  return std::string(*text);
}

}  // namespace lvsd
