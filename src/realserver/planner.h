// SPDX-License-Identifier: GPL-2.0-or-later
// A plan under construction, shared by the files that each know one method.
#pragma once

#include <initializer_list>
#include <optional>
#include <set>

#include "lvsd/realserver/plan.h"

namespace lvsd::realserver {

using Words = std::vector<std::string>;

// A network that this host reaches by a route of its own, past its gateway.
struct ShortWay {
  Prefix to;
  bool on_link = true;
};

class Planner {
 public:
  Planner(const Wanted& wanted, const Network& network, const HostFacts& facts)
      : wanted_(wanted), network_(network), facts_(facts) {}
  Result<Plan, Error> make();

 private:
  // planner.cc
  void setting(const std::string& path, const std::string& value,
               std::initializer_list<std::string_view> good, const std::string& why);
  void command(Words apply, Words undo, bool done, const std::string& why);
  void note(std::string text);
  const Interface* interface_of(const IpAddress& own) const;
  void keep_silent();  // ARP, for every IPv4 VIP that this host carries
  void answer_once();  // several interfaces on one network
  std::optional<InterfaceIndex> way_back(bool v4) const;
  void loosen_reverse_path(const std::string& interface, const std::string& why);
  void put_address(const IpAddress& vip, const std::string& device, const std::string& why);
  void free_address(const IpAddress& vip);
  void take_away(const Interface& interface, const InterfaceAddress& entry);
  void note_loss(const HeldAddress& held, const std::vector<HeldAddress>& overtaken);

  // plan_tun.cc
  Status plan_tunnels();
  Status plan_decapsulator(const std::vector<const Role*>& roles);
  void plan_kernel_tunnel(const Role& role, const std::string& device);

  // plan_nat.cc
  Status plan_nat();
  Status plan_reply(const Role& role, const IpAddress& director, const Interface& out);
  void route_in_table(const IpAddress& director, const Interface& out);
  void route_service(const Role& role, const IpAddress& director, const Interface& out, bool near);
  void note_short_ways(const std::vector<ShortWay>& ways);
  void rule(bool v4, unsigned first, const Words& selector, const Words& action,
            const std::string& why);
  std::vector<ShortWay> short_ways(const IpAddress& director) const;
  bool clients_near(const Role& role, const std::vector<ShortWay>& ways) const;

  const Wanted& wanted_;
  const Network& network_;
  const HostFacts& facts_;
  Plan plan_;
  std::set<std::string> seen_;  // each step once
  unsigned rules_ = 0;
};

}  // namespace lvsd::realserver
