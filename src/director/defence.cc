// SPDX-License-Identifier: GPL-2.0-or-later
#include "defence.h"

#include <algorithm>

#include "lvsd/director/sctp_state.h"
#include "state.h"

namespace lvsd {

bool Defence::active(DefenceMode mode, const IpvsOptions& options) const {
  if (mode == DefenceMode::automatic) return available_ < options.amemthresh;
  return mode == DefenceMode::on;
}

void Defence::judge(const IpvsOptions& options) {
  drop_entry_ = active(options.drop_entry, options);
  secure_tcp_ = active(options.secure_tcp, options);
  if (!active(options.drop_packet, options)) {
    rate_ = 0;
  } else if (options.drop_packet == DefenceMode::on) {
    rate_ = options.am_droprate;
  } else {
    rate_ = options.amemthresh / (options.amemthresh - available_);
    counter_ = rate_;
  }
}

bool Defence::takes_packet() {
  if (rate_ == 0) return false;
  if (counter_ > 1) {
    --counter_;
    return false;
  }
  counter_ = rate_;
  return true;
}

bool Defence::takes_entry(std::uint64_t packets) {
  if (packets == 0 || packets >= entry_counters_.size()) return false;
  std::uint64_t& counter = entry_counters_[packets];
  if (counter > 1) {
    --counter;
    return false;
  }
  counter = packets;
  return true;
}

void Defence::schedule(TimePoint now, const IpvsOptions& options) {
  const bool needed = options.drop_entry != DefenceMode::off ||
                      options.drop_packet == DefenceMode::automatic ||
                      options.secure_tcp == DefenceMode::automatic;
  next_ = needed ? std::optional(now + kPeriod) : std::nullopt;
}

void Director::State::defend(TimePoint now) {
  if (!defence.next_deadline() || *defence.next_deadline() > now) return;
  defence.judge(ipvs);
  defence.schedule(now, ipvs);
  if (!defence.drops_entries()) return;
  // A thirty-second part of the table each second, in turn where the kernel draws lots.
  std::vector<ConnectionId> doomed;
  connections.visit_slice(32, [&](ConnectionId id, const Connection& connection) {
    if (may_drop_entry(connection, now)) doomed.push_back(id);
  });
  for (const ConnectionId id : doomed) {
    if (connections[id].controls > 0) continue;
    const std::uint32_t controller = connections[id].control;
    forget(id);
    if (controller == 0) continue;
    // A template that nobody is left of goes along, unless it has proved itself.
    const ConnectionId above{controller - 1};
    const Connection& memory = connections[above];
    const bool assured = memory.is_template() && memory.state == Connection::kAssured;
    if (memory.controls == 0 && !assured) forget(above);
  }
}

// The table of reference 2.8.
bool Director::State::may_drop_entry(const Connection& connection, TimePoint now) {
  if (connection.controls > 0) return false;
  const auto takes_idle = [&] {
    const Duration left = connection.expires - now;
    const Duration idle = std::chrono::milliseconds(connection.timeout_ms) - left;
    return idle >= std::chrono::seconds(60) && defence.takes_entry(connection.packets_in);
  };
  if (connection.is_template()) {
    const Service* const service = destinations.service_of(connection.destination);
    if (service != nullptr && service->one_packet) return takes_idle();
    return connection.state != Connection::kAssured;
  }
  if (connection.protocol == static_cast<std::uint8_t>(IpProtocol::sctp)) {
    const auto state = static_cast<SctpState>(connection.state);
    if (state == SctpState::init1 || state == SctpState::init) return true;
    return state == SctpState::established && takes_idle();
  }
  if (connection.protocol != static_cast<std::uint8_t>(IpProtocol::tcp)) return takes_idle();
  switch (static_cast<TcpState>(connection.state)) {
    case TcpState::syn_recv:
    case TcpState::synack:
      return true;
    case TcpState::established:
      return takes_idle();
    default:
      return false;
  }
}

}  // namespace lvsd
