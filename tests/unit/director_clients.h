// SPDX-License-Identifier: GPL-2.0-or-later
// What the tests of new connections have in common: clients, two servers, and who served whom.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "lvsd/config/diff.h"
#include "support/director_fixture.h"

namespace lvsd::test {

inline constexpr std::string_view kVip = "10.0.3.100", kClient = "10.1.0.7", kOther = "10.1.0.8";
inline constexpr std::uint8_t kSyn = 0x02, kAck = 0x10, kFinAck = 0x11, kRst = 0x04;

inline Destination to(std::string_view text, std::uint16_t port, std::uint16_t weight = 1) {
  return {endpoint(text, port), DirectRouting{}, Weight(weight)};
}
inline std::vector<Destination> two(std::uint16_t port) {
  return {to("10.0.2.11", port), to("10.0.2.12", port)};
}
inline VirtualService web() { return tcp_service(80, DirectRouting{}, two(80)); }

inline VirtualService by_mark(std::vector<Destination> destinations) {
  VirtualService service;
  service.key = ServiceKey::by_mark(7, true);
  service.name = "marked";
  service.scheduler = SchedulerKind::rr;
  service.destinations = std::move(destinations);
  return service;
}

inline Bytes segment(std::string_view client, std::uint16_t port, std::uint16_t dport,
                     std::uint8_t flags = kSyn) {
  return tcp_packet({.source = client, .destination = kVip},
                    {.source = port, .destination = dport, .flags = flags});
}
inline Bytes datagram(std::string_view client, std::uint16_t port, std::uint16_t dport,
                      View payload = {}) {
  return udp_packet({.source = client, .destination = kVip}, {.source = port, .destination = dport},
                    payload);
}

// The last number of the server that the packet went to; else the verdict.
inline std::string server_of(DirectorFixture& f, View packet, std::uint32_t mark = 0) {
  const Verdict verdict = f.handle(packet, mark);
  if (describe(verdict) != "forwarded" || f.sent.empty()) return describe(verdict);
  for (const char* server : {"10.0.2.11", "10.0.2.12", "10.0.2.13"}) {
    if (f.sent[0].destination == mac_of(server)) return std::string(server).substr(7);
  }
  return "elsewhere";
}

inline Config config_of(std::vector<VirtualService> services, const IpvsOptions& ipvs = {}) {
  Config config;
  config.services = std::move(services);
  config.ipvs = ipvs;
  return config;
}

// Settings alone, as a reload brings them.
inline Changes change_to(const IpvsOptions& ipvs) {
  Changes changes;
  changes.ipvs = ipvs;
  return changes;
}

inline std::uint32_t connections(const DirectorFixture& f) {
  return f.director.snapshot().connections;
}

}  // namespace lvsd::test
