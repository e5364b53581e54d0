// SPDX-License-Identifier: GPL-2.0-or-later
// What the next boot is to bring back: the commands that were applied here, and all steps of their
// plans, those included that the host had already. Several runs add up, as they do on the host. The
// host alone would not do as source: a virtual address that was moved away from an interface leaves
// nothing behind that tells so.
#pragma once

#include <string>
#include <vector>

#include "lvsd/realserver/plan.h"

namespace lvsd::realserver {

struct Lasting {
  std::vector<std::vector<std::string>> commands;  // of lvsctl, each with all its words
  std::vector<Step> steps;                         // none of kind `file`

  bool empty() const { return commands.empty() && steps.empty(); }
  // The same command is run once, and the same step done once; of two values, the later one.
  void add(const Lasting& later);
};

}  // namespace lvsd::realserver
