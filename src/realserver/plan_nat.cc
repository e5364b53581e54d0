// SPDX-License-Identifier: GPL-2.0-or-later
// NAT: every answer has to pass the director, which alone can give it the virtual address back.
//
// A host without a default route gets one. A host that has another gateway keeps it, and what the
// service answers is routed apart, by its own address and port, in a table of its own. The same is
// needed where clients are on a network that this host is on, or has a route of its own to: answers
// would go past the director. Else such hosts go on being reached as before, through a rule ahead
// of it. A service whose clients turn out to be there gets its rule ahead of both.
#include <algorithm>

#include "planner.h"

namespace lvsd::realserver {
namespace {

constexpr const char* kTable = "4201";
constexpr std::uint32_t kTableNumber = 4201, kMainTable = 254;
constexpr unsigned kNearPreference = 4000, kFirstPreference = 4200;

std::string host(const IpAddress& address) { return to_string(address); }

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line) != std::string::npos;
}

// All ports would be all that this host sends: that has to be meant.
Unexpected<Error> port_missing(const Role& role, bool near, const Route* gateway) {
  std::string why = "clients are on a network of this host";
  if (!near) {
    why = "this host has another gateway";
    if (gateway != nullptr && gateway->via) why += ", " + host(*gateway->via);
  }
  return fail("--port is missing: " + why +
              ", and nothing but what the service answers is to go "
              "through the director; give --port PORT, or --port any for all that " +
              host(role.address) + " sends");
}

}  // namespace

Status Planner::plan_nat() {
  for (const Role& role : wanted_.roles) {
    if (!std::holds_alternative<Masquerade>(role.method)) continue;
    const auto director =
        std::find_if(wanted_.directors.begin(), wanted_.directors.end(),
                     [&role](const IpAddress& one) { return one.is_v4() == role.address.is_v4(); });
    if (director == wanted_.directors.end()) {
      return fail(std::string("--director is missing: the answers of a NAT service must go back "
                              "through the director's IPv") +
                  (role.address.is_v4() ? "4" : "6") + " address on this host's network");
    }
    const Interface* out = interface_of(role.address);
    const auto hop = network_.route(*director);
    if (!hop || hop->kind != RouteKind::unicast || hop->gateway != *director) {
      return fail("the director " + host(*director) +
                  " is on no network of this host, so it cannot be its gateway; use method tun, "
                  "or a network that both are on");
    }
    if (const Interface* towards = network_.interface(hop->interface)) out = towards;
    if (const Status planned = plan_reply(role, *director, *out); !planned) return planned;
  }
  return Done{};
}

std::vector<ShortWay> Planner::short_ways(const IpAddress& director) const {
  std::vector<ShortWay> ways;
  const auto add = [&](const Prefix& to, bool on_link) {
    const bool counts = to.address.is_v4() == director.is_v4() && to.length != 0 &&
                        !to.address.is_link_local() && !to.address.is_multicast() &&
                        !(to.length == director.width() && to.address == director);
    const auto same = [&to](const ShortWay& way) { return way.to == to; };
    if (counts && std::none_of(ways.begin(), ways.end(), same)) ways.push_back({to, on_link});
  };
  for (const Interface& interface : network_.interfaces()) {
    if (interface.loopback || network_.complete_routes()) continue;
    for (const InterfaceAddress& own : interface.addresses) {
      if (own.length < own.address.width()) add(Prefix::of(own.address, own.length), true);
    }
  }
  for (const Route& route : network_.routes()) {
    const bool leads = route.kind == RouteKind::unicast || route.kind == RouteKind::kernel;
    if (leads && route.table == kMainTable && route.via != director) add(route.to, !route.via);
  }
  return ways;
}

// Whether the service's clients may be in one of these: they were said to be, or the VIP is an
// address of a network that this host is on.
bool Planner::clients_near(const Role& role, const std::vector<ShortWay>& ways) const {
  const auto is_near = [&](const Role& other) {
    return std::any_of(ways.begin(), ways.end(), [&](const ShortWay& way) {
      if (way.on_link && way.to.contains(other.vip)) return true;
      return std::any_of(
          wanted_.clients.begin(), wanted_.clients.end(), [&](const Prefix& clients) {
            return way.to.contains(clients.address) || clients.contains(way.to.address);
          });
    });
  };
  return std::any_of(wanted_.roles.begin(), wanted_.roles.end(), [&](const Role& other) {
    return std::holds_alternative<Masquerade>(other.method) && other.address == role.address &&
           other.port == role.port && is_near(other);
  });
}

void Planner::note_short_ways(const std::vector<ShortWay>& ways) {
  std::string networks;
  for (const ShortWay& way : ways) networks += (networks.empty() ? "" : ", ") + to_string(way.to);
  if (networks.empty()) return;
  note("this host has routes of its own to " + networks +
       ": clients there would be answered past the director. Where the service has any, add "
       "--clients NETWORK for each such network");
}

void Planner::rule(bool v4, unsigned first, const Words& selector, const Words& action,
                   const std::string& why) {
  const std::string preference = std::to_string(first + rules_++);
  Words words{"ip", v4 ? "-4" : "-6", "rule", "add", "pref", preference};
  std::string line = preference + ":\t";
  if (selector.empty() || selector.front() != "from") line += "from all ";
  for (const Words& part : {selector, action}) {
    for (const std::string& word : part) {
      words.push_back(word);
      line += word + " ";
    }
  }
  line.pop_back();
  const bool done = has_line(v4 ? facts_.rules_v4 : facts_.rules_v6, line);
  Words undo = words;
  undo[3] = "del";
  command(std::move(words), std::move(undo), done, why);
}

void Planner::route_in_table(const IpAddress& director, const Interface& out) {
  const bool v4 = director.is_v4();
  const auto& routes = network_.routes();
  const bool done = std::any_of(routes.begin(), routes.end(), [&](const Route& route) {
    return route.table == kTableNumber && route.to.length == 0 && route.via == director &&
           route.to.address.is_v4() == v4;
  });
  Words words{"ip",  v4 ? "-4" : "-6", "route", "add", "default", "via", host(director),
              "dev", out.name,         "table", kTable};
  Words undo = words;
  undo[3] = "del";
  command(std::move(words), std::move(undo), done, "answers go back through the director");
}

Status Planner::plan_reply(const Role& role, const IpAddress& director, const Interface& out) {
  const bool v4 = director.is_v4();
  const std::string family = v4 ? "ipv4" : "ipv6";
  const std::string redirects = "net/" + family + "/conf/";
  const std::string why = "a redirect would teach this host a way past the director";
  if (v4) setting(redirects + "all/accept_redirects", "0", {"0"}, why);
  setting(redirects + out.name + "/accept_redirects", "0", {"0"}, why);

  const std::vector<ShortWay> ways = short_ways(director);
  const bool near = clients_near(role, ways);
  if (!near) note_short_ways(ways);
  const auto& routes = network_.routes();
  const auto is_default = [&](const Route& route) {
    return route.table == kMainTable && route.to.length == 0 && route.to.address.is_v4() == v4;
  };
  const auto present = std::find_if(routes.begin(), routes.end(), is_default);
  const bool is_ours = present != routes.end() && present->via == director;
  if ((present == routes.end() || is_ours) && !near) {
    Words words{"ip",  v4 ? "-4" : "-6", "route", "add",   "default",
                "via", host(director),   "dev",   out.name};
    Words undo = words;
    undo[3] = "del";
    command(std::move(words), std::move(undo), is_ours, "answers go back through the director");
    return Done{};
  }
  const Route* const gateway = present == routes.end() ? nullptr : &*present;
  if (role.port_unsaid) return port_missing(role, near, gateway);
  route_service(role, director, out, near);
  return Done{};
}

void Planner::route_service(const Role& role, const IpAddress& director, const Interface& out,
                            bool near) {
  const bool v4 = director.is_v4();
  const std::string served =
      std::string(to_string(role.protocol)) + " " + to_string(Endpoint{role.address, role.port});
  if (!seen_.insert(served).second) return;  // by another service of the same server
  Words selector;
  // A UDP socket that is bound to no address asks for a route before it has a source.
  const bool by_source = role.protocol != ServiceProtocol::udp || role.port == Port();
  if (by_source) selector = {"from", host(role.address)};
  if (role.port != Port()) {
    selector.insert(selector.end(), {"ipproto", std::string(to_string(role.protocol)), "sport",
                                     to_string(role.port)});
  }
  const unsigned first = near ? kNearPreference : kFirstPreference;
  if (!near) {
    rule(v4, first, selector, {"lookup", "main", "suppress_prefixlength", "0"},
         "what is not behind the default route is reached as before");
  }
  route_in_table(director, out);
  rule(v4, first, selector, {"lookup", kTable},
       near ? "clients on this network are answered through the director, not directly"
            : "the default route is another gateway: only what the service answers goes back "
              "through the director");
}

}  // namespace lvsd::realserver
