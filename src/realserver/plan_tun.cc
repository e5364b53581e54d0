// SPDX-License-Identifier: GPL-2.0-or-later
// Tunnels: the kernel's own devices where it has them, else lvsd-decap.
#include <algorithm>
#include <sstream>

#include "planner.h"

namespace lvsd::realserver {
namespace {

constexpr Port kGuePort{std::uint16_t{6080}};

// The device that takes such packets from whoever sends them; none where one driver would not do.
std::string kernel_device(const Tunnel& tunnel, bool outer_v6, bool inner_v6) {
  if (tunnel.encapsulation == Encapsulation::gre) return outer_v6 ? "" : "gre0";
  if (outer_v6) return inner_v6 && tunnel.encapsulation == Encapsulation::ipip ? "ip6tnl0" : "";
  return inner_v6 ? "sit0" : "tunl0";
}

// "port 6080 gue" for IPv4; a port of IPv6 has "-6" behind it.
bool takes_gue(const std::string& fou_ports, const std::string& port) {
  std::istringstream lines(fou_ports);
  for (std::string line; std::getline(lines, line);) {
    const std::string padded = line + " ";
    if (padded.rfind("port " + port + " gue ", 0) == 0 &&
        padded.find(" -6 ") == std::string::npos) {
      return true;
    }
  }
  return false;
}

// Whether the program that runs is the one that is wanted, whoever started it, and where from.
bool same_service(const Words& running, const Words& wanted) {
  Words left;
  for (std::size_t i = 0; i < running.size(); ++i) {
    if (running[i] == "--detach") {
      ++i;
      continue;
    }
    left.push_back(running[i]);
  }
  return !left.empty() &&
         std::equal(left.begin() + 1, left.end(), wanted.begin() + 1, wanted.end());
}

Port gue_port(const Tunnel& tunnel) { return tunnel.port == Port() ? kGuePort : tunnel.port; }

}  // namespace

Status Planner::plan_tunnels() {
  std::vector<const Role*> ours;
  for (const Role& role : wanted_.roles) {
    const Tunnel* const tunnel = std::get_if<Tunnel>(&role.method);
    if (tunnel == nullptr) continue;
    const std::string device = kernel_device(*tunnel, !role.address.is_v4(), !role.vip.is_v4());
    const bool there = !device.empty() && network_.interface(device) != nullptr &&
                       (tunnel->encapsulation != Encapsulation::gue || facts_.has_fou);
    if (wanted_.decapsulator == Decapsulator::kernel && !there) {
      return fail("this kernel has no " + (device.empty() ? "device" : device) +
                  " for the tunnel of service " + role.service + "; leave --decap out");
    }
    if (there && wanted_.decapsulator != Decapsulator::lvsd) {
      plan_kernel_tunnel(role, device);
    } else {
      ours.push_back(&role);
    }
    for (const IpAddress& director : wanted_.directors) {
      const auto hop = network_.route(director);
      if (hop && hop->kind == RouteKind::unicast && hop->gateway == director) {
        note("the director " + to_string(director) +
             " is on a network of this host: method dr would do, and costs no outer header");
      }
    }
  }
  return ours.empty() ? Status(Done{}) : plan_decapsulator(ours);
}

void Planner::plan_kernel_tunnel(const Role& role, const std::string& device) {
  const Tunnel& tunnel = std::get<Tunnel>(role.method);
  if (tunnel.encapsulation == Encapsulation::gue) {
    const std::string port = to_string(gue_port(tunnel));
    command({"ip", "fou", "add", "port", port, "gue"}, {"ip", "fou", "del", "port", port},
            takes_gue(facts_.fou_ports, port), "GUE packets come on this port");
  }
  const Interface* interface = network_.interface(device);
  command({"ip", "link", "set", device, "up"}, {"ip", "link", "set", device, "down"}, interface->up,
          "the kernel's own decapsulator");
  put_address(role.vip, device, "what comes out of the tunnel has the VIP as destination");
  loosen_reverse_path(device,
                      "nothing is routed back into the tunnel, so strict filtering drops "
                      "all that comes out of it");
  if (role.any_tunnel && tunnel.encapsulation == Encapsulation::ipip) {
    note(device + " takes IPIP: where the director sends gre or gue, say so with --tunnel");
  }
  note(device +
       " takes packets from everybody: let the firewall accept tunnel packets from the "
       "director alone");
}

Status Planner::plan_decapsulator(const std::vector<const Role*>& roles) {
  if (wanted_.directors.empty()) {
    return fail(
        "--director is missing: the decapsulator takes packets of directors that it is "
        "told to trust, and of nobody else");
  }
  if (facts_.decap_program.empty()) {
    return fail("lvsd-decap is not installed, and this kernel has no tunnel device of its own");
  }
  std::set<std::string> vips, ports, directors, kinds;
  const Words& running = facts_.decap_running.empty() ? facts_.decap_kept : facts_.decap_running;
  for (std::size_t i = 0; wanted_.adds && i + 1 < running.size(); ++i) {
    if (running[i] == "--vip") vips.insert(running[i + 1]);
    if (running[i] == "--from") directors.insert(running[i + 1]);
    if (running[i] == "--gue-port") ports.insert(running[i + 1]);
    if (running[i] == "--tunnel") kinds.insert(running[i + 1]);
  }
  if (ports.empty() && kinds.count("gue") != 0) ports.insert(to_string(kGuePort));
  // One that takes every kind goes on doing so.
  bool any_kind = wanted_.adds && !running.empty() && kinds.empty();
  for (const IpAddress& director : wanted_.directors) directors.insert(to_string(director));
  std::uint32_t mtu = 65535;
  for (const Role* role : roles) {
    const Interface* holder = interface_of(role->vip);
    if (holder != nullptr && !holder->mac && holder->name != kTunnelDevice) {
      note(to_string(role->vip) + " is on " + holder->name + " already; that does as well");
    }
    vips.insert(to_string(role->vip));
    any_kind = any_kind || role->any_tunnel;
    const Tunnel& tunnel = std::get<Tunnel>(role->method);
    kinds.emplace(to_string(tunnel.encapsulation));
    if (tunnel.encapsulation == Encapsulation::gue) ports.insert(to_string(gue_port(tunnel)));
    if (const Interface* in = interface_of(role->address)) mtu = std::min(mtu, in->mtu);
  }
  Words apply{facts_.decap_program, "--device", kTunnelDevice};
  for (const std::string& vip : vips) apply.insert(apply.end(), {"--vip", vip});
  for (const std::string& from : directors) apply.insert(apply.end(), {"--from", from});
  if (any_kind) kinds.clear();
  for (const std::string& kind : kinds) apply.insert(apply.end(), {"--tunnel", kind});
  for (const std::string& port : ports) apply.insert(apply.end(), {"--gue-port", port});
  apply.insert(apply.end(), {"--mtu", std::to_string(mtu)});
  const Words lasting = apply;
  apply.insert(apply.end(), {"--detach", facts_.decap_directory + "/decap.pid"});
  const bool done = same_service(facts_.decap_running, lasting);
  plan_.steps.push_back({.kind = StepKind::decapsulator,
                         .what = facts_.decap_directory + "/decap.pid",
                         .value = {},
                         .before = {},
                         .apply = apply,
                         .undo = lasting,
                         .why = "takes tunnel packets of these directors apart; the VIP is on its "
                                "device, which switches rp_filter to what works there",
                         .done = done});
  for (const Role* role : roles) free_address(role->vip);
  return Done{};
}

}  // namespace lvsd::realserver
