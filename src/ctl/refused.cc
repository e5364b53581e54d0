// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/refused.h"

#include "lvsd/model/verdict.h"

namespace lvsd::ctl {

std::string comment_of(std::string_view reason) {
  const auto with = [reason](std::string_view sentence) {
    return std::string(reason) + ": " + std::string(sentence);
  };
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto drop = static_cast<DropReason>(i);
    if (to_string(drop) == reason) return with(explain(drop));
  }
  for (std::size_t i = 0; i < kAcceptReasons; ++i) {
    const auto accept = static_cast<AcceptReason>(i);
    if (to_string(accept) == reason) return with(explain(accept));
  }
  return std::string(reason);
}

}  // namespace lvsd::ctl
