// SPDX-License-Identifier: GPL-2.0-or-later
// Probes over TCP: the connection alone, a conversation, HTTP and TLS, and agents.
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include "lvsd/health/agent.h"
#include "session.h"

namespace lvsd {
namespace {

using asio::ip::tcp;

// Connects, and closes at the deadline. A probe that only connected resets, as no server needs its
// TIME_WAIT and the director has but 28,000 ports to each.
struct Connection {
  Connection(ProbeWorld& world, Duration timeout)
      : socket(std::make_shared<tcp::socket>(world.io)),
        deadline(world.io, timeout, [socket = socket] {
          error_code ignored;
          socket->close(ignored);
        }) {}
  ~Connection() {
    error_code ignored;
    socket->set_option(asio::socket_base::linger(true, 0), ignored);
    socket->close(ignored);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  error_code connect(ProbeWorld& world, const Order& order, asio::yield_context yield) {
    error_code error = open_socket(world, *socket, order, deadline, yield);
    if (error) return error;
    const tcp::endpoint target(address_of(order.target.address), order.target.port.host());
    socket->async_connect(target, yield[error]);
    return error;
  }

  std::shared_ptr<tcp::socket> socket;
  Deadline deadline;
};

// Reads until `read` has an opinion, or the server closes.
template <class Read>
Reading read_answer(tcp::socket& socket, Read read, error_code& error, asio::yield_context yield) {
  std::string bytes;
  std::array<char, 4096> part{};
  while (true) {
    const std::size_t size = socket.async_read_some(asio::buffer(part), yield[error]);
    if (error) return {};
    bytes.append(part.data(), size);
    if (bytes.size() > kLongestAnswer) bytes.resize(kLongestAnswer);
    const Reading reading = read(std::string_view(bytes));
    if (reading.judgement != Judgement::more) return reading;
  }
}

Outcome talk(Connection& connection, const Probe& probe, const std::vector<Step>& steps,
             asio::yield_context yield) {
  Reading last;
  error_code error;
  for (const Step& step : steps) {
    asio::async_write(*connection.socket, asio::buffer(step.send), yield[error]);
    if (error) return failure(connection.deadline, probe, "answer", error);
    if (step.read == nullptr) continue;
    last = read_answer(*connection.socket, step.read, error, yield);
    if (error) return failure(connection.deadline, probe, "answer", error);
    if (last.judgement == Judgement::bad) return {false, last.text};
  }
  return {true, last.text};
}

Outcome expect(Connection& connection, const Probe& probe, asio::yield_context yield) {
  error_code error;
  asio::async_write(*connection.socket, asio::buffer(probe.send), yield[error]);
  if (error) return failure(connection.deadline, probe, "answer", error);
  if (probe.expect.empty()) return {true, "connected"};
  const auto read = [&probe](std::string_view bytes) { return read_expected(bytes, probe.expect); };
  const Reading reading = read_answer(*connection.socket, read, error, yield);
  if (error) return failure(connection.deadline, probe, "answer as expected", error);
  return {reading.judgement == Judgement::good, reading.text};
}

}  // namespace

Outcome probe_stream(ProbeWorld& world, const Order& order, asio::yield_context yield) {
  const Probe& probe = order.health.probe;
  Connection connection(world, probe.timeout);
  if (const error_code error = connection.connect(world, order, yield)) {
    return failure(connection.deadline, probe, "connection", error);
  }
  switch (probe.type) {
    case CheckType::http:
    case CheckType::https:
    case CheckType::tls:
      return probe_web(*connection.socket, connection.deadline, order, yield);
    case CheckType::tcp:
      return expect(connection, probe, yield);
    default:
      return talk(connection, probe, conversation(probe.type), yield);
  }
}

// The line itself is the answer: the daemon reads it, as it has to distrust it anyway.
Outcome ask_agent(ProbeWorld& world, const Order& order, asio::yield_context yield) {
  Order question = order;
  question.health.probe = {};
  question.health.probe.timeout = order.health.agent->timeout;
  Connection connection(world, order.health.agent->timeout);
  error_code error = connection.connect(world, question, yield);
  if (error) return failure(connection.deadline, question.health.probe, "connection", error);
  asio::async_write(*connection.socket, asio::buffer(order.health.agent->send), yield[error]);
  constexpr std::size_t kLongestLine = 512;
  std::string line;
  std::array<char, kLongestLine> part{};
  while (!error && line.find('\n') == std::string::npos && line.size() < kLongestLine) {
    const std::size_t size = connection.socket->async_read_some(asio::buffer(part), yield[error]);
    line.append(part.data(), size);
  }
  if (error && error != asio::error::eof) {
    return failure(connection.deadline, question.health.probe, "answer", error);
  }
  line.resize(std::min({line.size(), line.find('\n'), kLongestLine}));
  std::ranges::replace(line, '\t', ' ');  // only what can be printed is reported, and read again
  return {parse_agent(line).has_value(), line};
}

}  // namespace lvsd
