// SPDX-License-Identifier: GPL-2.0-or-later
#include "planner.h"

#include <algorithm>

namespace lvsd::realserver {
namespace {

constexpr std::string_view kAll = "all";

std::string setting_of(std::string_view family, std::string_view scope, std::string_view key) {
  return "net/" + std::string(family) + "/conf/" + std::string(scope) + "/" + std::string(key);
}

bool carries_vip(const Role& role) { return !std::holds_alternative<Masquerade>(role.method); }

// Where ARP is spoken.
bool speaks_arp(const Interface& interface) {
  return !interface.loopback && interface.mac.has_value() &&
         std::any_of(interface.addresses.begin(), interface.addresses.end(),
                     [](const InterfaceAddress& own) { return own.address.is_v4(); });
}

bool share_network(const Interface& a, const Interface& b) {
  for (const InterfaceAddress& one : a.addresses) {
    for (const InterfaceAddress& other : b.addresses) {
      if (!one.address.is_v4() || !other.address.is_v4() || one.length == 32) continue;
      if (Prefix::of(one.address, one.length).contains(other.address)) return true;
    }
  }
  return false;
}

// The kernel takes the secondary addresses of a network away with its primary one.
bool carries_others(const std::vector<HeldAddress>& all, const HeldAddress& held) {
  return !held.secondary && std::any_of(all.begin(), all.end(), [&held](const HeldAddress& one) {
    return one.secondary && one.device == held.device && one.name.back() == held.name.back();
  });
}

std::string mark_of(const HeldAddress& held) { return held.device + " " + to_string(held.address); }

std::string joined(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

}  // namespace

std::string_view to_string(StepKind kind) {
  switch (kind) {
    case StepKind::sysctl:
      return "sysctl";
    case StepKind::command:
      return "command";
    case StepKind::decapsulator:
      return "decapsulator";
    case StepKind::file:
      return "file";
  }
  return "";
}

std::string command_text(const Step& step) {
  switch (step.kind) {
    case StepKind::sysctl:
      return "echo " + step.value + " > /proc/sys/" + step.what;
    case StepKind::file:
      return "write " + step.what;
    case StepKind::command:
    case StepKind::decapsulator:
      break;
  }
  return joined(step.apply);
}

Result<std::vector<Role>, Error> roles_of(const Config& config, const Network& network) {
  std::vector<Role> roles;
  for (const VirtualService& service : config.services) {
    for (const Destination& destination : service.destinations) {
      if (!network.is_local(destination.endpoint.address)) continue;
      if (service.key.is_by_mark() && !std::holds_alternative<Masquerade>(destination.method)) {
        return fail("service " + service.name +
                    " goes by firewall mark, so the file does not tell its virtual address; "
                    "give it with --vip and --method");
      }
      Role role{service.name,       service.key.listen.address, destination.endpoint.address,
                destination.method, service.key.protocol,       destination.endpoint.port};
      if (service.helper == Helper::ftp) role.port = {};  // data connections have other ports
      roles.push_back(std::move(role));
    }
  }
  if (roles.empty()) return fail("no destination of the file is an address of this host");
  return roles;
}

std::vector<std::string> sysctls_of_interest(const Network& network) {
  std::vector<std::string> paths;
  const auto add = [&paths](const std::string& scope) {
    for (const char* key :
         {"arp_ignore", "arp_announce", "arp_filter", "rp_filter", "accept_redirects"}) {
      paths.push_back(setting_of("ipv4", scope, key));
    }
    paths.push_back(setting_of("ipv6", scope, "accept_redirects"));
  };
  add(std::string(kAll));
  for (const Interface& interface : network.interfaces()) add(interface.name);
  return paths;
}

void Planner::setting(const std::string& path, const std::string& value,
                      std::initializer_list<std::string_view> good, const std::string& why) {
  const auto now = facts_.sysctls.find(path);
  if (now == facts_.sysctls.end() || !seen_.insert(path).second) return;  // no such family here
  Step step{.kind = StepKind::sysctl,
            .what = path,
            .value = value,
            .before = now->second,
            .apply = {},
            .undo = {},
            .why = why};
  step.done = std::find(good.begin(), good.end(), now->second) != good.end();
  if (step.done) step.value = now->second;  // as good: the next boot need not change it
  plan_.steps.push_back(std::move(step));
}

void Planner::command(Words apply, Words undo, bool done, const std::string& why) {
  if (!seen_.insert(joined(apply)).second) return;
  plan_.steps.push_back({.kind = StepKind::command,
                         .what = {},
                         .value = {},
                         .before = {},
                         .apply = std::move(apply),
                         .undo = std::move(undo),
                         .why = why,
                         .done = done});
}

void Planner::note(std::string text) {
  if (seen_.insert(text).second) plan_.notes.push_back(std::move(text));
}

const Interface* Planner::interface_of(const IpAddress& own) const {
  for (const Interface& interface : network_.interfaces()) {
    for (const InterfaceAddress& entry : interface.addresses) {
      if (entry.address == own) return &interface;
    }
  }
  return nullptr;
}

// The kernel goes by the larger of `all` and the interface's own value.
void Planner::keep_silent() {
  const bool needed = std::any_of(wanted_.roles.begin(), wanted_.roles.end(), [](const Role& role) {
    return carries_vip(role) && role.vip.is_v4();
  });
  if (!needed) return;
  const auto quiet = [this](std::string_view scope) {
    setting(setting_of("ipv4", scope, "arp_ignore"), "1", {"1", "2", "8"},
            "answer ARP only for addresses of the interface that was asked, not for the VIP on lo");
    setting(setting_of("ipv4", scope, "arp_announce"), "2", {"2"},
            "ask ARP in the name of the interface's own address, never of the VIP");
  };
  quiet(kAll);
  for (const Interface& interface : network_.interfaces()) {
    if (speaks_arp(interface)) quiet(interface.name);
  }
}

void Planner::answer_once() {
  const std::vector<Interface>& all = network_.interfaces();
  for (const Interface& one : all) {
    const bool shared = std::any_of(all.begin(), all.end(), [&one](const Interface& other) {
      return other.index != one.index && speaks_arp(one) && speaks_arp(other) &&
             share_network(one, other);
    });
    if (!shared) continue;
    setting(
        setting_of("ipv4", one.name, "arp_filter"), "1", {"1"},
        "several interfaces are on one network: only the one that the route back picks answers");
  }
}

// Loose (2) rather than off: the larger of `all` and the interface's own value counts, so that 0
// would not help where `all` is 1, and 2 wins over it. One that is loose stays a step, done: an
// earlier run may have made it so.
void Planner::loosen_reverse_path(const std::string& interface, const std::string& why) {
  const auto is = [this](std::string_view scope, std::string_view value) {
    const auto now = facts_.sysctls.find(setting_of("ipv4", scope, "rp_filter"));
    return now != facts_.sysctls.end() && now->second == value;
  };
  if (!is(kAll, "1") && !is(interface, "1") && !is(interface, "2")) return;
  setting(setting_of("ipv4", interface, "rp_filter"), "2", {"2"}, why);
}

// A VIP on an interface that speaks ARP is answered for, whatever arp_ignore says.
void Planner::free_address(const IpAddress& vip) {
  for (const Interface& interface : network_.interfaces()) {
    if (interface.loopback || !interface.mac) continue;
    for (const InterfaceAddress& entry : interface.addresses) {
      if (entry.address != vip) continue;
      take_away(interface, entry);
    }
  }
}

void Planner::take_away(const Interface& interface, const InterfaceAddress& entry) {
  const std::string prefix = to_string(entry.address) + "/" + std::to_string(entry.length);
  if (entry.length != entry.address.width()) {
    note(to_string(entry.address) + " is on " + interface.name + " as " + prefix +
         ", the address of a whole network: this host answers ARP for it. Give " + interface.name +
         " another address");
    return;
  }
  const auto& all = facts_.addresses;
  const auto held = std::find_if(all.begin(), all.end(), [&](const HeldAddress& one) {
    return one.device == interface.name && one.address == entry.address &&
           one.length == entry.length;
  });
  const bool known = held != all.end();
  if (!known) {
    note("ip(8) does not tell all of " + prefix + " on " + interface.name +
         ": undo gives the bare address back");
  } else if (carries_others(all, *held)) {
    note(prefix + " on " + interface.name +
         " cannot be taken away: others with its peer would go "
         "with it, but with it this host answers ARP for the VIP");
    return;
  }
  Words apply{"ip", "addr", "del"}, undo{"ip", "addr", "add"};
  for (Words* words : {&apply, &undo}) {
    const Words& name = known ? held->name : Words{prefix};
    words->insert(words->end(), name.begin(), name.end());
    words->insert(words->end(), {"dev", interface.name});
  }
  std::string before;
  if (known) {
    undo.insert(undo.end(), held->rest.begin(), held->rest.end());
    const std::vector<HeldAddress> overtaken = overtaken_by(all, *held);
    for (const HeldAddress& other : overtaken) before += mark_of(other) + "\n";
    note_loss(*held, overtaken);
  }
  const std::size_t steps = plan_.steps.size();
  command(std::move(apply), std::move(undo), false,
          "on " + interface.name + " this host would answer ARP for the VIP");
  if (plan_.steps.size() == steps) return;
  plan_.steps.back().what = interface.name + " " + to_string(entry.address);
  plan_.steps.back().before = before;
}

// What `undo` will not bring back, or not as one may think.
void Planner::note_loss(const HeldAddress& held, const std::vector<HeldAddress>& overtaken) {
  const std::string given_back =
      "undo gives " + to_string(held.address) + " back to " + held.device + " ";
  if (held.limited) note(given_back + "for as long as it would have from now on");
  if (held.temporary) note(given_back + "as one that is not temporary");
  std::string others;
  for (const HeldAddress& other : overtaken) {
    const bool goes_too =
        other.length == other.address.width() &&
        std::any_of(wanted_.roles.begin(), wanted_.roles.end(), [&other](const Role& role) {
          return carries_vip(role) && role.vip == other.address;
        });
    if (!goes_too) others += (others.empty() ? "" : ", ") + to_string(other.address);
  }
  if (others.empty()) return;
  note(given_back + (held.address.is_v4() ? "behind " : "in front of ") + others +
       ": the kernel has no other place for it, unless these are taken away first");
}

void Planner::put_address(const IpAddress& vip, const std::string& device, const std::string& why) {
  const std::string prefix = to_string(vip) + "/" + std::to_string(vip.width());
  const Interface* holder = interface_of(vip);
  // On another device that speaks no ARP it does as well.
  const bool done = holder != nullptr && (holder->loopback || !holder->mac);
  Words add{"ip", "addr", "add", prefix, "dev", device};
  if (!vip.is_v4()) add.emplace_back("nodad");
  command(std::move(add), {"ip", "addr", "del", prefix, "dev", device}, done, why);
  free_address(vip);  // not before: routes that have it as source go with the host's last one
}

// By which interface answers to clients leave: by the default route, or by the one that NAT is
// about to get.
std::optional<InterfaceIndex> Planner::way_back(bool v4) const {
  const auto now = network_.route(v4 ? IpAddress(192, 0, 2, 1) : IpAddress());
  if (now) return now->interface;
  const bool nat = std::any_of(wanted_.roles.begin(), wanted_.roles.end(), [v4](const Role& role) {
    return std::holds_alternative<Masquerade>(role.method) && role.address.is_v4() == v4;
  });
  const auto director =
      std::find_if(wanted_.directors.begin(), wanted_.directors.end(),
                   [v4](const IpAddress& address) { return address.is_v4() == v4; });
  if (!nat || director == wanted_.directors.end()) return std::nullopt;
  const auto then = network_.route(*director);
  return then ? std::optional(then->interface) : std::nullopt;
}

Result<Plan, Error> Planner::make() {
  for (const Role& role : wanted_.roles) {
    if (network_.is_local(role.address)) continue;
    return fail(to_string(role.address) + " is not an address of this host");
  }
  keep_silent();
  answer_once();
  for (const Role& role : wanted_.roles) {
    if (!std::holds_alternative<DirectRouting>(role.method)) continue;
    put_address(role.vip, "lo", "direct routing leaves the VIP as destination in the packet");
    const Interface* in = interface_of(role.address);
    const auto back = way_back(role.vip.is_v4());
    if (in != nullptr && back && *back != in->index) {
      loosen_reverse_path(in->name, "requests come in here, answers leave by another interface");
    }
  }
  if (const Status tunnels = plan_tunnels(); !tunnels) return Unexpected{tunnels.error()};
  if (const Status nat = plan_nat(); !nat) return Unexpected{nat.error()};
  return std::move(plan_);
}

Result<Plan, Error> make_plan(const Wanted& wanted, const Network& network,
                              const HostFacts& facts) {
  return Planner(wanted, network, facts).make();
}

}  // namespace lvsd::realserver
