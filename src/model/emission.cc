// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/model/emission.h"

#include <cstring>

#include "lvsd/net/result.h"

namespace lvsd {

std::span<std::byte> Emissions::allocate(std::size_t size) {
  LVSD_ASSERT(size <= kBlock);
  if (blocks_.empty() || size > kBlock - used_) {
    if (!blocks_.empty()) ++block_;
    if (block_ == blocks_.size()) blocks_.push_back(std::make_unique<std::byte[]>(kBlock));
    used_ = 0;
  }
  const std::span<std::byte> room(blocks_[block_].get() + used_, size);
  used_ += size;
  std::memset(room.data(), 0, room.size());
  return room;
}

std::span<const std::byte> Emissions::copy(std::span<const std::byte> bytes) {
  const std::span<std::byte> room = allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(room.data(), bytes.data(), bytes.size());
  return room;
}

void Emissions::clear() {
  list_.clear();
  block_ = 0;
  used_ = 0;
}

}  // namespace lvsd
