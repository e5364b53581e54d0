// SPDX-License-Identifier: GPL-2.0-or-later
// A difference as text: a sentence, then one line per field with both values, the differing marked.
#include <fmt/format.h>

#include <algorithm>

#include "lvsd/ctl/compare.h"

namespace lvsd::ctl {
namespace {

constexpr std::size_t kColumn = 34;     // width of one packet's column
constexpr std::size_t kHexDigits = 32;  // 16 bytes of data per line

bool is_bytes(const std::string& name) {
  return name == "data" || name == "padding" || name.ends_with(".data") ||
         name.ends_with(".padding") || name.ends_with(".options");
}

// Both lists joined by field name, in packet order.
struct Row {
  std::string name;
  const std::string* expected;
  const std::string* got;
};

std::vector<Row> join(const Decoded& expected, const Decoded& got) {
  std::vector<Row> rows;
  for (const Field& field : expected.fields) {
    rows.push_back({field.name, &field.value, got.find(field.name)});
  }
  for (const Field& field : got.fields) {
    if (expected.find(field.name) == nullptr) rows.push_back({field.name, nullptr, &field.value});
  }
  return rows;
}

std::string piece(const std::string* hex, std::size_t begin) {
  if (hex == nullptr || begin >= hex->size()) return "";
  return hex->substr(begin, kHexDigits);
}

// The 16 bytes where two runs of bytes first differ, after the count of equal ones before.
void append_bytes(std::string& out, const Row& row, bool differs) {
  const std::string empty;
  const std::string& a = row.expected != nullptr ? *row.expected : empty;
  const std::string& b = row.got != nullptr ? *row.got : empty;
  const auto part = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  const std::size_t equal = static_cast<std::size_t>(part.first - a.begin());
  const std::size_t begin = differs ? equal / kHexDigits * kHexDigits : 0;
  out += fmt::format("{} {:<22} {:<{}} {}\n", differs ? '*' : ' ', row.name,
                     fmt::format("{} bytes", a.size() / 2), kColumn,
                     fmt::format("{} bytes", b.size() / 2));
  out += fmt::format("{} {:<22} {:<{}} {}\n", differs ? '*' : ' ',
                     fmt::format("  from byte {}", begin / 2), piece(&a, begin), kColumn,
                     piece(&b, begin));
}

std::string sentence(const Difference& difference) {
  const std::string expected =
      fmt::format("packet {} of the expectation", difference.expected_number);
  if (difference.got_number == 0) {
    return expected + " is missing: " + describe(difference.expected);
  }
  const std::string got = fmt::format("emitted packet {}", difference.got_number);
  if (difference.expected_number == 0) {
    return got + " was not expected: " + describe(difference.got);
  }
  // A payload in full says nothing; the table below shows where it differs.
  const std::string what = is_bytes(difference.field)
                               ? difference.field + " differs"
                               : fmt::format("{}: expected {}, got {}", difference.field,
                                             difference.expected_value, difference.got_value);
  return fmt::format("{} differs from {}: {}", got, expected, what);
}

}  // namespace

std::string to_string(const Difference& difference) {
  std::string out = sentence(difference) + "\n";
  out += fmt::format("  {:<22} {:<{}} {}\n", "field",
                     difference.expected_number == 0 ? "" : "expected", kColumn,
                     difference.got_number == 0 ? "" : "got");
  const bool both = difference.expected_number != 0 && difference.got_number != 0;
  for (const Row& row : join(difference.expected, difference.got)) {
    const bool equal = row.expected != nullptr && row.got != nullptr && *row.expected == *row.got;
    const bool differs = both && !equal;
    if (is_bytes(row.name)) {
      append_bytes(out, row, differs);
      continue;
    }
    out += fmt::format("{} {:<22} {:<{}} {}\n", differs ? '*' : ' ', row.name,
                       row.expected != nullptr ? *row.expected : "", kColumn,
                       row.got != nullptr ? *row.got : "");
  }
  return out;
}

}  // namespace lvsd::ctl
