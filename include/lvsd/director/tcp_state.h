// SPDX-License-Identifier: GPL-2.0-or-later
// The TCP state machine of IPVS (reference section 3.1 to 3.3). States carry the
// kernel's numbers, which the sync protocol puts on the wire.
#pragma once

#include <cstdint>
#include <string_view>

#include "lvsd/model/service.h"

namespace lvsd {

enum class TcpState : std::uint8_t {
  none,
  established,
  syn_sent,
  syn_recv,
  fin_wait,
  time_wait,
  close,
  close_wait,
  last_ack,
  listen,
  synack,
};
inline constexpr std::size_t kTcpStates = 11;

// Which table a packet is judged by. Input-only: the replies do not pass the director (dr, tun).
enum class TableDirection : std::uint8_t { input, output, input_only };

// The state after a packet with these flags. The first of RST, SYN, FIN, ACK counts; none: CLOSE.
// `secure`: the tables of secure_tcp, by which a connection is established only once its server has
// acknowledged something, or SYN by SYN stays in SYNACK where the director sees no replies.
TcpState next_state(TcpState current, TableDirection direction, std::uint8_t tcp_flags,
                    bool secure = false);

Duration timeout_of(TcpState state, const Timeouts& timeouts);
bool counts_as_active(TcpState state);
std::string_view to_string(TcpState state);  // as `ipvsadm -Lc` shows it

}  // namespace lvsd
