// SPDX-License-Identifier: GPL-2.0-or-later
// The way to a destination, and what it makes of packets.
#include "checks.h"

namespace lvsd::doctor {
namespace {

bool is_dr(const DestinationEvidence& seen) {
  return std::holds_alternative<DirectRouting>(seen.destination.method);
}
bool is_tunnel(const DestinationEvidence& seen) {
  return std::holds_alternative<Tunnel>(seen.destination.method);
}
bool is_nat(const DestinationEvidence& seen) {
  return std::holds_alternative<Masquerade>(seen.destination.method);
}
std::string rip(const DestinationEvidence& seen) {
  return to_string(seen.destination.endpoint.address);
}
std::string vip(const DestinationEvidence& seen) {
  return to_string(seen.virtual_service.key.listen.address);
}
bool off_link(const DestinationEvidence& seen) {
  return seen.hop && seen.hop->gateway != seen.destination.endpoint.address;
}

void add(Findings& out, const DestinationEvidence& seen, std::string_view name, std::string what,
         std::string evidence, std::string remedy, Severity severity = Severity::fault) {
  Finding finding = on(seen, name);
  finding.severity = severity;
  finding.what = std::move(what);
  finding.evidence = std::move(evidence);
  finding.remedy = std::move(remedy);
  out.push_back(std::move(finding));
}

// An error that a host sends because nothing takes such packets: protocol 2, port 3 (GUE).
bool says_no_decapsulator(const Answer& answer) {
  if (answer.reply != Reply::error) return false;
  if (answer.v6)
    return (answer.type == 4 && answer.code == 1) || (answer.type == 1 && answer.code == 4);
  return answer.type == 3 && (answer.code == 2 || answer.code == 3);
}
bool says_untrusted(const Answer& answer) {
  if (answer.reply != Reply::error) return false;
  return answer.v6 ? answer.type == 1 && answer.code == 1 : answer.type == 3 && answer.code == 13;
}
// lvsd-decap's answer for an address that is not on its device.
bool says_not_ours(const Answer& answer) {
  if (answer.reply != Reply::error) return false;
  return answer.v6 ? answer.type == 1 && answer.code == 3 : answer.type == 3 && answer.code == 1;
}
// Of a datagram it says that nothing listens. A TCP port that is closed answers by a reset (RFC
// 9293 section 3.10.7.1), so of TCP only a firewall says it.
bool says_port_unreachable(const Answer& answer) {
  if (answer.reply != Reply::error) return false;
  return answer.v6 ? answer.type == 1 && answer.code == 4 : answer.type == 3 && answer.code == 3;
}
// What firewalls answer with: port unreachable is the default of REJECT; RFC 792, RFC 1812 section
// 5.2.7.1 and RFC 4443 section 3.1 have the others.
bool says_rejected(const Answer& answer) {
  if (answer.reply != Reply::error) return false;
  if (says_port_unreachable(answer)) return true;
  const auto code = answer.code;
  if (answer.v6) return answer.type == 1 && (code == 1 || code == 5 || code == 6);
  return answer.type == 3 && (code == 9 || code == 10 || code == 13);
}
// Its errors about what was for the virtual address have that as source (RFC 1122 section 3.2.2).
bool from_server(const DestinationEvidence& seen, const Answer& answer) {
  return answer.from == seen.destination.endpoint.address ||
         answer.from == seen.virtual_service.key.listen.address;
}

void cannot_tell(Findings& out, const DestinationEvidence& seen, std::string what,
                 std::string evidence) {
  add(out, seen, "no-answer", std::move(what), std::move(evidence),
      "look at it there: tcpdump on the real server", Severity::unknown);
}

std::string director_of(const DestinationEvidence& seen) {
  return seen.hop ? to_string(seen.hop->source) : "DIRECTOR";
}

// What the real server is to be told.
std::string apply_there(const DestinationEvidence& seen) {
  return "there: lvsctl realserver apply --vip " + vip(seen) + " --method " +
         std::string(to_string(seen.destination.method)) + " --director " + director_of(seen);
}

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

// The rule that lets in what was rejected: the tunnel's packets, or the service's.
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

// By a firewall on the real server, where it is what the service's clients send; else by somebody
// on the way, which says nothing of what the server has.
void rejected(Findings& out, const DestinationEvidence& seen, const Answer& answer,
              bool as_clients_send, const std::string& evidence) {
  if (!as_clients_send || !from_server(seen, answer) || !says_rejected(answer)) {
    return cannot_tell(
        out, seen,
        "packets for " + rip(seen) + " are rejected on their way there, or by its firewall",
        evidence);
  }
  const bool outer = is_tunnel(seen) && answer.from == seen.destination.endpoint.address;
  add(out, seen, "rejected",
      "a firewall on " + rip(seen) + " rejects " +
          (outer ? "tunnel packets"
                 : "what comes for port " + to_string(seen.destination.endpoint.port)),
      evidence, accept_there(seen, outer));
}

void port_closed(Findings& out, const DestinationEvidence& seen, const Answer& answer) {
  const bool reset = answer.reply == Reply::refused;
  add(out, seen, "port-closed",
      "nothing listens on port " + to_string(seen.destination.endpoint.port) +
          (reset ? "" : ", or a firewall there rejects what comes for it"),
      describe(answer),
      is_nat(seen)
          ? "start the server there, or correct the port"
          : "start the server there; it has to listen on " + vip(seen) + " or on all addresses");
}

void vip_missing(Findings& out, const DestinationEvidence& seen, const std::string& evidence) {
  add(out, seen, "vip-missing", "the real server " + rip(seen) + " does not have " + vip(seen),
      evidence, apply_there(seen));
}

// False: neither the port nor a firewall has refused anything.
bool check_refusals(const DestinationEvidence& seen, const Answer& answer, Findings& out) {
  const Answer& datagram = seen.datagram;
  if (answer.reply == Reply::refused) {
    port_closed(out, seen, answer);
  } else if (from_server(seen, datagram) && says_port_unreachable(datagram)) {
    port_closed(out, seen, datagram);
  } else if (answer.reply == Reply::error) {
    rejected(out, seen, answer, seen.asks_tcp(), describe(answer));
  } else if (datagram.reply == Reply::error) {
    rejected(out, seen, datagram, true, describe(datagram));
  } else {
    return false;
  }
  return true;
}

void check_dr(const DestinationEvidence& seen, Findings& out) {
  if (check_refusals(seen, seen.path, out)) return;
  if (!seen.path.silent()) return;
  if (seen.direct.reply != Reply::silence) {
    return vip_missing(out, seen,
                       "asked by its own address: " + describe(seen.direct) + "; asked as " +
                           vip(seen) + ": no answer");
  }
  cannot_tell(out, seen, rip(seen) + " answers ARP and nothing else",
              "no answer from " + rip(seen) + ", none from " + vip(seen) + " there");
}

void check_silent_tunnel(const DestinationEvidence& seen, Findings& out) {
  const std::string said = "inside the tunnel " + vip(seen) + ": no answer, " + rip(seen) + ": " +
                           describe(seen.inner_real);
  if (seen.inner_real.alive()) return vip_missing(out, seen, said);
  if (seen.direct.silent()) {
    return cannot_tell(out, seen, "neither " + rip(seen) + " nor the tunnel to it answers", said);
  }
  add(out, seen, "realserver-rp-filter",
      "what comes out of the tunnel on " + rip(seen) +
          " is dropped there: by strict reverse path filtering, the likeliest, or a firewall",
      said + "; without a tunnel: " + describe(seen.direct),
      "there: sysctl -w net.ipv4.conf.DEVICE.rp_filter=2 for the tunnel's device");
}

void check_tunnel(const DestinationEvidence& seen, Findings& out) {
  const bool outer = seen.path.from == seen.destination.endpoint.address;
  if (outer && says_no_decapsulator(seen.path)) {
    return add(
        out, seen, "decapsulator-missing",
        "nothing on " + rip(seen) + " takes tunnel packets apart", describe(seen.path),
        apply_there(seen) + ", which starts lvsd-decap where the kernel has no tunnel device");
  }
  if (outer && says_untrusted(seen.path)) {
    return add(out, seen, "decapsulator-untrusting",
               "the decapsulator on " + rip(seen) + " does not trust this director",
               describe(seen.path), apply_there(seen));
  }
  if (outer && says_not_ours(seen.path)) return vip_missing(out, seen, describe(seen.path));
  if (check_refusals(seen, seen.path, out)) return;
  if (seen.path.silent()) return check_silent_tunnel(seen, out);
  if (seen.path.reply == Reply::accepted && seen.full_size.reply != Reply::not_asked &&
      !seen.full_size.alive()) {
    add(out, seen, "tunnel-mtu", "large packets do not get through the tunnel to " + rip(seen),
        "a small one was answered; one of " + std::to_string(seen.full_bytes) +
            " bytes with DF: " + describe(seen.full_size),
        "ip route change " + rip(seen) +
            " mtu N for what the path really takes, or a larger MTU "
            "along it");
  }
}

void check_oversize(const DestinationEvidence& seen, Findings& out) {
  constexpr std::uint32_t kUsual = 1500;
  if (!seen.hop || seen.virtual_service.oversize != Oversize::icmp) return;
  if (seen.full_bytes == 0 || seen.hop->mtu >= kUsual + 20) return;
  add(out, seen, "tunnel-mtu",
      "clients' packets of 1500 bytes with DF do not fit the tunnel, and the service only tells "
      "them so by ICMP, which many firewalls drop",
      "the route to " + rip(seen) + " takes " + std::to_string(seen.hop->mtu) +
          " bytes, outer header included",
      "oversize: split for the service, or a larger MTU between director and real server",
      Severity::note);
}

void check_nat(const DestinationEvidence& seen, Findings& out) {
  if (check_refusals(seen, seen.direct, out)) return;
  if (seen.direct.silent()) {
    return cannot_tell(out, seen, rip(seen) + " does not answer",
                       "port " + to_string(seen.destination.endpoint.port) + ": no answer");
  }
  if (from_server(seen, seen.returned) && says_rejected(seen.returned)) {
    rejected(out, seen, seen.returned, true,
             "asked as " + to_string(seen.client) + ": " + describe(seen.returned));
  }
  if (seen.returned.silent() && seen.direct.alive()) {
    add(out, seen, "nat-wrong-gateway",
        "answers of " + rip(seen) + " do not come back through the director",
        "asked as " + director_of(seen) + ": answered; asked as " + to_string(seen.client) +
            ": its answer did not come here",
        apply_there(seen));
  }
  if (seen.asked_for_neighbour) {
    add(out, seen, "nat-client-bypass",
        rip(seen) + " answers clients on its own network directly, past the director",
        "asked as " + to_string(seen.neighbour) + ", it looked for that address itself",
        apply_there(seen) +
            " --clients NETWORK, so that such answers are routed through the director");
  }
}

}  // namespace

bool reachable(const DestinationEvidence& seen) {
  if (!seen.hop || seen.hop->kind == RouteKind::unreachable || !seen.link_up) return false;
  if (is_dr(seen) && (off_link(seen) || !seen.has_mac)) return false;
  return !seen.has_mac || !seen.macs.empty();
}

void check_way(const DestinationEvidence& seen, Findings& out) {
  if (!seen.hop || seen.hop->kind == RouteKind::unreachable) {
    return add(out, seen, "no-route", "there is no route to " + rip(seen), "the routing tables",
               "ip route add " + rip(seen) + " via GATEWAY");
  }
  if (!seen.link_up) {
    return add(out, seen, "link-down", "the interface towards " + rip(seen) + " is down",
               seen.interface, "ip link set " + seen.interface + " up");
  }
  if (is_dr(seen) && (off_link(seen) || !seen.has_mac)) {
    return add(out, seen, "dr-off-link",
               "direct routing needs a link that " + rip(seen) + " is on, too",
               off_link(seen) ? "it is behind " + to_string(seen.hop->gateway)
                              : seen.interface + " has no MAC addresses",
               "method: tun for this destination");
  }
  if (seen.has_mac && seen.macs.empty()) {
    const bool behind = off_link(seen);
    return add(out, seen, "neighbor-unresolved",
               (behind ? "the gateway " + to_string(seen.hop->gateway) + " towards " : "") +
                   rip(seen) + " does not answer " +
                   (seen.hop->gateway.is_v4() ? "ARP" : "neighbour discovery"),
               "asked on " + seen.interface, "is the host up, the cable in, the VLAN right?");
  }
  if (seen.macs.size() > 1) {
    std::string macs;
    for (const Mac& mac : seen.macs) macs += (macs.empty() ? "" : ", ") + to_string(mac);
    add(out, seen, "duplicate-arp",
        std::to_string(seen.macs.size()) + " interfaces answer for " +
            to_string(seen.hop->gateway) +
            ": one host with several on this network, or two hosts "
            "with one address",
        macs, "on a host with several: arp_ignore=1, or arp_filter=1 on each of them");
  }
}

// Nothing was sent: so nothing that was found means anything.
void check_asked(const DestinationEvidence& seen, Findings& out) {
  const Answer& asked = is_nat(seen) ? seen.direct : seen.path;
  if (asked.reply != Reply::not_asked || seen.datagram.reply != Reply::not_asked) return;
  const ServiceKey& key = seen.virtual_service.key;
  std::string why = "this host has no address of that version of IP to ask with";
  if (!seen.has_mac) {
    why = seen.interface + " has no MAC addresses, and doctor speaks Ethernet only";
  } else if (key.is_by_mark() && !is_nat(seen)) {
    why = "the service goes by firewall mark, so its virtual address is not known";
  }
  add(out, seen, "not-asked", rip(seen) + " was not asked as a client's packets would come", why,
      "try it with a client", Severity::unknown);
}

void check_local(const DestinationEvidence& seen, Findings& out) {
  add(out, seen, "not-asked", rip(seen) + " was not asked: it is an address of this host itself",
      "what goes there is left to this host's own stack, where doctor sends nothing",
      "see that the server listens: ss -tuln", Severity::unknown);
}

void check_server(const DestinationEvidence& seen, Findings& out) {
  check_asked(seen, out);
  if (is_dr(seen)) check_dr(seen, out);
  if (is_tunnel(seen)) {
    check_tunnel(seen, out);
    check_oversize(seen, out);
  }
  if (is_nat(seen)) check_nat(seen, out);
  if (seen.speaks_for_vip) {
    add(out, seen, "arp-announce",
        rip(seen) + " asks ARP in the name of " + vip(seen) +
            ", and so tells everybody that it has it",
        "an ARP request of " + to_string(*seen.speaks_for_vip) + " with " + vip(seen) +
            " as sender",
        "there: sysctl -w net.ipv4.conf.all.arp_announce=2, or lvsctl realserver apply");
  }
}

}  // namespace lvsd::doctor
