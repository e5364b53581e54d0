// SPDX-License-Identifier: GPL-2.0-or-later
// What the core wants sent. An edge carries the list out in order and clears it; replay writes it
// to a capture. Bytes are either the received packet in place (valid until its batch is done) or in
// the list's own arena (valid until clear()).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "lvsd/model/network.h"

namespace lvsd {

enum class EmissionKind : std::uint8_t {
  frame,    // packet socket: `source` and `destination` MACs on `interface`
  routed,   // raw socket: the kernel routes it (no link-layer address, or a route we do not model)
  resolve,  // no packet: ask the kernel to resolve `next_hop` on `interface`, nobody is known there
  refresh,  // no packet: `next_hop` is in use; have the kernel probe that its MAC still holds
};

struct Emission {
  EmissionKind kind = EmissionKind::frame;
  InterfaceIndex interface = kNoInterface;
  Mac source, destination;
  IpAddress next_hop;
  std::span<const std::byte> packet;  // from the IP header on
};

class Emissions {
 public:
  const std::vector<Emission>& list() const { return list_; }
  bool empty() const { return list_.empty(); }
  std::size_t size() const { return list_.size(); }
  void add(const Emission& emission) { list_.push_back(emission); }

  // Zeroed memory for a packet that the core makes; stays in place until clear().
  std::span<std::byte> allocate(std::size_t size);
  std::span<const std::byte> copy(std::span<const std::byte> bytes);
  void clear();  // keeps its memory for the next batch

 private:
  static constexpr std::size_t kBlock = std::size_t{1} << 17U;  // room for the largest IPv4 packet
  std::vector<Emission> list_;
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::size_t block_ = 0, used_ = 0;  // where the next allocation starts
};

}  // namespace lvsd
