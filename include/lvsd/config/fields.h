// SPDX-License-Identifier: GPL-2.0-or-later
// Reading typed values out of a Document: each reader gets an Item (a value, where it stands, and
// the report), and returns nothing after it said what is wrong, so that reading goes on behind a
// mistake and one run names them all. Mappings are strict: a key nobody knows is a problem.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/config/document.h"
#include "lvsd/model/time.h"

namespace lvsd {

struct Item {
  Value value;
  Path path;
  Report& report;

  void refuse(std::string what, std::string remedy) const {
    report.add(value.place(), path.text(), std::move(what), std::move(remedy));
  }
  // Whether it is of this kind; reported if not, with `remedy`.
  bool require(ValueKind kind, std::string_view remedy) const;
  // Its items; those of something else are none.
  std::size_t size() const { return value.kind() == ValueKind::list ? value.size() : 0; }
  Item operator[](std::size_t i) const { return {value.item(i), Path(path, i), report}; }
};

// A key that a mapping may not have here, though its writer spelled it right.
struct OtherKey {
  std::string_view key, what, remedy;
};

class Mapping {
 public:
  // Reports what is not in `keys`. `others` have answers of their own. A value that is no mapping
  // is reported with `remedy`, and then has no keys.
  Mapping(const Item& item, std::span<const std::string_view> keys, std::string_view remedy,
          std::span<const OtherKey> others = {});
  bool valid() const { return valid_; }
  std::optional<Item> find(std::string_view key) const;
  // The same, and a report when it is missing, unless a misspelling of it was reported already.
  std::optional<Item> require(std::string_view key, std::string_view remedy) const;

 private:
  void refuse_key(Value key, std::span<const OtherKey> others);

  const Item& item_;
  std::span<const std::string_view> keys_;
  std::vector<std::optional<Value>> values_;  // by place in keys_
  std::vector<std::string_view> suggested_;
  bool valid_ = false;
};

// The text of a scalar that must not be empty; `remedy` says what belongs there.
std::optional<std::string_view> read_text(const Item& item, std::string_view remedy);
std::optional<bool> read_boolean(const Item& item);

struct Range {
  std::uint64_t least = 0, most = 0;
};
std::optional<std::uint64_t> read_number(const Item& item, Range range, std::string_view remedy);
// Above zero, at most kLongestDuration; with a unit.
inline constexpr Duration kLongestDuration = std::chrono::seconds(2678400);
std::optional<Duration> read_duration(const Item& item);
// A network interface's name as the kernel takes it.
std::optional<std::string> read_interface_name(const Item& item);

// Digits, as they are checked everywhere: what they say, or why not ("'x' is not a whole number").
struct Digits {
  std::optional<std::uint64_t> number;
  std::string what;
};
Digits parse_digits(std::string_view text, Range range);

// "a, b or c"
std::string listed(std::span<const std::string_view> names, std::string_view last = "or");

// Where a word is one of a few.
template <class T>
struct Choice {
  std::string_view name;
  T value;
};
template <class T>
std::optional<T> read_choice(const Item& item, std::span<const Choice<T>> choices);

// What to say when none fits: "'x' is none of them", "did you mean ..., one of a, b or c".
void refuse_choice(const Item& item, std::span<const std::string_view> names);

template <class T>
std::optional<T> read_choice(const Item& item, std::span<const Choice<T>> choices) {
  std::vector<std::string_view> names;
  for (const Choice<T>& choice : choices) names.push_back(choice.name);
  const std::optional<std::string_view> text = read_text(item, "write " + listed(names));
  if (!text) return std::nullopt;
  for (const Choice<T>& choice : choices) {
    if (choice.name == *text) return choice.value;
  }
  refuse_choice(item, names);
  return std::nullopt;
}

// Takes over what a reader returned, leaves the default where it returned nothing.
template <class T, class U>
void assign(T& into, const std::optional<U>& value) {
  if (value) into = static_cast<T>(*value);
}

}  // namespace lvsd
