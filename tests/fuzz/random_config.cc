// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "director_world.h"

namespace lvsd::test {
namespace {

std::vector<Destination> some_destinations(ByteSource& in, std::uint16_t port) {
  constexpr std::string_view kServers[] = {"10.0.2.11", "10.0.2.12", "10.0.2.13",
                                           "10.0.2.14", "10.0.2.1",  "192.0.2.1"};
  std::vector<Destination> out;
  const unsigned present = in.next8();
  for (std::size_t i = 0; i < std::size(kServers); ++i) {
    // The usual ones are there unless the bit is set, the odd ones (silent, local, unroutable) if
    // it is.
    if (((present >> i & 1U) != 0) != (i >= 3)) continue;
    const auto weight = static_cast<std::uint16_t>(present >> 6U == i ? 0 : i + 1);
    out.push_back({endpoint(kServers[i], port), DirectRouting{}, Weight(weight)});
  }
  if ((present & 0x80U) != 0) std::ranges::reverse(out);
  return out;
}

ForwardingMethod some_method(ByteSource& in) {
  const unsigned which = in.next8();
  const auto checksum = static_cast<TunnelChecksum>(which >> 4U & 1U);
  switch (which % 5) {
    case 0:
      return DirectRouting{};
    case 1:
      return Tunnel{Encapsulation::gue, Port(std::uint16_t{6080}), checksum};
    case 2:
      return Tunnel{Encapsulation::gre, {}, checksum};
    case 3:
      return Tunnel{};
    default:
      return Masquerade{};
  }
}

// Whatever a service can be told besides.
void vary(ByteSource& in, VirtualService& service) {
  const unsigned how = in.next8();
  const bool v4 = service.key.listen.address.is_v4();
  if ((how & 1U) != 0) {
    service.persistence = Persistence{std::chrono::seconds(1 + in.next8()),
                                      static_cast<std::uint8_t>(v4 ? 24 + how % 9 : 64)};
    if ((how & 2U) != 0) service.persistence->engine = PersistenceEngine::sip;
  }
  service.one_packet = (how & 4U) != 0;
  if ((how & 8U) != 0) service.oversize = Oversize::fragment;
  if ((how & 16U) != 0) service.timeouts.tcp = std::chrono::seconds(in.next8());
  if ((how & 32U) != 0 && service.key.protocol == ServiceProtocol::tcp) {
    service.helper = Helper::ftp;
  }
  if ((how & 64U) != 0) service.hairpin = address(v4 ? "10.0.2.1" : "fd00:2::1");
}

// By mark, for any port, FTP, SCTP, IPv6: beside the usual ones, which the judge knows by heart.
void add_special_services(ByteSource& in, Config& config) {
  const unsigned present = in.next8();
  const auto add = [&](unsigned bit, VirtualService service, std::string_view listen) {
    if ((present >> bit & 1U) == 0) return;
    if (!listen.empty()) service.key.listen.address = address(listen);
    vary(in, service);
    service.name = to_string(service.key);
    config.services.push_back(std::move(service));
  };
  const ForwardingMethod method = some_method(in);
  VirtualService marked = tcp_service(80, method, some_destinations(in, 0));
  marked.key = ServiceKey::by_mark(7, true);
  add(0, std::move(marked), {});
  add(1, tcp_service(0, method, some_destinations(in, 0)), "10.0.3.101");
  add(2, udp_service(0, method, some_destinations(in, 0)), "10.0.3.101");
  add(3, tcp_service(21, Masquerade{}, some_destinations(in, 2121)), "10.0.3.100");
  add(4, sctp_service(80, Masquerade{}, some_destinations(in, 8080)), "10.0.3.100");
  add(5, udp_service(5060, Masquerade{}, some_destinations(in, 5060)), "10.0.3.100");
  const std::vector<Destination> v6 = {{endpoint("fd00:2::11", 80), method, Weight(1)}};
  add(6, tcp_service(80, method, v6), "fd00:3::100");
  add(7, udp_service(80, method, v6), "fd00:3::100");
}

IpvsOptions some_options(ByteSource& in) {
  IpvsOptions options;
  const unsigned flags = in.next16();
  const auto flag = [flags](unsigned bit) { return (flags >> bit & 1U) != 0; };
  if (flag(0)) options.expire_nodest_conn = flag(1);
  options.expire_quiescent_template = flag(2);
  options.conn_reuse_mode = static_cast<std::uint8_t>(flags >> 3U & 3U);
  options.sloppy_tcp = flag(5);
  options.sloppy_sctp = flag(6);
  options.schedule_icmp = flag(7);
  options.cache_bypass = flag(8);
  options.nat_icmp_send = flag(9);
  const auto mode = [&](unsigned bit) { return flag(bit) ? DefenceMode::on : DefenceMode::off; };
  options.drop_entry = mode(10);
  options.drop_packet = mode(11);
  options.secure_tcp = mode(12);
  return options;
}

}  // namespace

Config some_config(ByteSource& in) {
  constexpr SchedulerKind kKinds[] = {SchedulerKind::rr,    SchedulerKind::wrr, SchedulerKind::lc,
                                      SchedulerKind::wlc,   SchedulerKind::sh,  SchedulerKind::dh,
                                      SchedulerKind::sed,   SchedulerKind::nq,  SchedulerKind::fo,
                                      SchedulerKind::ovf,   SchedulerKind::mh,  SchedulerKind::lblc,
                                      SchedulerKind::lblcr, SchedulerKind::twos};
  Config config;
  const unsigned absent = in.next8();
  const SchedulerKind kind = in.one_of(kKinds);
  const auto add = [&](unsigned bit, const VirtualService& service) {
    if ((absent >> bit & 1U) == 0) config.services.push_back(service);
  };
  const bool exchanged = (absent & 0x40U) != 0;  // same endpoints, other methods
  const ForwardingMethod first = exchanged ? ForwardingMethod(Tunnel{}) : DirectRouting{};
  const ForwardingMethod second = exchanged ? ForwardingMethod(DirectRouting{}) : Tunnel{};
  add(0, tcp_service(80, first, some_destinations(in, 80), kind));
  add(1, tcp_service(81, second, some_destinations(in, 81), kind));
  add(2, tcp_service(82, Masquerade{}, some_destinations(in, 8080), kind));
  add(3, udp_service(80, first, some_destinations(in, 80), kind));
  add(4, udp_service(81, second, some_destinations(in, 81), kind));
  add(5, udp_service(82, Masquerade{}, some_destinations(in, 5353), kind));
  if (in.next8() % 2 == 0) add_special_services(in, config);
  if (in.next8() % 2 == 0) config.ipvs = some_options(in);
  return config;
}

}  // namespace lvsd::test
