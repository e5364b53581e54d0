// SPDX-License-Identifier: GPL-2.0-or-later
// A director between a client network and a server network, for tests of what it decides:
// 10.0.1.0/24 on interface 1 (clients behind 10.0.1.2), 10.0.2.0/24 on interface 2 (real servers
// .11 .12 .13, all resolved), virtual address 10.0.3.100.
#pragma once

#include <string>
#include <vector>

#include "lvsd/director/director.h"
#include "support/packet_builder.h"

namespace lvsd::test {

inline IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }
inline Endpoint endpoint(std::string_view text, std::uint16_t port) {
  return {address(text), Port(port)};
}

Network::Parts director_network();
// The MAC that the fixture's network gives an address in it: 02:00:00:00:02:11 for 10.0.2.11.
Mac mac_of(std::string_view address);

VirtualService tcp_service(std::uint16_t port, const ForwardingMethod& method,
                           const std::vector<Destination>& destinations,
                           SchedulerKind scheduler = SchedulerKind::rr);
VirtualService udp_service(std::uint16_t port, const ForwardingMethod& method,
                           const std::vector<Destination>& destinations,
                           SchedulerKind scheduler = SchedulerKind::rr);

VirtualService sctp_service(std::uint16_t port, const ForwardingMethod& method,
                            const std::vector<Destination>& destinations,
                            SchedulerKind scheduler = SchedulerKind::rr);

struct Sent {
  EmissionKind kind;
  InterfaceIndex interface;
  Mac source, destination;
  Bytes packet;  // whole, head and all
  Unfinished unfinished = {};
};

class DirectorFixture {
 public:
  explicit DirectorFixture(const std::vector<VirtualService>& services,
                           Network::Parts parts = director_network(),
                           std::uint32_t connection_limit = 1000);

  // At `now`; what it emits replaces `sent`.
  Verdict handle(View packet, std::uint32_t mark = 0, Offload offload = {});
  void set_network(Network::Parts parts);
  void apply(const Changes& changes);
  void pass(Duration time);  // moves the clock, running expiries on the way
  const DestinationSnapshot& destination(const ServiceKey& service, std::string_view address);

  TimePoint now = TimePoint(std::chrono::hours(100));
  InterfaceIndex arrival = kNoInterface;  // by which packets come
  Director director;
  std::vector<Sent> sent;  // packets only
  Bytes changed;           // the packet after handle(), for Accept{changed}
  int resolves = 0, refreshes = 0;

 private:
  void collect();
  Emissions emissions_;
  DirectorSnapshot snapshot_;
};

std::string describe(const Verdict& verdict);  // "forwarded", "drop no-route", ...

}  // namespace lvsd::test
