// SPDX-License-Identifier: GPL-2.0-or-later
// Checks that take their service's data path. What sends them connects to the real server's own
// address, for it cannot say otherwise which of the servers behind one virtual address it means;
// the mark of its socket says which service. The director makes the virtual address of it, and of
// the answer, which comes from there, the real server's again.
//
// They are no connections: nothing is counted, remembered for a client, or listed. Outward a packet
// tells all by itself. For its answer the director remembers, by the packet's addresses, which
// server it went to: in two halves, of which the older is forgotten every half minute, or when the
// younger is full, so that nothing has to be timed. The kernel may give one port to checks of two
// servers at once, since it sees two addresses; to us they are one: the later one's packet is
// dropped while the other goes on, and sent again by TCP.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "copy_on_write.h"
#include "lvsd/model/service.h"
#include "lvsd/model/time.h"
#include "lvsd/net/packet_view.h"

namespace lvsd {

class Probes {
 public:
  struct Path {
    std::string name;
    ServiceKey key;
    std::unordered_map<IpAddress, ProbeTarget, IpAddressHash> targets;
  };
  struct Flow {
    std::uint32_t mark = 0;
    IpAddress server;
    bool over = false;    // a FIN, a reset or UDP's answer was seen: the port may begin anew
    bool begins = false;  // the packet is a SYN
    TimePoint last{};
  };
  static constexpr std::size_t kMostFlows = 1U << 16U;  // in one half
  static constexpr Duration kHalfLife = std::chrono::seconds(30);
  static constexpr Duration kIdle = std::chrono::seconds(5);

  // Instead of what the service had; nothing where there is no mark.
  void configure(const ServiceKey& key, const std::string& name, const ProbePath& path);
  bool no_flows() const { return young_->empty() && old_->empty(); }
  // Also one that no service has any more.
  bool is_mark(std::uint32_t mark) const {
    return range_ != 0 && mark >> ProbePath::kServiceBits == range_;
  }
  const Path* find(std::uint32_t mark) const;

  // That a packet with these addresses, the virtual one among them, goes to `flow.server`. False
  // where another server's check has them, and used them in the last kIdle: a check that got no
  // answer ends without a packet.
  bool admit(const Tuple& sent, Flow flow, TimePoint now);
  // What the packet answers; `last` where none follows it.
  std::optional<Flow> find_answered(const Tuple& answer, bool last, TimePoint now);

 private:
  struct TupleHash {
    std::size_t operator()(const Tuple& tuple) const;
  };
  using Flows = std::unordered_map<Tuple, Flow, TupleHash>;
  void age(TimePoint now);
  Flow* find(const Tuple& sent);

  CopyOnWrite<std::unordered_map<std::uint32_t, Path>> paths_;  // by mark
  CopyOnWrite<std::unordered_map<ServiceKey, std::uint32_t, ServiceKeyHash>> marks_;
  std::uint32_t range_ = 0;  // the upper half of them
  CopyOnWrite<Flows> young_, old_;
  TimePoint aged_{};
};

}  // namespace lvsd
