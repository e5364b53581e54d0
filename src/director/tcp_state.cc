// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/director/tcp_state.h"

#include <array>

#include "lvsd/net/headers.h"

namespace lvsd {
namespace {

using enum TcpState;

struct Row {
  TcpState syn, fin, ack, rst;
};
using Table = std::array<Row, kTcpStates>;

constexpr Table kInput{{
    {syn_recv, close, established, close},          // none
    {established, close_wait, established, close},  // established
    {established, syn_sent, syn_sent, close},       // syn_sent
    {syn_recv, time_wait, established, syn_recv},   // syn_recv
    {syn_recv, time_wait, fin_wait, close},         // fin_wait
    {syn_recv, time_wait, time_wait, close},        // time_wait
    {syn_recv, close, close, close},                // close
    {syn_recv, close_wait, close_wait, close},      // close_wait
    {syn_recv, last_ack, close, last_ack},          // last_ack
    {syn_recv, listen, listen, listen},             // listen
    {syn_recv, time_wait, established, syn_recv},   // synack
}};

constexpr Table kOutput{{
    {syn_sent, time_wait, established, close},    // none
    {established, fin_wait, established, close},  // established
    {syn_sent, syn_sent, syn_sent, syn_sent},     // syn_sent
    {syn_recv, time_wait, established, close},    // syn_recv
    {syn_sent, fin_wait, fin_wait, close},        // fin_wait
    {syn_sent, time_wait, time_wait, time_wait},  // time_wait
    {syn_sent, close, close, close},              // close
    {syn_sent, time_wait, close_wait, close},     // close_wait
    {syn_sent, last_ack, last_ack, close},        // last_ack
    {listen, listen, established, close},         // listen
    {syn_recv, time_wait, established, close},    // synack
}};

constexpr Table kInputOnly{{
    {syn_recv, close, established, close},         // none
    {established, fin_wait, established, close},   // established
    {established, syn_sent, syn_sent, close},      // syn_sent
    {syn_recv, time_wait, established, syn_recv},  // syn_recv
    {syn_recv, fin_wait, fin_wait, close},         // fin_wait
    {syn_recv, time_wait, time_wait, close},       // time_wait
    {syn_recv, close, close, close},               // close
    {syn_recv, close_wait, close_wait, close},     // close_wait
    {syn_recv, last_ack, close, last_ack},         // last_ack
    {syn_recv, listen, listen, listen},            // listen
    {syn_recv, time_wait, established, close},     // synack
}};

constexpr Row& row(Table& table, TcpState state) { return table[static_cast<std::size_t>(state)]; }

// What secure_tcp judges otherwise.
constexpr Table kSecureInput = [] {
  Table table = kInput;
  row(table, syn_recv).ack = syn_recv;
  row(table, synack) = {synack, synack, synack, close};
  return table;
}();

constexpr Table kSecureOutput = [] {
  Table table = kOutput;
  row(table, syn_recv).syn = synack;
  row(table, synack).syn = synack;
  return table;
}();

constexpr Table kSecureInputOnly = [] {
  Table table = kInputOnly;
  for (const TcpState state :
       {none, fin_wait, time_wait, close, close_wait, last_ack, listen, synack}) {
    row(table, state).syn = synack;
  }
  return table;
}();

const Table& table_for(TableDirection direction, bool secure) {
  switch (direction) {
    case TableDirection::input:
      return secure ? kSecureInput : kInput;
    case TableDirection::output:
      return secure ? kSecureOutput : kOutput;
    case TableDirection::input_only:
      return secure ? kSecureInputOnly : kInputOnly;
  }
  return kInput;
}

}  // namespace

TcpState next_state(TcpState current, TableDirection direction, std::uint8_t tcp_flags,
                    bool secure) {
  const Row& row = table_for(direction, secure)[static_cast<std::size_t>(current)];
  if ((tcp_flags & TcpHeader::kRst) != 0) return row.rst;
  if ((tcp_flags & TcpHeader::kSyn) != 0) return row.syn;
  if ((tcp_flags & TcpHeader::kFin) != 0) return row.fin;
  if ((tcp_flags & TcpHeader::kAck) != 0) return row.ack;
  return close;
}

Duration timeout_of(TcpState state, const Timeouts& timeouts) {
  using std::chrono::seconds;
  switch (state) {
    case none:
      return seconds(2);
    case established:
      return timeouts.tcp;
    case syn_sent:
    case time_wait:
    case listen:
    case synack:
      return seconds(120);
    case syn_recv:
    case close_wait:
      return seconds(60);
    case fin_wait:
      return timeouts.tcp_fin;
    case close:
      return seconds(10);
    case last_ack:
      return seconds(30);
  }
  return seconds(2);
}

bool counts_as_active(TcpState state) {
  return state == established || state == syn_sent || state == syn_recv || state == synack;
}

std::string_view to_string(TcpState state) {
  constexpr std::array<std::string_view, kTcpStates> kNames{
      "NONE",  "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "TIME_WAIT",
      "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "SYNACK"};
  return kNames[static_cast<std::size_t>(state)];
}

}  // namespace lvsd
