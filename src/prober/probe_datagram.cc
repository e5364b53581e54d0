// SPDX-License-Identifier: GPL-2.0-or-later
// Probes that ask with one datagram: dns, ntp, what the file says, and ping.
#include <sys/random.h>

#include <array>
#include <boost/asio/buffer.hpp>

#include "pinger.h"

namespace lvsd {
namespace {

using asio::ip::udp;

struct Question {
  std::string text;
  std::function<Reading(std::string_view)> read;
};

Question question_of(const Probe& probe) {
  std::uint64_t token = 0;
  if (::getrandom(&token, sizeof token, 0) != sizeof token) token = 1;
  switch (probe.type) {
    case CheckType::dns: {
      const auto id = static_cast<std::uint16_t>(token);
      return {ask_dns(probe.query, id), [id](std::string_view in) { return read_dns(in, id); }};
    }
    case CheckType::ntp:
      return {ask_ntp(token), [token](std::string_view in) { return read_ntp(in, token); }};
    default:
      return {probe.send, [&probe](std::string_view in) -> Reading {
                Reading reading = read_expected(in, probe.expect);
                if (reading.judgement != Judgement::more) return reading;
                return {Judgement::bad, "does not answer as expected"};
              }};
  }
}

}  // namespace

Outcome probe_datagram(ProbeWorld& world, const Order& order, asio::yield_context yield) {
  const Probe& probe = order.health.probe;
  const auto socket = std::make_shared<udp::socket>(world.io);
  const Deadline deadline(world.io, probe.timeout, [socket] {
    error_code ignored;
    socket->close(ignored);
  });
  error_code error = open_socket(world, *socket, order, deadline, yield);
  const udp::endpoint target(address_of(order.target.address), order.target.port.host());
  if (!error) socket->connect(target, error);
  const Question question = question_of(probe);
  if (!error) socket->async_send(asio::buffer(question.text), yield[error]);
  std::array<char, 4096> answer{};
  Reading reading;
  while (!error && reading.judgement == Judgement::more) {
    const std::size_t size = socket->async_receive(asio::buffer(answer), yield[error]);
    if (!error) reading = question.read({answer.data(), size});
  }
  if (error) return failure(deadline, probe, "answer", error);
  return {reading.judgement == Judgement::good, reading.text};
}

Outcome probe_ping(ProbeWorld& world, const Order& order, asio::yield_context yield) {
  const Probe& probe = order.health.probe;
  Pinger* const pinger = order.target.address.is_v4() ? world.pinger4 : world.pinger6;
  if (pinger == nullptr) return {false, "no socket to ping with"};
  const error_code error = pinger->ping(order.target.address, probe.source, probe.timeout, yield);
  if (!error) return {true, "echo reply"};
  if (error == asio::error::timed_out) {
    return {false, "no echo reply within " + seconds_text(probe.timeout)};
  }
  return {false, "no echo reply: " + error.message()};
}

}  // namespace lvsd
