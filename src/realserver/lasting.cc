// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/realserver/lasting.h"

#include <algorithm>

namespace lvsd::realserver {
namespace {

// Two settings of one path, and two decapsulators, are one step: the later takes the other's place.
bool is_same(const Step& one, const Step& other) {
  if (one.kind != other.kind) return false;
  return one.kind == StepKind::command ? one.apply == other.apply : one.what == other.what;
}

}  // namespace

void Lasting::add(const Lasting& later) {
  for (const auto& command : later.commands) {
    if (std::find(commands.begin(), commands.end(), command) == commands.end()) {
      commands.push_back(command);
    }
  }
  for (const Step& step : later.steps) {
    if (step.kind == StepKind::file) continue;
    const auto earlier = std::find_if(steps.begin(), steps.end(),
                                      [&step](const Step& one) { return is_same(one, step); });
    if (earlier == steps.end()) {
      steps.push_back(step);
    } else {
      *earlier = step;
    }
  }
}

}  // namespace lvsd::realserver
