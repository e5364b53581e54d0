// SPDX-License-Identifier: GPL-2.0-or-later
// What a service can be told besides where it listens and what it has: persistence and timeouts.
#include <array>

#include "lvsd/config/services.h"

namespace lvsd {
namespace {

constexpr std::string_view kPersistenceRemedy = "write {timeout: 300s, netmask: 32}, or 300s";

std::optional<PersistenceEngine> read_engine(const Item& item,
                                             const std::optional<ServiceKey>& key) {
  constexpr std::array<Choice<PersistenceEngine>, 1> kEngines{{{"sip", PersistenceEngine::sip}}};
  const auto engine = read_choice<PersistenceEngine>(item, kEngines);
  if (!engine || !key || key->is_by_mark() || key->protocol == ServiceProtocol::udp) return engine;
  item.refuse("the SIP engine reads UDP, and this service listens on " +
                  std::string(to_string(key->protocol)),
              "leave it out");
  return std::nullopt;
}

}  // namespace

std::optional<Persistence> read_persistence(const Item& item,
                                            const std::optional<ServiceKey>& key) {
  constexpr std::array<std::string_view, 3> kKeys{"timeout", "netmask", "engine"};
  const bool v4 = !key || key->listen.address.is_v4();
  Persistence out;
  out.netmask = v4 ? 32 : 128;
  if (item.value.kind() == ValueKind::scalar) {
    assign(out.timeout, read_duration(item));
    return out;
  }
  const Mapping map(item, kKeys, kPersistenceRemedy);
  if (!map.valid()) return std::nullopt;
  if (const auto field = map.find("timeout")) assign(out.timeout, read_duration(*field));
  if (const auto field = map.find("netmask")) {
    // An IPv6 prefix of 0 is not for the kernel, nor is it for us.
    const Range range{v4 ? 0U : 1U, v4 ? 32U : 128U};
    assign(out.netmask, read_number(*field, range,
                                    v4 ? "a prefix length, 0 (all clients) to 32 (each client)"
                                       : "a prefix length, 1 to 128 (each client)"));
  }
  if (const auto field = map.find("engine")) assign(out.engine, read_engine(*field, key));
  return out;
}

ServiceTimeouts read_service_timeouts(const Item& item) {
  constexpr std::array<std::string_view, 3> kKeys{"tcp", "tcp_fin", "udp"};
  const Mapping map(item, kKeys, "write those that differ: {tcp: 900s, tcp_fin: 120s, udp: 300s}");
  ServiceTimeouts out;
  if (const auto field = map.find("tcp")) out.tcp = read_duration(*field);
  if (const auto field = map.find("tcp_fin")) out.tcp_fin = read_duration(*field);
  if (const auto field = map.find("udp")) out.udp = read_duration(*field);
  return out;
}

}  // namespace lvsd
