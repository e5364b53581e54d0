// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/model/network.h"

#include <algorithm>

namespace lvsd {
namespace {

constexpr std::uint32_t kLocalTable = 255, kMainTable = 254, kDefaultTable = 253;

bool matches(const RoutingRule& rule, const IpAddress& to, const IpAddress& from) {
  if (!(to.is_v4() ? rule.v4 : rule.v6)) return false;
  const bool met = (!rule.from || rule.from->contains(from)) && (!rule.to || rule.to->contains(to));
  return met != rule.inverted;
}

}  // namespace

Network::Network(Parts parts) : parts_(std::move(parts)) {
  if (parts_.rules.empty()) {
    parts_.rules = {RoutingRule{.priority = 0, .from = {}, .to = {}, .table = kLocalTable},
                    RoutingRule{.priority = 32766, .from = {}, .to = {}, .table = kMainTable},
                    RoutingRule{.priority = 32767, .from = {}, .to = {}, .table = kDefaultTable}};
  }
  std::stable_sort(
      parts_.rules.begin(), parts_.rules.end(),
      [](const RoutingRule& a, const RoutingRule& b) { return a.priority < b.priority; });
  for (std::uint32_t i = 0; i < parts_.interfaces.size(); ++i) {
    by_index_[static_cast<std::uint32_t>(parts_.interfaces[i].index)] = i;
  }
  for (std::uint32_t i = 0; i < parts_.neighbors.size(); ++i) {
    neighbors_[parts_.neighbors[i].address].push_back(i);
  }
  add_connected();
  index_routes();
}

Network::Parts Network::assumed_parts() {
  Parts parts;
  Interface interface;
  interface.index = InterfaceIndex{1};
  interface.name = "eth0";
  interface.mac = Mac({0x02, 0, 0, 0, 0, 0x01});
  interface.addresses = {{*IpAddress::parse("192.0.2.254"), 32},
                         {*IpAddress::parse("2001:db8::fe"), 128}};
  for (const char* everything : {"0.0.0.0/0", "::/0"}) {
    Route route;
    route.to = *Prefix::parse(everything);
    route.interface = interface.index;
    parts.routes.push_back(route);
  }
  parts.interfaces.push_back(std::move(interface));
  parts.assume_neighbors = true;
  return parts;
}

Mac Network::assumed_mac(const IpAddress& address) {
  const auto& bytes = address.bytes();
  return Mac({0x02, 0, bytes[12], bytes[13], bytes[14], bytes[15]});
}

const Interface* Network::interface(InterfaceIndex index) const {
  const auto found = by_index_.find(static_cast<std::uint32_t>(index));
  return found == by_index_.end() ? nullptr : &parts_.interfaces[found->second];
}

const Interface* Network::interface(std::string_view name) const {
  for (const Interface& candidate : parts_.interfaces) {
    if (candidate.name == name) return &candidate;
  }
  return nullptr;
}

bool Network::is_local(const IpAddress& address) const {
  if (local_.contains(address)) return true;
  const std::optional<NextHop> hop = route(address);
  return hop && hop->kind == RouteKind::local;
}

// What the kernel adds by itself for every address of an interface that is up.
void Network::add_connected() {
  if (parts_.complete_routes) return;
  for (std::uint32_t i = 0; i < parts_.interfaces.size(); ++i) {
    const Interface& interface = parts_.interfaces[i];
    for (const InterfaceAddress& own : interface.addresses) {
      local_.try_emplace(own.address, i);
      Route local;
      local.to = Prefix::of(own.address, static_cast<std::uint8_t>(own.address.width()));
      local.kind = RouteKind::local;
      local.interface = interface.index;
      local.table = kLocalTable;
      local.source = own.address;
      derived_.push_back(local);
      if (own.length == own.address.width()) continue;
      Route connected;
      connected.to = Prefix::of(own.address, own.length);
      connected.interface = interface.index;
      connected.source = own.address;
      derived_.push_back(connected);
    }
  }
}

void Network::index_routes() {
  const auto better = [this](std::uint32_t a, std::uint32_t b) {
    return route_at(a).metric < route_at(b).metric;
  };
  const auto total = static_cast<std::uint32_t>(parts_.routes.size() + derived_.size());
  for (std::uint32_t i = 0; i < total; ++i) {
    const Route& route = route_at(i);
    Table& table = tables_[route.table];
    auto& bucket = route.to.address.is_v4() ? table.v4[route.to.length] : table.v6[route.to.length];
    const auto [place, fresh] = bucket.try_emplace(route.to.address, i);
    if (!fresh && better(i, place->second)) place->second = i;
  }
}

const Route& Network::route_at(std::uint32_t index) const {
  const auto given = static_cast<std::uint32_t>(parts_.routes.size());
  return index < given ? parts_.routes[index] : derived_[index - given];
}

const Route* Network::longest_match(std::uint32_t table, const IpAddress& to) const {
  const auto found = tables_.find(table);
  if (found == tables_.end()) return nullptr;
  const auto search = [&](const auto& lengths) -> const Route* {
    for (std::size_t length = lengths.size(); length-- > 0;) {
      if (lengths[length].empty()) continue;
      const auto hit = lengths[length].find(masked(to, static_cast<std::uint8_t>(length)));
      if (hit != lengths[length].end()) return &route_at(hit->second);
    }
    return nullptr;
  };
  return to.is_v4() ? search(found->second.v4) : search(found->second.v6);
}

std::optional<NextHop> Network::route(const IpAddress& to, const IpAddress& from) const {
  for (const RoutingRule& rule : parts_.rules) {
    if (!matches(rule, to, from)) continue;
    if (rule.answer) {
      NextHop hop;
      hop.kind = *rule.answer;
      hop.gateway = to;
      return hop;
    }
    const Route* match = longest_match(rule.table, to);
    if (match == nullptr) continue;
    if (rule.suppress_length && match->to.length <= *rule.suppress_length &&
        match->kind != RouteKind::unreachable) {  // a refusal is never passed over
      continue;
    }
    return next_hop(*match, to);
  }
  return std::nullopt;
}

NextHop Network::next_hop(const Route& route, const IpAddress& to) const {
  NextHop hop;
  hop.kind = route.kind;
  hop.interface = route.interface;
  hop.gateway = route.via.value_or(to);
  const Interface* out = interface(route.interface);
  if (out == nullptr && route.via) {  // `dev` left out of a network file: the gateway decides
    for (const Interface& candidate : parts_.interfaces) {
      for (const InterfaceAddress& own : candidate.addresses) {
        if (!Prefix::of(own.address, own.length).contains(*route.via)) continue;
        out = &candidate;
        hop.interface = candidate.index;
      }
    }
  }
  if (out != nullptr) hop.mtu = out->mtu;
  if (route.mtu != 0) hop.mtu = std::min(hop.mtu, route.mtu);
  hop.source = route.source.value_or(out == nullptr ? IpAddress{} : source_on(*out, hop.gateway));
  return hop;
}

// The kernel's choice without a preferred source: an address in the gateway's network, else the
// interface's first of that family, else the first of any interface but loopback.
IpAddress Network::source_on(const Interface& out, const IpAddress& gateway) const {
  const auto pick = [&](const Interface& from) -> const IpAddress* {
    const IpAddress* first = nullptr;
    for (const InterfaceAddress& own : from.addresses) {
      if (own.address.is_v4() != gateway.is_v4()) continue;
      if (Prefix::of(own.address, own.length).contains(gateway)) return &own.address;
      if (first == nullptr) first = &own.address;
    }
    return first;
  };
  if (const IpAddress* own = pick(out)) return *own;
  for (const Interface& other : parts_.interfaces) {
    if (other.loopback) continue;
    if (const IpAddress* own = pick(other)) return *own;
  }
  return {};
}

std::optional<Mac> Network::neighbor(InterfaceIndex interface, const IpAddress& address) const {
  const auto found = neighbors_.find(address);
  if (found != neighbors_.end()) {
    for (const std::uint32_t i : found->second) {
      if (parts_.neighbors[i].interface == interface) return parts_.neighbors[i].mac;
    }
  }
  if (parts_.assume_neighbors) return assumed_mac(address);
  return std::nullopt;
}

}  // namespace lvsd
