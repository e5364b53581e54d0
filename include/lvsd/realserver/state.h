// SPDX-License-Identifier: GPL-2.0-or-later
// What was done to this host, in the order in which it was done, so that `undo` can take it back.
// Written before each step is carried out: what a crash interrupts is undone, too.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/realserver/plan.h"

namespace lvsd::realserver {

std::string format_state(const std::vector<Step>& steps);
Result<std::vector<Step>, Error> parse_state(std::string_view text);

class State {
 public:
  explicit State(std::string file) : file_(std::move(file)) {}
  Status load();  // no file: nothing was done
  Status add(const Step& step);
  Status drop(std::size_t place);
  const std::vector<Step>& steps() const { return steps_; }
  const std::string& file() const { return file_; }

 private:
  Status save() const;
  std::string file_;
  std::vector<Step> steps_;
};

}  // namespace lvsd::realserver
