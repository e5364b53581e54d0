// SPDX-License-Identifier: GPL-2.0-or-later
// The rules that bring packets to our queue: what they are (CapturePlan, a pure function of the
// configuration), how a backend writes them (capture_text.h), and their life in the kernel:
// installed whole at start, replaced atomically on reload, watched, removed at stop, cleaned up
// after a kill (design section 4).
//
// What matches lies in sets, so that ten thousand services cost as many rules as one and a reload
// touches only members. `auto` takes nft where its `queue` statement works: rules and sets change
// in one transaction there, and the kernel announces what others do to them. Else iptables with
// ipset, else iptables with one rule per service.
//
// Names are fixed (chain LVSD, sets lvsd-*4, table inet lvsd): one lvsd per network namespace.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/model/config.h"
#include "lvsd/net/result.h"

namespace lvsd {

struct CapturePlan {
  CaptureStage stage = CaptureStage::early;
  std::uint16_t queue = 0;  // first queue; one per worker from there on
  unsigned workers = 1;
  bool bypass = false;
  std::vector<ServiceKey> services;          // requests: destination address, protocol, port
  std::vector<IpAddress> virtual_addresses;  // their ICMP errors and later fragments
  std::vector<ServiceKey> nat_sources;       // replies of NAT destinations, by source
  std::vector<IpAddress> nat_addresses;      // later fragments of those
  // Not only those addressed to a VIP. A router before a NAT destination sends its errors to the
  // client, one inside a tunnel's path to an address of ours: no cheap match tells them from others
  // (the connection is named in the quoted packet). Errors are rare, and what is not about one of
  // our connections the director accepts. Set where a nat or tun destination exists.
  bool every_icmp_error = false;
  friend bool operator==(const CapturePlan&, const CapturePlan&) = default;
};
CapturePlan make_capture_plan(const Config& config);  // sorted, without duplicates

class CaptureTool;  // capture_tool.h

class CaptureRules {
 public:
  // Chooses the backend, probing the kernel. With `manual` nothing is ever installed, and print()
  // says what the operator should have. Where no backend works, install() says why.
  explicit CaptureRules(CaptureBackend backend);
  explicit CaptureRules(std::unique_ptr<CaptureTool> tool);  // one chosen already
  ~CaptureRules();  // leaves the rules: remove() is the caller's decision
  CaptureRules(const CaptureRules&) = delete;
  CaptureRules& operator=(const CaptureRules&) = delete;

  // Also takes over what a killed predecessor left, by whichever backend and stage, without a gap.
  Status install(const CapturePlan& plan);
  // No moment in which a kept service is not captured; counters stay where the rules do.
  Status update(const CapturePlan& plan);
  Status remove();  // nothing of ours stays; fine where nothing is
  // A descriptor that becomes readable when netfilter's tables change (our own changes included:
  // check() reads them away); -1 where there is none. The owner also calls check() about once a
  // second, for what nobody announces: legacy iptables, ipset.
  int watch_fd() const;
  // Whether the rules are in place. Where they are not, restores them; `restored` says it did.
  Status check(bool& restored);
  // Whether the last check() heard of a table deleted by others that could not harm our rules.
  bool withstood() const;
  std::string_view backend() const;                  // "iptables", "nft", "manual", "none"
  std::string print(const CapturePlan& plan) const;  // what is, or should be, installed

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lvsd
