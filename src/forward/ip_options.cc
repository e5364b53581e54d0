// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/forward/ip_options.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lvsd/net/checksum.h"

namespace lvsd {
namespace {

enum Kind : std::uint8_t {  // of an option, its copy flag and class included
  kEnd = 0,
  kNoOperation = 1,
  kRecordRoute = 7,
  kTimestamp = 68,
  kLooseSource = 131,
  kStrictSource = 137,
  kRouterAlert = 148
};
enum Stamp : std::uint8_t { kTimeOnly = 0, kAddressToo = 1, kPrespecified = 3 };
constexpr unsigned kStampMask = 0x0f, kMostOverflows = 15;
constexpr std::size_t kLength = 1, kPointer = 2, kFlags = 3;  // in an option
constexpr std::size_t kAddress = sizeof(Ipv4Address), kTime = sizeof(Be32);

unsigned at(std::span<const std::byte> bytes, std::size_t place) {
  return std::to_integer<unsigned>(bytes[place]);
}

std::size_t header_end(std::span<const std::byte> packet) {
  return std::min<std::size_t>((at(packet, 0) & 0x0fU) * 4, packet.size());
}

// How many bytes the next entry of a timestamp option takes.
std::size_t entry_size(unsigned flags) {
  return (flags & kStampMask) == kTimeOnly ? kTime : kAddress + kTime;
}

// Which byte of the option is wrong. Pointers count from 1; one beyond the option says it is full.
std::optional<std::size_t> fault_of_route(std::span<const std::byte> option, bool source) {
  if (option.size() < 3) return kLength;
  const unsigned pointer = at(option, kPointer);
  if (pointer < 4) return kPointer;
  if (!source && pointer <= option.size() && pointer + kAddress - 1 > option.size()) {
    return kPointer;
  }
  return std::nullopt;
}

std::optional<std::size_t> fault_of_timestamp(std::span<const std::byte> option) {
  if (option.size() < 4) return kLength;
  const unsigned pointer = at(option, kPointer), flags = at(option, kFlags);
  if (pointer < 5) return kPointer;
  const bool known = (flags & kStampMask) == kTimeOnly || (flags & kStampMask) == kAddressToo ||
                     (flags & kStampMask) == kPrespecified;
  if (pointer <= option.size()) {
    const std::size_t wanted = known ? entry_size(flags) : kTime;
    if (pointer + wanted - 1 > option.size()) return kPointer;
  } else if ((flags & kStampMask) != kPrespecified && flags >> 4U == kMostOverflows) {
    return kFlags;
  }
  return std::nullopt;
}

std::optional<std::size_t> fault_of(std::span<const std::byte> option) {
  switch (at(option, 0)) {
    case kRecordRoute:
      return fault_of_route(option, false);
    case kLooseSource:
    case kStrictSource:
      return fault_of_route(option, true);
    case kTimestamp:
      return fault_of_timestamp(option);
    case kRouterAlert:
      return option.size() < 4 ? std::optional(kLength) : std::nullopt;
    default:
      return std::nullopt;
  }
}

// Calls `visit` with the place and length of each option that is more than one byte. Gives where an
// option does not fit the header.
template <class Visit>
std::optional<std::size_t> each_option(std::span<const std::byte> packet, Visit&& visit) {
  const std::size_t end = header_end(packet);
  for (std::size_t place = sizeof(Ipv4Header); place < end && at(packet, place) != kEnd;) {
    if (at(packet, place) == kNoOperation) {
      ++place;
      continue;
    }
    const std::size_t length = place + kLength < end ? at(packet, place + kLength) : 0;
    if (length < 2 || length > end - place) return place;
    visit(place, length);
    place += length;
  }
  return std::nullopt;
}

// What is malformed is left as it is.
void fill_route(std::span<std::byte> option, const Ipv4Address& own) {
  if (fault_of(option)) return;
  const unsigned pointer = at(option, kPointer);
  if (pointer > option.size()) return;
  store(option, own, pointer - 1);
  option[kPointer] = static_cast<std::byte>(pointer + kAddress);
}

bool is_ours(const Ipv4Address& address, const Network& network) {
  const IpAddress any(address);
  return network.is_local(any) || any.is_unspecified() || any.is_multicast();
}

void fill_timestamp(std::span<std::byte> option, const OptionValues& values,
                    const Network& network) {
  if (fault_of(option)) return;
  const unsigned pointer = at(option, kPointer), flags = at(option, kFlags);
  const unsigned stamp = flags & kStampMask;
  if (pointer > option.size()) {  // full: one more that found no room
    if (stamp != kPrespecified) option[kFlags] = static_cast<std::byte>(flags + 0x10);
    return;
  }
  if (stamp != kTimeOnly && stamp != kAddressToo && stamp != kPrespecified) return;
  const std::size_t place = pointer - 1;
  if (stamp == kPrespecified && !is_ours(*load<Ipv4Address>(option, place), network)) return;
  if (stamp == kAddressToo) store(option, values.stamp, place);
  const std::size_t size = entry_size(flags);
  store(option, Be32(values.milliseconds), place + size - kTime);
  option[kPointer] = static_cast<std::byte>(pointer + size);
}

}  // namespace

bool has_options(std::span<const std::byte> packet) {
  return !packet.empty() && at(packet, 0) >> 4U == 4 && header_end(packet) > sizeof(Ipv4Header);
}

std::optional<OptionFault> find_fault(std::span<const std::byte> packet) {
  std::optional<std::size_t> fault;
  bool source_route = false;
  std::array<bool, 3> seen{};  // what may be there once: record-route, timestamp, source route
  const auto repeated = [&](unsigned kind) {
    if (kind != kRecordRoute && kind != kTimestamp && kind != kLooseSource && kind != kStrictSource)
      return false;
    return std::exchange(seen.at(kind == kRecordRoute ? 0 : kind == kTimestamp ? 1 : 2), true);
  };
  const auto unfit = each_option(packet, [&](std::size_t place, std::size_t length) {
    const auto option = packet.subspan(place, length);
    const unsigned kind = at(option, 0);
    source_route = source_route || kind == kLooseSource || kind == kStrictSource;
    if (fault) return;
    if (const auto wrong = fault_of(option)) fault = place + *wrong;
    if (repeated(kind) && !fault) fault = place;
  });
  if (!fault) fault = unfit;
  if (fault) return OptionFault{false, static_cast<std::uint8_t>(*fault)};
  if (source_route) return OptionFault{true, 0};
  return std::nullopt;
}

void fill_options(std::span<std::byte> packet, const OptionValues& values, const Network& network) {
  each_option(packet, [&](std::size_t place, std::size_t length) {
    const auto option = packet.subspan(place, length);
    if (at(option, 0) == kRecordRoute) fill_route(option, values.route);
    if (at(option, 0) == kTimestamp) fill_timestamp(option, values, network);
  });
  renew_header_checksum(packet);
}

void renew_header_checksum(std::span<std::byte> packet) {
  constexpr std::size_t kChecksum = 10;
  const auto header = packet.first(header_end(packet));
  store(header, Be16(), kChecksum);
  const Be16 checksum = internet_checksum(header);
  store(header, checksum, kChecksum);
}

}  // namespace lvsd
