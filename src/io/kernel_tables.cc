// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/kernel_tables.h"

#include <algorithm>

namespace lvsd {
namespace {

constexpr std::uint32_t kDefaultTable = 253;

// The rules that every kernel starts with, of one family. The default table's is for IPv4 alone.
std::vector<RoutingRule> initial_rules(bool v4) {
  std::vector<RoutingRule> rules;
  const auto add = [&](std::uint32_t priority, std::uint32_t table) {
    RoutingRule rule;
    rule.priority = priority;
    rule.table = table;
    rule.v4 = v4;
    rule.v6 = !v4;
    rules.push_back(rule);
  };
  add(0, 255);
  add(32766, 254);
  if (v4) add(32767, kDefaultTable);
  return rules;
}

// Messages of one kind out of a dump.
template <class Message, class Use>
void each_of(const std::vector<NetlinkValue>& dump, Use&& use) {
  for (const NetlinkValue& value : dump) {
    if (const auto* message = std::get_if<Message>(&value)) use(*message);
  }
}

template <class T>
bool exchange(T& held, T&& fresh) {
  if (held == fresh) return false;
  held = std::forward<T>(fresh);
  return true;
}

}  // namespace

// Kernels without policy routing have no rules to dump, and look up as the initial ones say.
KernelTables::KernelTables() : rules_(initial_rules(true)) {}

KernelTables::Effect KernelTables::notice(const NetlinkValue& value) {
  if (const auto* link = std::get_if<LinkMessage>(&value)) return notice_link(*link);
  if (const auto* neighbor = std::get_if<NeighborMessage>(&value)) {
    return {notice_neighbor(*neighbor), 0};
  }
  // With an address go the routes that prefer it as source, unannounced.
  if (std::holds_alternative<AddressMessage>(value)) {
    return {false, KernelTable::addresses | KernelTable::routes};
  }
  if (std::holds_alternative<RouteMessage>(value)) {
    return {false, static_cast<KernelTableSet>(KernelTable::routes)};
  }
  if (std::holds_alternative<RuleMessage>(value)) {
    return {false, static_cast<KernelTableSet>(KernelTable::rules)};
  }
  return {};
}

KernelTables::Effect KernelTables::notice_link(const LinkMessage& message) {
  constexpr KernelTableSet kFollowing = KernelTable::addresses | KernelTable::routes;
  const auto held = links_.find(message.link.index);
  if (message.removed) {
    if (held == links_.end()) return {};
    links_.erase(held);
    std::erase_if(neighbors_,
                  [&](const auto& entry) { return entry.first.first == message.link.index; });
    return {true, kFollowing};
  }
  if (held != links_.end() && held->second == message.link) return {};
  const bool moved = held == links_.end() || held->second.up != message.link.up;
  links_.insert_or_assign(message.link.index, message.link);
  return {true, moved ? kFollowing : KernelTableSet{0}};
}

bool KernelTables::notice_neighbor(const NeighborMessage& message) {
  const NeighborKey key{message.neighbor.interface, message.neighbor.address};
  if (!message.known) return neighbors_.erase(key) != 0;
  const auto [place, fresh] = neighbors_.try_emplace(key, message.neighbor.mac);
  if (fresh) return true;
  return exchange(place->second, Mac(message.neighbor.mac));
}

bool KernelTables::replace(KernelTable table, const std::vector<NetlinkValue>& dump) {
  switch (table) {
    case KernelTable::links: {
      std::map<InterfaceIndex, Interface> links;
      each_of<LinkMessage>(dump, [&](const LinkMessage& message) {
        links.insert_or_assign(message.link.index, message.link);
      });
      return exchange(links_, std::move(links));
    }
    case KernelTable::addresses: {
      std::map<InterfaceIndex, std::vector<InterfaceAddress>> addresses;
      each_of<AddressMessage>(dump, [&](const AddressMessage& message) {
        if (message.usable) addresses[message.interface].push_back(message.address);
      });
      return exchange(addresses_, std::move(addresses));
    }
    case KernelTable::routes: {
      std::vector<Route> routes;
      each_of<RouteMessage>(dump, [&](const RouteMessage& message) {
        if (message.applies) routes.push_back(message.route);
      });
      return exchange(routes_, std::move(routes));
    }
    case KernelTable::rules: {
      std::vector<RoutingRule> rules;
      each_of<RuleMessage>(dump, [&](const RuleMessage& message) {
        if (message.applies) rules.push_back(message.rule);
      });
      return exchange(rules_, std::move(rules));
    }
    case KernelTable::neighbors: {
      std::map<NeighborKey, Mac> neighbors;
      each_of<NeighborMessage>(dump, [&](const NeighborMessage& message) {
        if (!message.known) return;
        const Neighbor& neighbor = message.neighbor;
        neighbors.insert_or_assign({neighbor.interface, neighbor.address}, neighbor.mac);
      });
      return exchange(neighbors_, std::move(neighbors));
    }
  }
  return false;
}

// Where the kernel has the rules it started with, the model's own default, which is empty, says the
// same and reads better.
std::vector<RoutingRule> KernelTables::model_rules() const {
  std::vector<RoutingRule> v4, v6;
  for (const RoutingRule& rule : rules_) (rule.v4 ? v4 : v6).push_back(rule);
  const bool v6_default = std::any_of(routes_.begin(), routes_.end(), [](const Route& route) {
    return route.table == kDefaultTable && !route.to.address.is_v4();
  });
  const bool initial = v4 == initial_rules(true) && (v6.empty() || v6 == initial_rules(false));
  if (initial && !v6_default) return {};
  if (rules_.empty()) {  // every rule deleted: no look-up finds anything
    RoutingRule nothing;
    nothing.answer = RouteKind::unreachable;
    return {nothing};
  }
  return rules_;
}

std::shared_ptr<const Network> KernelTables::network() const {
  Network::Parts parts;
  parts.complete_routes = true;
  for (const auto& [index, link] : links_) {
    parts.interfaces.push_back(link);
    const auto found = addresses_.find(index);
    if (found != addresses_.end()) parts.interfaces.back().addresses = found->second;
  }
  parts.routes = routes_;
  parts.rules = model_rules();
  parts.neighbors.reserve(neighbors_.size());
  for (const auto& [key, mac] : neighbors_) {
    parts.neighbors.push_back({.address = key.second, .interface = key.first, .mac = mac});
  }
  return std::make_shared<const Network>(std::move(parts));
}

}  // namespace lvsd
