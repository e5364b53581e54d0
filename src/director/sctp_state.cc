// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/director/sctp_state.h"

#include <array>

#include "lvsd/net/headers.h"

namespace lvsd {
namespace {

using enum SctpState;

// The columns of the tables, and which chunk is which.
enum Event : std::uint8_t {
  data_event,
  init_event,
  init_ack_event,
  cookie_echo_event,
  cookie_ack_event,
  shutdown_event,
  shutdown_ack_event,
  shutdown_complete_event,
  error_event,
  abort_event,
};
constexpr std::size_t kEvents = 10;

Event event_of(std::uint8_t chunk) {
  switch (chunk) {
    case sctp::kInit:
      return init_event;
    case sctp::kInitAck:
      return init_ack_event;
    case sctp::kAbort:
      return abort_event;
    case sctp::kShutdown:
      return shutdown_event;
    case sctp::kShutdownAck:
      return shutdown_ack_event;
    case sctp::kError:
      return error_event;
    case sctp::kCookieEcho:
      return cookie_echo_event;
    case sctp::kCookieAck:
      return cookie_ack_event;
    case sctp::kShutdownComplete:
      return shutdown_complete_event;
    default:  // SACK, HEARTBEAT and the like, and all that came after the kernel's table
      return data_event;
  }
}

using Table = std::array<std::array<SctpState, kEvents>, kSctpStates>;

// The reference's two-letter codes keep a row in a line.
// NOLINTBEGIN(readability-identifier-naming)
constexpr SctpState I1 = init1, IN = init, CS = cookie_sent, CR = cookie_replied, CW = cookie_wait,
                    CO = cookie, CE = cookie_echoed, ES = established, SS = shutdown_sent,
                    SR = shutdown_received, SA = shutdown_ack_sent, RJ = rejected, CL = closed;
// NOLINTEND(readability-identifier-naming)

// Columns: DATA INIT INIT-ACK C-ECHO C-ACK SHUTDOWN SHUTDOWN-ACK SHUTDOWN-COMPLETE ERROR ABORT.
constexpr Table kInput{{
    {ES, I1, CW, CR, ES, SR, CL, CL, CL, CL},  // NONE
    {I1, IN, CW, IN, I1, I1, IN, CL, I1, CL},  // INIT1
    {IN, IN, CW, IN, IN, IN, IN, CL, IN, CL},  // INIT
    {CS, CS, CS, CR, CS, CS, CS, CS, CS, CL},  // C-SENT
    {CR, CR, CR, CR, CR, CR, CR, CR, CR, CL},  // C-REPLIED
    {CW, CW, CO, CW, CW, CW, CW, CW, CW, RJ},  // C-WAIT
    {CO, CO, CO, CO, CO, CO, CO, CO, CO, CL},  // COOKIE
    {CE, CE, CE, CE, ES, CE, CE, CE, CL, CL},  // C-ECHOED
    {ES, ES, ES, ES, ES, SR, ES, ES, ES, CL},  // ESTABLISHED
    {SS, SS, SS, SS, SS, SS, CL, SS, SS, CL},  // S-SENT
    {SR, SR, SR, SR, SR, SR, SR, SR, SR, CL},  // S-RECEIVED
    {SA, SA, SA, SA, SA, SA, CL, CL, SA, CL},  // S-ACK-SENT
    {RJ, IN, RJ, RJ, RJ, RJ, RJ, RJ, RJ, CL},  // REJECTED
    {CL, IN, CL, CL, CL, CL, CL, CL, CL, CL},  // CLOSED
}};

constexpr Table kOutput{{
    {ES, CW, CS, CE, ES, SS, SA, CL, CL, CL},  // NONE
    {I1, CW, CS, CE, ES, SS, SA, I1, CL, RJ},  // INIT1
    {IN, CW, CS, CE, ES, SS, SA, IN, CL, CL},  // INIT
    {CS, CW, CS, CE, ES, SS, SA, CS, CL, CL},  // C-SENT
    {CR, CW, CR, CE, ES, SS, SA, CR, CL, CL},  // C-REPLIED
    {CW, CW, CW, CE, ES, SS, CW, CW, CW, CL},  // C-WAIT
    {CO, CW, CO, CE, ES, SS, CO, CO, CO, CL},  // COOKIE
    {CE, CW, CE, CE, ES, SS, CE, CE, CE, CL},  // C-ECHOED
    {ES, ES, ES, ES, ES, SS, ES, ES, ES, CL},  // ESTABLISHED
    {SS, CW, SS, SS, SS, SS, SA, SS, SS, CL},  // S-SENT
    {SR, CW, SR, SR, SR, SR, SA, SR, SR, CL},  // S-RECEIVED
    {SA, CW, SA, SA, SA, SA, SA, SA, SA, CL},  // S-ACK-SENT
    {RJ, CW, RJ, RJ, RJ, RJ, RJ, RJ, RJ, CL},  // REJECTED
    {CL, CW, CL, CL, CL, CL, CL, CL, CL, CL},  // CLOSED
}};

constexpr Table kInputOnly{{
    {ES, I1, CE, ES, ES, SR, CL, CL, CL, CL},  // NONE
    {I1, IN, CE, ES, I1, I1, IN, CL, I1, CL},  // INIT1
    {IN, IN, CE, ES, IN, IN, IN, CL, IN, CL},  // INIT
    {CS, IN, CE, ES, ES, CS, CS, CL, CS, CL},  // C-SENT
    {CR, IN, CE, ES, ES, CR, CR, CL, CR, CL},  // C-REPLIED
    {ES, IN, CE, ES, CW, CW, CW, CW, CW, RJ},  // C-WAIT
    {CO, CO, CO, CO, ES, CO, CO, CO, CO, CL},  // COOKIE
    {CE, CE, CE, CE, ES, CE, CE, CE, CE, CL},  // C-ECHOED
    {ES, ES, ES, ES, ES, SR, CL, ES, ES, CL},  // ESTABLISHED
    {SS, SS, SS, SS, SS, SS, CL, SS, SS, CL},  // S-SENT
    {SR, SR, SR, SR, SR, SR, SR, CL, SR, CL},  // S-RECEIVED
    {SA, SA, SA, SA, SA, SA, CL, CL, SA, CL},  // S-ACK-SENT
    {RJ, IN, RJ, RJ, RJ, RJ, RJ, RJ, RJ, CL},  // REJECTED
    {CL, IN, CL, CL, CL, CL, CL, CL, CL, CL},  // CLOSED
}};

const Table& table_for(TableDirection direction) {
  switch (direction) {
    case TableDirection::input:
      return kInput;
    case TableDirection::output:
      return kOutput;
    case TableDirection::input_only:
      return kInputOnly;
  }
  return kInput;
}

}  // namespace

SctpState next_state(SctpState current, TableDirection direction, std::uint8_t chunk) {
  return table_for(direction)[static_cast<std::size_t>(current)][event_of(chunk)];
}

// No setting of ipvsadm changes these.
Duration timeout_of(SctpState state) {
  using std::chrono::seconds;
  switch (state) {
    case none:
      return seconds(2);
    case init1:
    case rejected:
      return seconds(4);
    case established:
      return seconds(900);
    case init:
    case cookie_sent:
    case cookie_replied:
    case cookie_wait:
    case cookie:
    case cookie_echoed:
    case shutdown_sent:
    case shutdown_received:
    case shutdown_ack_sent:
    case closed:
      return seconds(61);
  }
  return seconds(2);
}

bool counts_as_active(SctpState state) { return state == established; }

std::string_view to_string(SctpState state) {
  constexpr std::array<std::string_view, kSctpStates> kNames{
      "NONE",     "INIT1",       "INIT",   "C-SENT",     "C-REPLIED",  "C-WAIT",   "COOKIE",
      "C-ECHOED", "ESTABLISHED", "S-SENT", "S-RECEIVED", "S-ACK-SENT", "REJECTED", "CLOSED"};
  return kNames[static_cast<std::size_t>(state)];
}

}  // namespace lvsd
