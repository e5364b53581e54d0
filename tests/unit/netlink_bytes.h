// SPDX-License-Identifier: GPL-2.0-or-later
// Makes rtnetlink messages byte by byte, as a kernel would send them, and remembers where each may
// be cut without breaking an attribute.
#pragma once

#include <linux/netlink.h>

#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "lvsd/net/address.h"

namespace lvsd::testing {

class NetlinkBytes {
 public:
  template <class Header>
  NetlinkBytes(std::uint16_t type, const Header& header) {
    nlmsghdr message{};
    message.nlmsg_type = type;
    append(&message, sizeof(message));
    append(&header, sizeof(header));
    pad();
    header_size_ = bytes_.size();
    sound_.insert(bytes_.size());
  }

  NetlinkBytes& attribute(std::uint16_t type, const void* value, std::size_t size) {
    const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + size), type};
    append(&header, sizeof(header));
    append(value, size);
    sound_.insert(bytes_.size());
    while (bytes_.size() % 4 != 0) {
      bytes_.push_back(std::byte{0});
      sound_.insert(bytes_.size());
    }
    return *this;
  }
  NetlinkBytes& number(std::uint16_t type, std::uint32_t value) {
    return attribute(type, &value, sizeof(value));
  }
  NetlinkBytes& text(std::uint16_t type, const std::string& value) {
    return attribute(type, value.c_str(), value.size() + 1);
  }
  NetlinkBytes& address(std::uint16_t type, const std::string& text) {
    const IpAddress address = *IpAddress::parse(text);
    if (address.is_v4()) return attribute(type, address.v4().bytes().data(), 4);
    return attribute(type, address.bytes().data(), 16);
  }
  NetlinkBytes& mac(std::uint16_t type, const std::string& text) {
    return attribute(type, Mac::parse(text)->bytes().data(), 6);
  }

  // The first `size` bytes, with a header that says that they are all.
  std::vector<std::byte> first(std::size_t size) const {
    std::vector<std::byte> cut(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(size));
    const auto length = static_cast<std::uint32_t>(size);
    if (size >= sizeof(length)) std::memcpy(cut.data(), &length, sizeof(length));
    return cut;
  }
  std::vector<std::byte> bytes() const { return first(bytes_.size()); }
  std::size_t size() const { return bytes_.size(); }
  std::size_t header_size() const { return header_size_; }
  bool sound_at(std::size_t size) const { return sound_.contains(size); }

 private:
  void append(const void* data, std::size_t size) {
    const auto* from = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), from, from + size);
  }
  void pad() {
    while (bytes_.size() % 4 != 0) bytes_.push_back(std::byte{0});
  }
  std::vector<std::byte> bytes_;
  std::set<std::size_t> sound_;  // lengths that end between two attributes
  std::size_t header_size_ = 0;
};

}  // namespace lvsd::testing
