// SPDX-License-Identifier: GPL-2.0-or-later
// What the tests of connections over time have in common: one client, one web service.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "lvsd/config/diff.h"
#include "support/director_fixture.h"

namespace lvsd::test {

inline constexpr std::string_view kClient = "10.1.0.7", kVip = "10.0.3.100";
inline const ServiceKey kWeb{ServiceProtocol::tcp, endpoint("10.0.3.100", 80)};
inline constexpr std::uint8_t kSyn = 0x02, kAck = 0x10, kFinAck = 0x11, kRst = 0x04;

inline Destination to(std::string_view text, std::uint16_t weight = 1) {
  return {endpoint(text, 80), DirectRouting{}, Weight(weight)};
}

inline VirtualService web(const std::vector<Destination>& destinations,
                          SchedulerKind kind = SchedulerKind::rr) {
  return tcp_service(80, DirectRouting{}, destinations, kind);
}

inline Config config_of(std::vector<VirtualService> services) {
  Config config;
  config.services = std::move(services);
  return config;
}

inline Bytes segment(std::uint16_t port, std::uint8_t flags) {
  return tcp_packet({.source = kClient, .destination = kVip}, {.source = port, .flags = flags});
}

}  // namespace lvsd::test
