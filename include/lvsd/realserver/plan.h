// SPDX-License-Identifier: GPL-2.0-or-later
// What a real server has to have for the services that it serves, as a list of steps: a pure
// function of what is wanted and what the host is like now. Each step knows how it is done, how it
// is undone, why it is there, and whether the host has it already; so `plan`, `apply`, `check` and
// `undo` are the same list read in four ways.
//
// What was there before is never thrown away: routes and rules are added beside the host's own, not
// put in their place, and the old value of a setting stands in its step.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lvsd/model/config.h"
#include "lvsd/model/network.h"
#include "lvsd/net/result.h"
#include "lvsd/realserver/held_address.h"

namespace lvsd::realserver {

inline constexpr const char* kTunnelDevice = "lvsd-tun";  // of lvsd-decap

enum class StepKind : std::uint8_t { sysctl, command, decapsulator, file };
std::string_view to_string(StepKind kind);

struct Step {
  StepKind kind = StepKind::command;
  // sysctl: its path below /proc/sys; file: its path; an address that is taken away: "eth0 ADDRESS"
  std::string what;
  // sysctl and file: what is to be there, what was. An address: those that go back after it, a line
  // each, as in their `what`.
  std::string value, before;
  std::vector<std::string> apply, undo;  // command and decapsulator
  std::string why;
  bool done = false;  // the host is so already
};
std::string command_text(const Step& step);  // as a person would type it

struct Plan {
  std::vector<Step> steps;
  std::vector<std::string> notes;  // what no step of ours can mend, and what would be cheaper
};

// One destination of one service that is this host.
struct Role {
  std::string service;
  IpAddress vip, address;
  ForwardingMethod method;
  ServiceProtocol protocol = ServiceProtocol::tcp;
  Port port = {};            // of the destination; 0: any
  bool port_unsaid = false;  // rather than any
  // The kind of its tunnel was not said: a decapsulator of ours takes all, the kernel's device the
  // one that stands in `method`.
  bool any_tunnel = false;
};

enum class Decapsulator : std::uint8_t { automatic, kernel, lvsd };

struct Wanted {
  std::vector<Role> roles;
  std::vector<IpAddress> directors;  // NAT: the way back; tunnels: whom to trust
  std::vector<Prefix> clients;       // NAT: networks of clients that this host has routes to
  Decapsulator decapsulator = Decapsulator::automatic;
  // The roles were given one by one: a decapsulator that runs keeps what it serves beside them.
  bool adds = false;
};

// The host as it is: `sysctls` by their path below /proc/sys, `rules` as `ip rule` prints them,
// `fou_ports` as `ip fou show` does.
struct HostFacts {
  std::map<std::string, std::string> sysctls;
  std::string rules_v4, rules_v6;
  bool has_fou = false;  // the kernel can take UDP in front of a tunnel
  std::string fou_ports;
  std::string decap_program;               // lvsd-decap; empty: not installed
  std::string decap_directory;             // where its process number is kept
  std::vector<std::string> decap_running;  // its arguments; empty: it does not run
  std::vector<std::string> decap_kept;     // those of an earlier run of ours that still counts
  std::vector<HeldAddress> addresses;      // none: ip(8) does not tell
};

// The destinations of the file that are addresses of this host.
Result<std::vector<Role>, Error> roles_of(const Config& config, const Network& network);
// The settings that a plan looks at, for HostFacts.
std::vector<std::string> sysctls_of_interest(const Network& network);

Result<Plan, Error> make_plan(const Wanted& wanted, const Network& network, const HostFacts& facts);

}  // namespace lvsd::realserver
