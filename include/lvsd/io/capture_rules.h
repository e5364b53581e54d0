// SPDX-License-Identifier: GPL-2.0-or-later
// The rules that bring packets to our queue: what they are (CapturePlan, a pure function of the
// configuration), how a backend writes them, and their life in the kernel: installed whole at
// start, replaced atomically on reload, watched, removed at stop, cleaned up after a kill (design
// section 4).
#pragma once

#include <memory>
#include <string>
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
  std::vector<ServiceKey>
      nat_sources;  // replies: source address, protocol, port of NAT destinations
  std::vector<IpAddress> nat_addresses;  // their ICMP errors and later fragments
  friend bool operator==(const CapturePlan&, const CapturePlan&) = default;
};
CapturePlan make_capture_plan(const Config& config);  // sorted, without duplicates

class CaptureRules {
 public:
  // Chooses the backend (probing the kernel where it is `auto`); `run_dir` distinguishes several
  // lvsd. With `manual` nothing is ever installed, and print() says what the operator should have.
  explicit CaptureRules(CaptureBackend backend);
  ~CaptureRules();
  CaptureRules(const CaptureRules&) = delete;
  CaptureRules& operator=(const CaptureRules&) = delete;

  Status install(const CapturePlan& plan);  // also replaces what a killed predecessor left
  Status update(
      const CapturePlan& plan);  // without a moment in which a kept service is not captured
  Status remove();
  // A descriptor that becomes readable when netfilter's tables change; -1 where there is none. The
  // owner also calls check() about once a second, for backends whose changes nobody announces.
  int watch_fd() const;
  // Whether the rules are in place. Where they are not, restores them; `restored` says it did.
  Status check(bool& restored);
  std::string_view backend() const;                  // "iptables", "nft", "manual"
  std::string print(const CapturePlan& plan) const;  // what is, or should be, installed

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lvsd
