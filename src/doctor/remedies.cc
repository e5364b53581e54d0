// SPDX-License-Identifier: GPL-2.0-or-later
#include "remedies.h"

namespace lvsd::doctor {

bool is_dr(const DestinationEvidence& seen) {
  return std::holds_alternative<DirectRouting>(seen.destination.method);
}
bool is_tunnel(const DestinationEvidence& seen) {
  return std::holds_alternative<Tunnel>(seen.destination.method);
}
bool is_nat(const DestinationEvidence& seen) {
  return std::holds_alternative<Masquerade>(seen.destination.method);
}
bool off_link(const DestinationEvidence& seen) {
  return seen.hop && seen.hop->gateway != seen.destination.endpoint.address;
}

std::string rip(const DestinationEvidence& seen) {
  return to_string(seen.destination.endpoint.address);
}
std::string vip(const DestinationEvidence& seen) {
  const ServiceKey& key = seen.virtual_service.key;
  return key.is_by_mark() ? "VIP" : to_string(key.listen.address);  // any that has the mark
}
std::string director_of(const DestinationEvidence& seen) {
  return seen.hop ? to_string(seen.hop->source) : "DIRECTOR";
}

void add(Findings& out, const DestinationEvidence& seen, std::string_view name, std::string what,
         std::string evidence, std::string remedy, Severity severity) {
  Finding finding = on(seen, name);
  finding.severity = severity;
  finding.what = std::move(what);
  finding.evidence = std::move(evidence);
  finding.remedy = std::move(remedy);
  out.push_back(std::move(finding));
}

void cannot_tell(Findings& out, const DestinationEvidence& seen, std::string what,
                 std::string evidence) {
  add(out, seen, "no-answer", std::move(what), std::move(evidence),
      "look at it there: tcpdump on the real server", Severity::unknown);
}

std::string apply_there(const DestinationEvidence& seen, const std::string& more) {
  const ServiceKey& key = seen.virtual_service.key;
  const Port port = seen.destination.endpoint.port;
  std::string text = "there: lvsctl realserver apply --vip " + vip(seen) + " --method " +
                     std::string(to_string(seen.destination.method)) + " --director " +
                     director_of(seen) + " --address " + rip(seen);
  if (!key.is_by_mark()) text += " --port " + (port == Port() ? "any" : to_string(port));
  if (!key.is_by_mark()) text += " --protocol " + std::string(to_string(key.protocol));
  if (const auto* tunnel = std::get_if<Tunnel>(&seen.destination.method)) {
    text += " --tunnel " + std::string(to_string(tunnel->encapsulation));
    if (tunnel->encapsulation == Encapsulation::gue && tunnel->port != Port()) {
      text += " --gue-port " + to_string(tunnel->port);
    }
  }
  return text + more;
}

namespace {

// What a firewall sees of a tunnel.
std::string outer_match(const DestinationEvidence& seen) {
  constexpr Port kGuePort{std::uint16_t{6080}};
  const Tunnel& tunnel = std::get<Tunnel>(seen.destination.method);
  switch (tunnel.encapsulation) {
    case Encapsulation::ipip:
      return seen.virtual_service.key.listen.address.is_v4() ? "4" : "41";
    case Encapsulation::gre:
      return "47";
    case Encapsulation::gue:
      break;
  }
  return "udp --dport " + to_string(tunnel.port == Port() ? kGuePort : tunnel.port);
}

}  // namespace

std::string accept_there(const DestinationEvidence& seen, bool outer) {
  const ServiceKey& key = seen.virtual_service.key;
  const Endpoint& server = seen.destination.endpoint;
  const IpAddress& target = outer || is_nat(seen) ? server.address : key.listen.address;
  const std::string match =
      outer ? outer_match(seen) + " -s " + director_of(seen)
            : std::string(to_string(key.protocol)) + " --dport " + to_string(server.port);
  return std::string("there: ") + (target.is_v4() ? "iptables" : "ip6tables") + " -I INPUT -d " +
         to_string(target) + " -p " + match +
         " -j ACCEPT, or the like in what its firewall is configured by";
}

std::string route_with_mtu(const DestinationEvidence& seen, std::uint32_t mtu) {
  const IpAddress& server = seen.destination.endpoint.address;
  return "ip route replace " + rip(seen) + "/" + std::to_string(server.width()) +
         (off_link(seen) ? " via " + to_string(seen.hop->gateway) : "") + " dev " + seen.interface +
         " mtu " + (mtu == 0 ? "N" : std::to_string(mtu)) +
         (mtu == 0 ? " with what the path really takes as N" : "");
}

}  // namespace lvsd::doctor
