// SPDX-License-Identifier: GPL-2.0-or-later
// `$NAME=text` of keepalived.conf(5), and what becomes of a line with `$NAME` or `${NAME}` in it.
//
// As keepalived has it: what a text refers to is looked up where the text is put in, not where it
// is defined, so that one text can be used with several values. A definition whose lines end in
// backslashes stands for as many lines, not for one long one, since statements end with their
// line. Parameters that refer to each other without end use up a budget, which is the file's.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lvsd::ctl {

struct Definition {
  std::string name, text;
};
// Nothing where the line is none.
std::optional<Definition> read_definition(std::string_view line);

struct ExpandedLine {
  std::string line;
  std::vector<std::string>
      rest;             // the lines behind it; not expanded, for they may define something
  std::string wrong;    // why the line cannot be had; empty where it can
  std::string unknown;  // what keepalived itself would put something in for
};

class Parameters {
 public:
  void define(std::string name, std::vector<std::string> lines);
  ExpandedLine expand(std::string_view line);

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> lines_;
  std::size_t spent_ = 0;  // bytes put in so far
};

}  // namespace lvsd::ctl
