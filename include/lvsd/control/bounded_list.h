// SPDX-License-Identifier: GPL-2.0-or-later
// A list in a reply that must not become too long: the first entries that fit, without a gap.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>

#include "lvsd/control/json_text.h"

namespace lvsd {

class BoundedList {
 public:
  explicit BoundedList(std::size_t most) : left_(most) {}  // bytes, as text, with its commas

  // False where the entry does not fit; none fits after it.
  bool add(nlohmann::json entry) {
    const std::size_t length = text_of(entry).size() + 1;
    left_ = length > left_ ? 0 : left_ - length;
    if (left_ == 0) return false;
    list_.push_back(std::move(entry));
    return true;
  }
  nlohmann::json take() { return std::exchange(list_, nlohmann::json::array()); }

 private:
  std::size_t left_;
  nlohmann::json list_ = nlohmann::json::array();
};

}  // namespace lvsd
