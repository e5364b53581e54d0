// SPDX-License-Identifier: GPL-2.0-or-later
// A reply of the daemon's as `--json` prints it: its text laid out over lines as nlohmann's dump(2)
// does, without a tree being made of it, which for a hundred thousand destinations took a second
// and most of a gigabyte. What is JSON, with blanks or without, comes out byte for byte as through
// the tree where its keys are in their order (tests/unit/json_layout_test.cc); of what is not,
// nothing is promised but an end.
#pragma once

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

namespace lvsd::ctl {

// Prints in large pieces; the last one when it goes.
class JsonPrinter {
 public:
  explicit JsonPrinter(std::ostream& out) : out_(out) {}
  ~JsonPrinter() { flush(); }
  JsonPrinter(const JsonPrinter&) = delete;
  JsonPrinter& operator=(const JsonPrinter&) = delete;

  JsonPrinter& raw(std::string_view text);
  JsonPrinter& line(std::size_t depth);  // begins one
  // `depth`: of what it stands in.
  JsonPrinter& value(std::string_view json, std::size_t depth = 0);

 private:
  void flush();

  std::ostream& out_;
  std::string buffer_;
};

// The text of a member of an object; nothing where there is none, or no object.
std::optional<std::string_view> json_member(std::string_view object, std::string_view key);
void each_element(std::string_view array, const std::function<void(std::string_view)>& what);

}  // namespace lvsd::ctl
