// SPDX-License-Identifier: GPL-2.0-or-later
// The SCTP state machine of IPVS (reference section 3.6). It sees one chunk of a packet, so it
// follows associations of one path; the numbers are the kernel's, which the sync protocol puts on
// the wire.
#pragma once

#include <cstdint>
#include <string_view>

#include "lvsd/director/tcp_state.h"

namespace lvsd {

enum class SctpState : std::uint8_t {
  none,
  init1,
  init,
  cookie_sent,
  cookie_replied,
  cookie_wait,
  cookie,
  cookie_echoed,
  established,
  shutdown_sent,
  shutdown_received,
  shutdown_ack_sent,
  rejected,
  closed,
};
inline constexpr std::size_t kSctpStates = 14;

// The state after a packet whose deciding chunk has this type; types unknown to IPVS count as DATA.
SctpState next_state(SctpState current, TableDirection direction, std::uint8_t chunk);

Duration timeout_of(SctpState state);
bool counts_as_active(SctpState state);
std::string_view to_string(SctpState state);  // as `ipvsadm -Lc` shows it

}  // namespace lvsd
