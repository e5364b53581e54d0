// SPDX-License-Identifier: GPL-2.0-or-later
#include "sctp.h"

#include "lvsd/director/sctp_state.h"
#include "state.h"

namespace lvsd {
namespace {

constexpr Port kKeyExchange{std::uint16_t{500}};  // ISAKMP, RFC 7296 section 2

}  // namespace

bool may_schedule_sctp(const PacketView& view, bool sloppy) {
  if (view.sctp_chunk == sctp::kAbort) return false;
  return sloppy || view.sctp_chunk == sctp::kInit;
}

bool lacks_chunk(const PacketView& view) {
  return view.is(IpProtocol::sctp) && !view.is_later_fragment() && !view.sctp_chunk;
}

bool sctp_is_closed(const Connection& connection) {
  return static_cast<SctpState>(connection.state) == SctpState::closed;
}

bool no_whole_checksum(const PacketView& view, const Connection& connection) {
  return view.is(IpProtocol::sctp) && view.more_fragments && !view.is_later_fragment() &&
         connection.virtual_port != connection.destination_port;
}

Tuple connection_tuple(const Tuple& tuple) {
  if (!follows_key_exchange(tuple)) return tuple;
  return {tuple.source, tuple.destination, kKeyExchange, kKeyExchange,
          static_cast<std::uint8_t>(IpProtocol::udp)};
}

// A packet without any chunk changes no state; the kernel lets it pass along its connection, too.
void Director::State::advance_sctp(ConnectionId id, const PacketView& view, TableDirection table,
                                   TimePoint now) {
  auto state = static_cast<SctpState>(connections[id].state);
  if (view.sctp_chunk) {
    state = next_state(state, table, view.sctp_cookie_abort ? sctp::kAbort : *view.sctp_chunk);
    enter_state(id, static_cast<std::uint8_t>(state), counts_as_active(state));
  }
  if (state == SctpState::established) assure_controller(connections[id]);
  restart(id, timeout_of(state), now);
}

}  // namespace lvsd
