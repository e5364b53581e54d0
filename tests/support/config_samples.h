// SPDX-License-Identifier: GPL-2.0-or-later
// Random configurations that lvsd.yaml can express, for properties that hold of all of them.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>
#include <string>

#include "lvsd/model/config.h"

namespace lvsd::test {

// Of this run: from LVSD_SEED where a failure is to be repeated.
inline std::uint64_t seed() {
  static const std::uint64_t kSeed = [] {
    const char* given = std::getenv("LVSD_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10)
                            : static_cast<std::uint64_t>(std::random_device()());
  }();
  return kSeed;
}

inline Tunnel random_tunnel(std::mt19937_64& random) {
  Tunnel out;
  out.encapsulation = static_cast<Encapsulation>(random() % 3);
  if (out.encapsulation == Encapsulation::gue) out.port = Port(std::uint16_t{6080});
  const auto sums = std::uint64_t{1} +
                    static_cast<unsigned>(out.encapsulation != Encapsulation::ipip) +
                    static_cast<unsigned>(out.encapsulation == Encapsulation::gue);
  out.checksum = static_cast<TunnelChecksum>(random() % sums);
  return out;
}

inline IpAddress random_address(std::mt19937_64& random, bool v6, std::uint8_t hosts) {
  const auto host = static_cast<std::uint8_t>(1 + random() % hosts);
  if (!v6) return {10, 0, 0, host};
  return IpAddress(IpAddress::Bytes{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host});
}

inline Destination random_destination(std::mt19937_64& random, bool v6, Port service_port) {
  Destination out;
  const auto method = random() % 3;
  if (method == 1) out.method = random_tunnel(random);
  const bool other = method == 1 && random() % 2 == 0;
  out.endpoint = {random_address(random, v6 != other, 12), service_port};
  if (method == 2) out.method = Masquerade{};
  if (method == 2 && random() % 2 == 0) {
    out.endpoint.port = Port(static_cast<std::uint16_t>(8000 + random() % 3));
  }
  out.weight =
      Weight(static_cast<std::uint16_t>(random() % 2 == 0 ? random() % 4 : random() % 65536));
  if (random() % 4 == 0) {
    out.thresholds.upper = 1 + static_cast<std::uint32_t>(random() % 0xffffffffU);
    out.thresholds.lower = static_cast<std::uint32_t>(random() % out.thresholds.upper);
  }
  return out;
}

inline VirtualService random_service(std::mt19937_64& random) {
  VirtualService out;
  out.key.protocol = random() % 2 == 0 ? ServiceProtocol::tcp : ServiceProtocol::udp;
  out.key.listen = {IpAddress(192, 0, 2, static_cast<std::uint8_t>(10 + random() % 3)),
                    Port(static_cast<std::uint16_t>(80 + random() % 3))};
  const bool v6 = random() % 3 == 0;
  if (v6) out.key.listen.address = *IpAddress::parse("2001:db8:1::10");
  if (random() % 2 == 0) out.oversize = random() % 2 == 0 ? Oversize::fragment : Oversize::icmp;
  if (random() % 4 == 0) out.hairpin = random_address(random, v6, 12);
  out.name = random() % 3 == 0 ? to_string(out.key) : "service-" + std::to_string(random());
  out.scheduler = static_cast<SchedulerKind>(random() % kSchedulerKinds);
  if (takes_flags(out.scheduler)) out.scheduler_flags = {random() % 2 == 0, random() % 2 == 0};
  std::set<Endpoint> seen;
  for (auto count = random() % 6; count > 0; --count) {
    const Destination destination = random_destination(random, v6, out.key.listen.port);
    if (seen.insert(destination.endpoint).second) out.destinations.push_back(destination);
  }
  return out;
}

inline Config random_config(std::mt19937_64& random) {
  Config out;
  const auto sometimes = [&] { return random() % 3 == 0; };
  if (sometimes()) out.startup.backend = static_cast<CaptureBackend>(random() % 4);
  if (sometimes()) out.startup.stage = CaptureStage::late;
  if (sometimes()) out.startup.queue = static_cast<std::uint16_t>(random() % 60000);
  if (sometimes()) out.startup.queue_bypass = true;
  if (sometimes()) out.startup.queue_length = static_cast<std::uint32_t>(64 + random() % 1000);
  if (sometimes()) out.startup.overload = static_cast<Overload>(random() % 3);
  if (sometimes()) out.startup.workers = static_cast<unsigned>(random() % 257);
  if (sometimes()) out.startup.cpus = {3, 0, 17};
  if (sometimes()) out.startup.super_packets = false;
  if (sometimes()) out.startup.connection_limit = static_cast<std::uint32_t>(1 + random() % 1000);
  if (sometimes()) out.announce.enabled = false;
  if (sometimes()) out.announce = {true, "eth" + std::to_string(random() % 3)};
  if (sometimes()) out.timeouts.tcp = std::chrono::milliseconds(1 + random() % 2678400000);
  if (sometimes()) out.timeouts.udp = std::chrono::seconds(1 + random() % 2678400);
  std::set<ServiceKey> seen;
  for (auto count = random() % 5; count > 0; --count) {
    VirtualService service = random_service(random);
    if (seen.insert(service.key).second) out.services.push_back(std::move(service));
  }
  for (const VirtualService& service : out.services) {  // as it follows from them
    if (!service.persistence) continue;
    const bool sip = service.persistence->engine == PersistenceEngine::sip;
    const std::uint8_t mask = sip ? std::uint8_t{0} : service.persistence->netmask;
    SteeringPrefix& steering = out.startup.steering;
    std::uint8_t& least = service.key.listen.address.is_v4() ? steering.v4 : steering.v6;
    least = std::min(least, mask);
  }
  return out;
}

}  // namespace lvsd::test
