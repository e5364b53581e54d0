// SPDX-License-Identifier: GPL-2.0-or-later
// What was done to this host, in the order in which it was done, so that `undo` can take it back,
// the last first; only addresses that were taken away are ordered by where they go back.
// Written before each step is carried out: what a crash interrupts is undone, too. Beside it, what
// the files for the next boot are made from: that outlives what was done, and `undo` forgets it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/realserver/lasting.h"
#include "lvsd/realserver/plan.h"

namespace lvsd::realserver {

struct Record {
  std::vector<Step> steps;
  Lasting lasting;
};
std::string format_state(const Record& record);
Result<Record, Error> parse_state(std::string_view text);

class State {
 public:
  explicit State(std::string file) : file_(std::move(file)) {}
  Status load();  // no file: nothing was done
  // Where it is now. A file that was written before keeps what had been there before that.
  Result<std::size_t, Error> add(const Step& step);
  Status drop(std::size_t place);
  Status keep(const Lasting& more);
  Status forget();
  const std::vector<Step>& steps() const { return record_.steps; }
  const Lasting& lasting() const { return record_.lasting; }
  const std::string& file() const { return file_; }

 private:
  Status save() const;
  std::string file_;
  Record record_;
};

}  // namespace lvsd::realserver
