// SPDX-License-Identifier: GPL-2.0-or-later
// What belongs to method tun: the encapsulation, and what becomes of packets that are too large.
#include <algorithm>
#include <array>

#include "lvsd/config/services.h"

namespace lvsd {
namespace {

constexpr std::array<Choice<Oversize>, 3> kOversizes{
    {{"split", Oversize::split}, {"icmp", Oversize::icmp}, {"fragment", Oversize::fragment}}};

constexpr std::string_view kTunnelRemedy =
    "write 'tunnel: {type: gue, port: 6080}', or gre or ipip as type; 'checksum: true' adds one";

std::optional<TunnelChecksum> read_checksum(const Item& item) {
  constexpr std::array<Choice<TunnelChecksum>, 3> kChoices{{{"false", TunnelChecksum::none},
                                                            {"true", TunnelChecksum::present},
                                                            {"remote", TunnelChecksum::remote}}};
  return read_choice<TunnelChecksum>(item, kChoices);
}

std::optional<Port> read_tunnel_port(const Item& item) {
  const std::optional<std::uint64_t> port =
      read_number(item, {1, 65535}, "a port is 1 to 65535; 6080 is GUE's own");
  if (!port) return std::nullopt;
  return Port(static_cast<std::uint16_t>(*port));
}

// What the type has no place for, or cannot be without.
void judge(const Mapping& map, Encapsulation type) {
  const std::optional<Item> port = map.find("port"), checksum = map.find("checksum");
  const std::string name(to_string(type));
  if (type == Encapsulation::gue) {
    if (!port)
      map.require("port", "add the port that the real server decapsulates on: 'port: 6080'");
    return;
  }
  if (port)
    port->refuse("a port, which " + name + " does not have", "leave it out, or use type gue");
  if (checksum && type == Encapsulation::ipip) {
    checksum->refuse("a checksum, which ipip does not have",
                     "leave it out, or use type gre or gue");
  }
}

std::optional<Tunnel> read_one(const Item& item) {
  constexpr std::array<std::string_view, 3> kKeys{"type", "port", "checksum"};
  constexpr std::array<Choice<Encapsulation>, 3> kTypes{
      {{"ipip", Encapsulation::ipip}, {"gue", Encapsulation::gue}, {"gre", Encapsulation::gre}}};
  const Mapping map(item, kKeys, kTunnelRemedy);
  if (!map.valid()) return std::nullopt;
  Tunnel out;
  std::optional<Encapsulation> type;
  if (const std::optional<Item> field = map.require("type", "add 'type: gue', gre or ipip")) {
    type = read_choice<Encapsulation>(*field, kTypes);
  }
  if (const std::optional<Item> field = map.find("port"))
    assign(out.port, read_tunnel_port(*field));
  if (const std::optional<Item> field = map.find("checksum")) {
    assign(out.checksum, read_checksum(*field));
    if (type == Encapsulation::gre && out.checksum == TunnelChecksum::remote) {
      field->refuse("a remote checksum, which only gue has", "write 'checksum: true'");
    }
  }
  if (!type) return std::nullopt;
  judge(map, *type);
  out.encapsulation = *type;
  return out;
}

}  // namespace

void read_tunnel(const Mapping& map, std::optional<ForwardingMethod>& method) {
  const std::optional<Item> field = map.find("tunnel");
  if (!field) return;
  const std::optional<Tunnel> tunnel = read_one(*field);
  if (!method) return;
  if (!std::holds_alternative<Tunnel>(*method)) {
    field->refuse("a tunnel, which method " + std::string(to_string(*method)) + " does not use",
                  "leave it out, or use 'method: tun'");
  } else if (tunnel) {
    *method = *tunnel;
  }
}

std::optional<Oversize> read_oversize(const Item& item) {
  return read_choice<Oversize>(item, kOversizes);
}

std::string tunnel_text(const Tunnel& tunnel) {
  std::string out = "{type: " + std::string(to_string(tunnel.encapsulation));
  if (tunnel.encapsulation == Encapsulation::gue) out += ", port: " + to_string(tunnel.port);
  if (tunnel.checksum == TunnelChecksum::present) out += ", checksum: true";
  if (tunnel.checksum == TunnelChecksum::remote) out += ", checksum: remote";
  return out + "}";
}

}  // namespace lvsd
