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

// What a device, or the kernel before it, still has to do with a TCP packet.
struct Unfinished {
  // Where the TCP header is whose checksum holds the sum of the pseudo header; 0: it is finished.
  std::uint16_t transport_offset = 0;
  // Payload per segment of a super-packet, which then has an unfinished checksum; 0: one segment.
  std::uint16_t segment_size = 0;
  friend bool operator==(const Unfinished&, const Unfinished&) = default;
};

// The packet is `head` followed by `packet`: segments cut from one super-packet have heads of their
// own and share its payload where it was received.
struct Emission {
  EmissionKind kind = EmissionKind::frame;
  InterfaceIndex interface = kNoInterface;
  Mac source, destination;
  IpAddress next_hop;
  std::span<const std::byte> packet;  // from the IP header on, or behind `head`
  std::span<const std::byte> head = {};
  Unfinished unfinished = {};

  std::size_t size() const { return head.size() + packet.size(); }
  // Where the IP header is.
  std::span<const std::byte> start() const { return head.empty() ? packet : head; }
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
