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
// IPv4 and IPv6 have sets and rules of their own; where there is no IPv6 service there is nothing
// of IPv6, so that a host without ip6tables needs none.
//
// Names are fixed (chains LVSD and LVSD-OUT, sets lvsd-*4 and lvsd-*6, tables inet, ip and ip6
// lvsd): one lvsd per network namespace.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/model/steering.h"
#include "lvsd/net/result.h"

namespace lvsd {

// Requests, by their destination; or what NAT destinations send, by its source.
struct CaptureSide {
  std::vector<ServiceKey> ports;  // address, protocol and port
  // Whole protocols of an address: a service of any port; AH and ESP follow the UDP port 500.
  std::vector<IpAddress> tcp, udp, sctp, ipsec;
  std::vector<IpAddress> addresses;  // all of them: later fragments, and ICMP errors to a VIP
  friend bool operator==(const CaptureSide&, const CaptureSide&) = default;
};

// What is captured of one version of IP; sorted, without duplicates.
struct FamilyPlan {
  CaptureSide requests, replies;
  std::vector<IpAddress> ftp;        // VIPs whose port 20 and unprivileged ports may be FTP data
  std::vector<std::uint32_t> marks;  // of firewall-mark services
  std::vector<ServiceKey> answers;   // what checks with `via: service` are answered from
  bool sctp = false;                 // some service speaks it, so its later fragments count, too
  // Not only those addressed to a VIP. A router before a NAT destination sends its errors to the
  // client, one inside a tunnel's path to an address of ours, and what a firewall mark selects may
  // have any address: no cheap match tells them from others (the connection is named in the quoted
  // packet). Errors are rare, and what is not about one of our connections the director accepts.
  // Set where a nat or tun destination, or a firewall-mark service exists.
  bool every_icmp_error = false;
  // What processes on this host send to services is captured as it leaves: where their addresses
  // need not be ours, so that it does not come back over lo.
  bool own_requests = false;

  bool has_nat() const { return !replies.addresses.empty(); }
  bool has_probes() const { return !answers.empty(); }
  bool empty() const { return *this == FamilyPlan{}; }
  friend bool operator==(const FamilyPlan&, const FamilyPlan&) = default;
};

struct AssignedQueue {
  unsigned number = 0;
  QueueRole role = QueueRole::datagrams;
  unsigned worker = 0;
};

struct CapturePlan {
  CaptureStage stage = CaptureStage::early;
  // The first queue; one per worker from there on. With super-packets as many again follow, for TCP
  // from the network, and then as many for what would open a connection.
  std::uint16_t queue = 0;
  bool super_packets = false, openers = false;
  SteeringHash steering = {};
  bool bypass = false;
  std::uint16_t probe_marks = 0;  // StartupConfig::probe_marks
  FamilyPlan v4, v6;

  unsigned queue_of(QueueRole role, unsigned worker) const {
    const unsigned row = role == QueueRole::datagrams ? 0
                         : role == QueueRole::streams ? 1
                         : super_packets              ? 2
                                                      : 1;
    return queue + row * steering.workers + worker;
  }
  std::vector<AssignedQueue> queues() const;  // in the order of their numbers
  friend bool operator==(const CapturePlan&, const CapturePlan&) = default;
};
// `hash` is the running daemon's; without it, as for one worker.
CapturePlan make_capture_plan(const Config& config, const SteeringHash& hash = {});

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
