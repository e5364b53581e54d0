// SPDX-License-Identifier: GPL-2.0-or-later
// The way that a destination's answers take back to clients.
#include "clients.h"
#include "remedies.h"

namespace lvsd::doctor {
namespace {

std::string port_of(const DestinationEvidence& seen) {
  return "port " + to_string(seen.destination.endpoint.port);
}

std::string asked_as(const IpAddress& client, const Answer& answer) {
  return "asked as " + to_string(client) + ": " + describe(answer);
}

void check_gateway(const DestinationEvidence& seen, Findings& out) {
  const std::string lost = "answers of " + rip(seen) + " do not come back through the director";
  const bool asks_port = seen.asks_tcp() || seen.asks(ServiceProtocol::udp);
  if (seen.client.is_unspecified() || seen.returned.heard() || seen.returned_echo.alive()) return;
  const Answer& own = seen.asks_tcp() ? seen.direct : seen.datagram;
  if (asks_port && seen.returned.silent() && own.heard()) {
    return add(out, seen, "nat-wrong-gateway", lost,
               asked_as(seen.hop->source, own) + "; " + asked_as(seen.client, seen.returned),
               apply_there(seen));
  }
  if (seen.asks_tcp() || !seen.returned_echo.silent()) return;
  add(out, seen, "nat-wrong-gateway", "it cannot be told whether " + lost,
      "its service cannot be asked in a way that it has to answer; an echo request, " +
          asked_as(seen.hop->source, seen.direct) + "; " +
          asked_as(seen.client, seen.returned_echo),
      "there: ip route get " + to_string(seen.client) + " from " + rip(seen) +
          "; where that is not by " + director_of(seen) + ", " + apply_there(seen),
      Severity::unknown);
}

bool bypasses(const DestinationEvidence& seen) {
  return seen.asked_for_neighbour && !seen.returned_on_link.alive();
}

// A fault where clients are on that network for sure: the virtual address is.
void check_bypass(const DestinationEvidence& seen, Findings& out) {
  if (!bypasses(seen) || !on_one_network(seen)) return;
  add(out, seen, "nat-client-bypass",
      rip(seen) + " answers clients on its own network directly, past the director",
      asked_as(seen.neighbour, seen.returned_on_link) + "; it looked for that address by itself",
      apply_there(seen, " --clients " + to_string(*seen.network)) +
          ", so that such answers are routed through the director");
}

// Neither answered through the director nor looked for: then it went somewhere else.
void check_neighbours_way(const DestinationEvidence& seen, Findings& out) {
  const bool known_lost =
      !seen.client.is_unspecified() && !seen.returned.heard() && !seen.returned_echo.alive();
  if (!on_one_network(seen) || known_lost) return;
  if (!seen.returned_on_link.silent() || seen.asked_for_neighbour) return;
  add(out, seen, "nat-client-bypass",
      "it cannot be told how " + rip(seen) + " answers clients on its own network",
      asked_as(seen.neighbour, seen.returned_on_link) + ", and it did not look for that address",
      "there: ip route get " + to_string(seen.neighbour) + " from " + rip(seen) +
          ", which should be by " + director_of(seen),
      Severity::unknown);
}

void check_neighbour(const DestinationEvidence& seen, Findings& out) {
  if (!seen.network_full) return;
  add(out, seen, "not-asked",
      rip(seen) + " was not asked as somebody on its own network" +
          (is_nat(seen) ? ", whom it may answer past the director"
                        : ": in whose name it asks ARP is not known"),
      "no address of " + to_string(*seen.network) + " was found that nobody has",
      "try it with a client on that network", Severity::unknown);
}

}  // namespace

void check_nat_return(const DestinationEvidence& seen, Findings& out) {
  check_gateway(seen, out);
  check_bypass(seen, out);
  check_neighbours_way(seen, out);
  if (on_one_network(seen)) check_neighbour(seen, out);
}

// Of a request in a client's name, that the director's own address had an answer to. Only where the
// answer would have come to this host, its absence means something.
void check_direct_return(const DestinationEvidence& seen, Findings& out) {
  if (seen.network_full && seen.network->address.is_v4()) check_neighbour(seen, out);
  if (!seen.path.alive() || seen.client.is_unspecified() || seen.returned.heard()) return;
  const std::string client = to_string(seen.client);
  const std::string said =
      asked_as(seen.hop->source, seen.path) + "; " + asked_as(seen.client, seen.returned);
  const bool lost = seen.returned.silent() && seen.client_is_near_vip;
  const Severity severity = lost && seen.asks_tcp() ? Severity::fault : Severity::unknown;
  if (seen.client_arp.silent()) {
    return add(out, seen, "realserver-rp-filter",
               rip(seen) + " drops what comes from clients such as " + client +
                   ": by strict reverse path filtering" + (lost ? "" : ", or has arp_ignore=2"),
               said + "; it does not even answer ARP to that address, which it does to " +
                   director_of(seen),
               "there: sysctl -w net.ipv4.conf.all.rp_filter=2, which is loose for every "
               "interface, or a route to the clients by the interface that requests come in by",
               severity);
  }
  if (!lost) return;  // check_ways_back() has a word
  add(out, seen, "no-way-back", "answers of " + rip(seen) + " to clients do not arrive", said,
      "there: ip route get " + client + " from " + vip(seen) +
          ", which should name a gateway that reaches " + client + " and lets packets from " +
          vip(seen) + " through; if none: ip route add default",
      severity);
}

namespace {

bool way_back_is_unseen(const DestinationEvidence& seen) {
  return !is_nat(seen) && seen.path.alive() && !seen.client.is_unspecified() &&
         !seen.returned.heard() && !seen.client_is_near_vip && !seen.client_arp.silent();
}

// Where the virtual address is elsewhere, so are the clients of most; and with `hairpin`, those on
// the servers' network go on as the director.
bool bypasses_perhaps(const DestinationEvidence& seen) {
  return is_nat(seen) && bypasses(seen) && !on_one_network(seen) && !seen.virtual_service.hairpin &&
         (seen.client.is_unspecified() || seen.returned.heard());
}

// The destinations of which that is so, by service.
template <typename Is>
std::string list_if(const Evidence& evidence, const Is& is) {
  constexpr std::size_t kMost = 5;
  std::string all;
  std::size_t count = 0;
  for (const DestinationEvidence& seen : evidence.destinations) {
    if (seen.local || !reachable(seen) || !is(seen)) continue;
    if (++count <= kMost) all += (all.empty() ? "" : ", ") + seen.service + " " + rip(seen);
  }
  if (count > kMost) all += ", and " + std::to_string(count - kMost) + " more";
  return all;
}

}  // namespace

// One note for all: it is so with most installations.
void check_ways_back(const Evidence& evidence, Findings& out) {
  const auto note = [&out](std::string_view name, std::string what, std::string evidence_text,
                           std::string remedy) {
    if (evidence_text.empty()) return;
    out.push_back({name,
                   Severity::note,
                   {},
                   {},
                   std::move(what),
                   std::move(evidence_text),
                   std::move(remedy),
                   {}});
  };
  note("way-back-unseen",
       "answers to clients from elsewhere go past this host, which cannot see whether they arrive",
       list_if(evidence, way_back_is_unseen),
       "try it with such a client; there: ip route get CLIENT from VIP, with their addresses, "
       "names the gateway");
  note("nat-client-bypass",
       "real servers answer clients on their own network directly: those there, if any, cannot use "
       "the service",
       list_if(evidence, bypasses_perhaps),
       "nothing, if there are none; else lvsctl realserver apply with --clients NETWORK there, or "
       "hairpin: {masquerade: ADDRESS} for the service");
}

// A port that says nothing, though its host is there. A firewall that lets in chosen clients only
// does so, too, to everybody else; but then it keeps out the director's health checks as well.
void check_silent_port(const DestinationEvidence& seen, Findings& out) {
  const std::string said =
      rip(seen) + " answers " + (seen.hop->gateway.is_v4() ? "ARP" : "neighbour discovery") +
      "; echo request: " + describe(seen.echo_direct) +
      (is_nat(seen) ? "" : "; one to " + vip(seen) + " there: " + describe(seen.echo_path)) +
      "; TCP to its " + port_of(seen) + ": no answer";
  add(out, seen, "port-silent",
      port_of(seen) + " of " + rip(seen) +
          " says nothing: a firewall there drops what comes from here, or the server hangs",
      said, accept_there(seen, false) + "; there: ss -ltn shows a server that hangs by its Recv-Q");
}

}  // namespace lvsd::doctor
