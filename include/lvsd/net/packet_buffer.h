// SPDX-License-Identifier: GPL-2.0-or-later
// A packet where it was received: the bytes from the IP header on, with headroom in front, so that
// a tunnel header is prepended instead of the packet being copied. The buffer does not own its
// memory; the edge that received the packet keeps it until the batch has been sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lvsd/net/interface_index.h"
#include "lvsd/net/wire.h"

namespace lvsd {

// What the sender left to a device that the packet never met: how the kernel hands packets over
// when it is asked not to undo its own offloads (NFQA_CFG_F_GSO). TCP only.
struct Offload {
  // The TCP checksum is the sum of the pseudo header alone, not complemented.
  bool unfinished_checksum = false;
  // A super-packet: the payload of many segments behind one header. Its checksum is unfinished too.
  bool aggregated = false;
};

class PacketBuffer {
 public:
  // `storage[begin, begin + size)` is the packet, storage[0, begin) its headroom.
  PacketBuffer(std::span<std::byte> storage, std::size_t begin, std::size_t size)
      : storage_(storage), begin_(begin), size_(size) {}

  std::span<const std::byte> bytes() const { return storage_.subspan(begin_, size_); }
  std::span<std::byte> bytes() { return storage_.subspan(begin_, size_); }
  std::size_t size() const { return size_; }
  std::size_t headroom() const { return begin_; }

  // Makes room for `count` bytes before the packet; false where the headroom is too small.
  bool prepend(std::size_t count) {
    if (count > begin_) return false;
    begin_ -= count;
    size_ += count;
    return true;
  }
  // The firewall's mark (SO_MARK, -j MARK), which services by firewall mark go by; 0: none.
  std::uint32_t mark() const { return mark_; }
  void set_mark(std::uint32_t mark) { mark_ = mark; }

  // The link that it came by, where that is known.
  InterfaceIndex arrival() const { return arrival_; }
  void set_arrival(InterfaceIndex interface) { arrival_ = interface; }

  // Whether the local stack has read the options of the IPv4 header already, as of what is captured
  // in INPUT; the header's checksum is then as it was before.
  bool options_done() const { return options_done_; }
  void set_options_done(bool done) { options_done_ = done; }

  Offload offload() const { return offload_; }
  void set_offload(Offload offload) { offload_ = offload; }

  // Cuts the packet to `count` bytes (link-layer padding); never grows it.
  void truncate(std::size_t count) {
    if (count < size_) size_ = count;
  }

 private:
  std::span<std::byte> storage_;
  std::size_t begin_;
  std::size_t size_;
  std::uint32_t mark_ = 0;
  InterfaceIndex arrival_ = kNoInterface;
  bool options_done_ = false;
  Offload offload_;
};

// What an edge should leave free before each packet: room for the largest outer header (IPv6 with
// UDP, GUE and its option) and a link-layer header, rounded up.
inline constexpr std::size_t kPacketHeadroom = 128;

}  // namespace lvsd
