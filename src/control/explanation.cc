// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/control/explanation.h"

#include <fmt/format.h>

#include <algorithm>

#include "lvsd/model/overloaded.h"
#include "lvsd/sched/lc.h"

namespace lvsd {
namespace {

std::string protocol_name(std::uint8_t protocol) {
  switch (static_cast<IpProtocol>(protocol)) {
    case IpProtocol::tcp:
      return "tcp";
    case IpProtocol::udp:
      return "udp";
    case IpProtocol::sctp:
      return "sctp";
    default:
      return fmt::format("protocol {}", protocol);
  }
}

class Teller {
 public:
  Teller(const Decision& decision, const Network& network, const HealthWord& health)
      : decision_(decision), network_(network), health_(health) {}

  std::vector<std::string> tell() {
    fragment();
    if (decision_.probe) {
      probe();
    } else {
      found();
    }
    service();
    persistence();
    scheduling();
    way();
    size();
    verdict();
    for (const OwnError& error : decision_.errors) own_error(error);
    return std::move(sentences_);
  }

 private:
  template <class... Words>
  void say(fmt::format_string<Words...> text, Words&&... words) {
    sentences_.push_back(fmt::format(text, std::forward<Words>(words)...));
  }

  void fragment();
  void found();
  void probe();
  void service();
  void no_service(const ServiceLookup& lookup);
  void persistence();
  void scheduling();
  std::string candidate(const Candidate& candidate, bool chosen) const;
  void way();
  void next_hop(const WayOut& way);
  void size();
  void verdict();
  void own_error(const OwnError& error);
  std::string interface_name(InterfaceIndex index) const {
    const Interface* const interface = network_.interface(index);
    return interface != nullptr ? interface->name : "an interface that is gone";
  }

  const Decision& decision_;
  const Network& network_;
  const HealthWord& health_;
  std::vector<std::string> sentences_;
};

void Teller::fragment() {
  using enum FragmentFate;
  switch (decision_.fragment) {
    case none:
      return;
    case undecided:
      return say("It is a later fragment, and its first one, which has the ports, has not come.");
    case followed:
      return say("It is a later fragment, and goes where its first one went.");
    case accepted:
      return say("It is a later fragment, and its first one was left to the host.");
    case dropped:
      return say("It is a later fragment, and its first one was dropped.");
    case foreign:
      return say("It is a later fragment, from or to no address of any service.");
  }
}

void Teller::found() {
  if (!decision_.packet) return;
  if (!decision_.found) {
    const PacketView& view = *decision_.packet;
    if (view.has_ports) say("No connection has these addresses and ports.");
    if (view.is_icmp_error()) say("No connection is the one that the quoted packet belongs to.");
    return;
  }
  const FoundConnection& found = *decision_.found;
  const ConnectionSnapshot& connection = found.connection;
  std::string whose = found.direction == Direction::request ? "a request of" : "a reply on";
  if (found.quoted) whose = "an error about a packet of";
  say("It is {} the connection {} -> {} (virtual {}), which is {} and ends in {} s.", whose,
      to_string(connection.client), to_string(connection.destination),
      to_string(connection.virtual_end), connection.state, connection.expires.count());
  if (!decision_.superseded) return;
  if (*decision_.superseded == Superseded::begins_anew) {
    say("That connection is over, and this packet begins another.");
  } else {
    say("The destination of that connection was removed, and ipvs.expire_nodest_conn ends it.");
  }
}

void Teller::probe() {
  const ProbeMatch& probe = *decision_.probe;
  if (probe.answer) {
    return say("It answers a check of {}'s real server {} (via: service), whose address it gets.",
               probe.name, to_string(probe.server));
  }
  say("It is a check of {}'s real server {} (via: service): it becomes a packet to {}, but begins "
      "no connection and is not counted in the service.",
      probe.name, to_string(probe.server), to_string(probe.key));
}

void Teller::service() {
  if (!decision_.service) return;
  const ServiceLookup& lookup = *decision_.service;
  const auto taken = [&](std::string_view why) {
    say("Service {} ({}) takes it: {}.", lookup.name, to_string(lookup.key), why);
  };
  using enum ServiceMatch;
  switch (lookup.match) {
    case none:
      return no_service(lookup);
    case mark:
      taken("it carries the firewall's mark of the service");
      break;
    case exact:
      taken("address, port and protocol are its own");
      break;
    case ftp_data:
      taken("data connections of FTP belong to the service on port 21");
      break;
    case any_port:
      taken("it has every port of that address");
      break;
  }
  if (!lookup.schedulable) say("But this packet cannot begin a connection.");
}

void Teller::no_service(const ServiceLookup& lookup) {
  const Endpoint asked{lookup.asked.destination, lookup.asked.destination_port};
  const std::string marked = lookup.mark != 0 ? fmt::format(" and mark {}", lookup.mark) : "";
  std::string others;
  for (const ServiceKey& key : lookup.others) {
    others += (others.empty() ? "" : ", ") + to_string(key);
  }
  say("No service has {}/{}{}; {}.", to_string(asked), protocol_name(lookup.asked.protocol), marked,
      others.empty() ? "none has that address" : "there are " + others);
}

void Teller::persistence() {
  if (!decision_.persistence) return;
  const Persisted& persisted = *decision_.persistence;
  const std::string who =
      persisted.settings.engine == PersistenceEngine::sip
          ? "its Call-ID"
          : fmt::format("its client, by netmask {}", persisted.settings.netmask);
  if (persisted.remembered) {
    say("The service is persistent, and remembers {} for {}.", to_string(*persisted.remembered),
        who);
  } else {
    say("The service is persistent, and remembers nothing for {}.", who);
  }
}

std::string Teller::candidate(const Candidate& candidate, bool chosen) const {
  const DestinationState& state = candidate.state;
  std::string text =
      fmt::format("  {} {}: weight {}, {} active, {} inactive, overhead {}", chosen ? "*" : "-",
                  to_string(state.config.endpoint), state.config.weight.value(), state.active,
                  state.inactive, overhead(state));
  if (state.config.weight.value() == 0) text += "; quiesced";
  const std::string health = health_ ? health_(state.service, state.config.endpoint) : "";
  if (health == "down") text += "; its checks say that it is down";
  if (health == "checking") text += "; its first check is still to come";
  if (state.overloaded) {
    text += fmt::format("; overloaded, its upper threshold is {}", state.config.thresholds.upper);
  }
  return text;
}

void Teller::scheduling() {
  if (!decision_.scheduling) return;
  const Scheduling& scheduling = *decision_.scheduling;
  constexpr std::size_t kShown = 64;
  const std::size_t count = scheduling.candidates.size();
  say("Scheduler {} takes {}. Of {}:", to_string(scheduling.scheduler, scheduling.flags),
      rule_of(scheduling.scheduler),
      count == 1 ? "1 destination" : fmt::format("{} destinations", count));
  for (std::size_t i = 0; i < count; ++i) {
    const bool chosen = scheduling.chosen == i;
    if (i < kShown || chosen) sentences_.push_back(candidate(scheduling.candidates[i], chosen));
  }
  if (count > kShown) say("  - and {} more", count - kShown);
  if (scheduling.chosen) {
    say("It chose {}.", to_string(scheduling.candidates[*scheduling.chosen].state.config.endpoint));
  } else {
    say("It chose none.");
  }
}

void Teller::way() {
  if (!decision_.way) return;
  const WayOut& way = *decision_.way;
  if (way.direction == Direction::reply && way.hairpin) {
    say("The reply to {}, which stood for a real server, gets the virtual address and port as its "
        "source, and goes to that.",
        to_string(*way.hairpin));
  } else if (way.direction == Direction::reply) {
    say("The reply gets the virtual address and port as its source, and goes to the client.");
  } else if (way.bypass) {
    say("It goes on to {} itself (ipvs.cache_bypass).", to_string(way.server.address));
  } else {
    std::visit(Overloaded{[&](const DirectRouting&) {
                            say("By dr it goes to {} unchanged, but for the MAC and the TTL.",
                                to_string(way.server.address));
                          },
                          [&](const Tunnel& tunnel) {
                            say("By tun ({}) it goes to {} inside another packet.",
                                to_string(tunnel.encapsulation), to_string(way.server.address));
                          },
                          [&](const Masquerade&) {
                            say("By nat its destination becomes {}.", to_string(way.server));
                            if (!way.hairpin) return;
                            say("It comes from a real server, and its source becomes {}.",
                                to_string(*way.hairpin));
                          }},
               way.method);
  }
  next_hop(way);
}

void Teller::next_hop(const WayOut& way) {
  if (way.local) return say("That is an address of this host.");
  if (!way.routed) return say("There is no route to it.");
  const std::string link = interface_name(way.interface);
  if (!way.up) return say("The route leads through {}, which is down.", link);
  if (!way.has_mac) return say("The kernel routes it out of {}, which has no MAC addresses.", link);
  if (way.neighbor) {
    say("The next hop is {} on {}, at {}.", to_string(way.next_hop), link,
        to_string(*way.neighbor));
  } else {
    say("The next hop is {} on {}, whose MAC is not known yet.", to_string(way.next_hop), link);
  }
}

void Teller::size() {
  if (!decision_.way || !decision_.way->routed || decision_.way->local) return;
  const WayOut& way = *decision_.way;
  const std::size_t room = way.path_mtu > way.overhead ? way.path_mtu - way.overhead : 0;
  std::string limit = fmt::format("the MTU is {}", way.link_mtu);
  if (way.path_mtu != way.link_mtu) limit += fmt::format(", of the path {}", way.path_mtu);
  if (way.overhead != 0) limit += fmt::format(", less {} for the outer headers", way.overhead);
  if (way.packet_size <= room) return say("Its {} bytes fit: {}.", way.packet_size, limit);
  if (way.aggregated) {
    return say("Its {} bytes are many segments, and leave as such: {}.", way.packet_size, limit);
  }
  if (way.reassembled) {
    return say("Its {} bytes were fragments that the kernel joined, and are cut again: {}.",
               way.packet_size, limit);
  }
  say("Its {} bytes do not fit: {}; {}.", way.packet_size, limit,
      way.dont_fragment ? "and it must not be cut (DF, or IPv6)" : "it may be cut");
}

void Teller::verdict() {
  std::visit(
      Overloaded{
          [&](const Accept& v) {
            say("Left to the host ({}): {}. {}", to_string(v.reason), lvsd::explain(v.reason),
                advice(v.reason));
          },
          [&](const Drop& v) {
            say("Dropped ({}): {}. {}", to_string(v.reason), lvsd::explain(v.reason),
                advice(v.reason));
          },
          [&](const Forwarded&) { say("Forwarded ({}).", reason_of(decision_)); },
          [&](const Held& v) {
            if (v.destination == kNoDestination && decision_.fragment != FragmentFate::none) {
              say("Held ({}): it waits for its first fragment.", reason_of(decision_));
            } else {
              say("Held ({}): it waits for the next hop to tell its MAC.", reason_of(decision_));
            }
          }},
      decision_.verdict);
}

void Teller::own_error(const OwnError& error) {
  std::string what = fmt::format("ICMP error {}/{}", error.type, error.code);
  if (error.mtu != 0) what += fmt::format(" with MTU {}", error.mtu);
  if (error.sent) {
    say("{} is told so by an {} from {}.", to_string(error.to), what, to_string(error.from));
  } else {
    say("An {} to {} was not sent: no way to it, or too many lately.", what, to_string(error.to));
  }
}

std::string destination_of(const Decision& decision) {
  if (decision.probe) return to_string(decision.probe->server);
  if (decision.way && !decision.way->bypass) {
    return to_string(decision.way->server);
  }
  return decision.found ? to_string(decision.found->connection.destination) : "";
}

}  // namespace

std::string_view reason_of(const Decision& decision) {
  if (decision.fragment != FragmentFate::none) return "fragment";
  if (decision.packet && decision.packet->is_icmp_error()) return "icmp-error";
  if (decision.probe) return "probe";
  if (decision.way && decision.way->bypass) return "bypass";
  if (decision.way && decision.way->direction == Direction::reply) return "reply";
  if (!decision.way || !decision.way->fresh) return "known-connection";
  return decision.persistence && decision.persistence->remembered ? "persistent-client"
                                                                  : "scheduled";
}

Explanation explain(const Decision& decision, const std::vector<Emission>& emissions,
                    const Network& network, const HealthWord& health) {
  Explanation out;
  std::visit(Overloaded{[&](const Accept& v) {
                          out.verdict = "accepted";
                          out.reason = to_string(v.reason);
                        },
                        [&](const Drop& v) {
                          out.verdict = "dropped";
                          out.reason = to_string(v.reason);
                        },
                        [&](const Forwarded&) {
                          out.verdict = "forwarded";
                          out.reason = reason_of(decision);
                        },
                        [&](const Held&) {
                          out.verdict = "held";
                          out.reason = reason_of(decision);
                        }},
             decision.verdict);
  if (decision.service) out.service = decision.service->name;
  if (decision.probe) out.service = decision.probe->name;
  out.destination = destination_of(decision);
  out.sentences = Teller(decision, network, health).tell();
  for (const Emission& emission : emissions) {
    const bool routed = emission.kind == EmissionKind::routed;
    if (!routed && emission.kind != EmissionKind::frame) continue;
    const Interface* const interface = network.interface(emission.interface);
    EmittedPacket packet;
    packet.interface = interface != nullptr ? interface->name : "";
    packet.routed = routed;
    packet.unfinished = emission.unfinished != Unfinished{};
    packet.source = emission.source;
    packet.destination = emission.destination;
    packet.bytes.assign(emission.head.begin(), emission.head.end());
    packet.bytes.insert(packet.bytes.end(), emission.packet.begin(), emission.packet.end());
    out.emitted.push_back(std::move(packet));
  }
  return out;
}

}  // namespace lvsd
