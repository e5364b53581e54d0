// SPDX-License-Identifier: GPL-2.0-or-later
// The way to a destination, and what it makes of packets.
#include "remedies.h"

namespace lvsd::doctor {
namespace {

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

// By one that takes no echo requests, perhaps.
bool served(const DestinationEvidence& seen) { return seen.datagram.reply == Reply::accepted; }

// Answered by whom, when nothing came from the port: the host itself, without any doubt.
bool host_answers(const DestinationEvidence& seen) {
  return seen.echo_direct.alive() || (seen.asks_tcp() && !off_link(seen) && !seen.macs.empty());
}

void check_dr(const DestinationEvidence& seen, Findings& out) {
  if (check_refusals(seen, seen.path, out)) return;
  if (!seen.path.silent() || served(seen)) return check_direct_return(seen, out);
  if (seen.echo_path.alive()) return check_silent_port(seen, out);
  if (seen.direct.reply != Reply::silence || seen.echo_direct.alive()) {
    const std::string echoes = seen.echo_path.silent()
                                   ? "; an echo request to it: no answer, to its own address: " +
                                         describe(seen.echo_direct)
                                   : "";
    return vip_missing(out, seen,
                       "asked by its own address: " + describe(seen.direct) + "; asked as " +
                           vip(seen) + ": no answer" + echoes);
  }
  if (host_answers(seen)) return check_silent_port(seen, out);
  cannot_tell(out, seen, rip(seen) + " answers ARP and nothing else",
              "no answer from " + rip(seen) + ", none from " + vip(seen) + " there");
}

void check_silent_tunnel(const DestinationEvidence& seen, Findings& out) {
  const std::string said = "inside the tunnel " + vip(seen) + ": no answer, " + rip(seen) + ": " +
                           describe(seen.inner_real);
  if (seen.echo_path.alive()) return check_silent_port(seen, out);
  if (seen.inner_real.alive()) return vip_missing(out, seen, said);
  if (seen.direct.silent() && !seen.echo_direct.alive()) {
    return cannot_tell(out, seen, "neither " + rip(seen) + " nor the tunnel to it answers", said);
  }
  add(out, seen, "realserver-rp-filter",
      "what comes out of the tunnel on " + rip(seen) +
          " is dropped there: by strict reverse path filtering, the likeliest, or a firewall",
      said +
          "; without a tunnel: " + describe(seen.direct.silent() ? seen.echo_direct : seen.direct),
      "there: sysctl -w net.ipv4.conf.all.rp_filter=2, which is loose for every interface");
}

// A path that says how much it takes is none that swallows: lvsd's packets obey it.
void check_full_size(const DestinationEvidence& seen, Findings& out) {
  if (seen.full_size.reply == Reply::not_asked || seen.full_size.alive()) return;
  const std::string said = "a small one was answered; one of " + std::to_string(seen.full_bytes) +
                           " bytes with DF: " + describe(seen.full_size);
  if (seen.full_size.too_big()) {
    return add(out, seen, "tunnel-mtu",
               "the way to " + rip(seen) + " takes packets of " +
                   std::to_string(seen.full_size.mtu) +
                   " bytes only, and says so: the first large one of each connection may be lost",
               said, route_with_mtu(seen, seen.full_size.mtu) + ", or a larger MTU along it",
               Severity::note);
  }
  add(out, seen, "tunnel-mtu", "large packets do not get through the tunnel to " + rip(seen), said,
      route_with_mtu(seen, 0) + ", or a larger MTU along it");
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
  if (seen.path.silent() && !served(seen)) return check_silent_tunnel(seen, out);
  if (seen.path.reply == Reply::accepted) check_full_size(seen, out);
  check_direct_return(seen, out);
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
  if (seen.direct.silent() && !served(seen)) {
    if (seen.asks_tcp() && host_answers(seen)) return check_silent_port(seen, out);
    return cannot_tell(out, seen, rip(seen) + " does not answer",
                       "port " + to_string(seen.destination.endpoint.port) + ": no answer");
  }
  if (from_server(seen, seen.returned) && says_rejected(seen.returned)) {
    rejected(out, seen, seen.returned, true,
             "asked as " + to_string(seen.client) + ": " + describe(seen.returned));
  }
  check_nat_return(seen, out);
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
        apply_there(seen) + ", which sets arp_announce=2");
  }
}

}  // namespace lvsd::doctor
