// SPDX-License-Identifier: GPL-2.0-or-later
// One probe under way: a coroutine with a stack of its own, its socket, and the deadline that
// closes it. Whatever a server does or does not do, the coroutine goes on at the deadline at the
// latest.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "lvsd/health/probe_text.h"
#include "lvsd/prober/messages.h"

namespace lvsd {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::steady_clock;

// What probes share.
class Pinger;
struct ProbeWorld {
  asio::io_context& io;
  Pinger* pinger4 = nullptr;
  Pinger* pinger6 = nullptr;
  // A socket with a mark, from the daemon; -1 where it cannot be had. NotAnswered where the daemon
  // has other work for longer than that.
  std::function<int(const SocketNeed&, Duration patience, asio::yield_context)> socket;
  std::function<void(std::string)> say;
};

// The daemon did not say whether there is a socket: nothing is known of the server.
struct NotAnswered : std::exception {};

struct Outcome {
  bool success = false;
  std::string text;
  std::int64_t expires = 0;
};

// Closes what `close` closes when the time is up.
class Deadline {
 public:
  Deadline(asio::io_context& io, Duration timeout, std::function<void()> close);
  ~Deadline() { *armed_ = false; }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  bool expired() const { return *expired_; }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<bool> armed_ = std::make_shared<bool>(true),
                        expired_ = std::make_shared<bool>(false);
};

// What went wrong at `doing`: "no connection within 2 s", "Connection refused".
Outcome failure(const Deadline& deadline, const Probe& probe, std::string_view doing,
                const error_code& error);
std::string milliseconds_text(Duration took);  // "0.8 ms", "12 ms"
std::string seconds_text(Duration duration);   // "2 s", "500 ms"

// A socket for this probe: of its family, with its source and mark. One with a mark may come after
// the deadline, which had nothing to close then.
template <class Socket>
error_code open_socket(ProbeWorld& world, Socket& socket, const Order& order,
                       const Deadline& deadline, asio::yield_context yield);
// Programs must not inherit it, and asio's own open() would let them.
template <class Socket>
error_code open_private(Socket& socket, const typename Socket::protocol_type& protocol);
asio::ip::address address_of(const IpAddress& address);

Outcome probe_stream(ProbeWorld& world, const Order& order, asio::yield_context yield);
Outcome probe_web(asio::ip::tcp::socket& socket, const Deadline& deadline, const Order& order,
                  asio::yield_context yield);  // http, https, tls
Outcome probe_datagram(ProbeWorld& world, const Order& order, asio::yield_context yield);
Outcome probe_ping(ProbeWorld& world, const Order& order, asio::yield_context yield);
Outcome probe_exec(ProbeWorld& world, const Order& order, asio::yield_context yield);
Outcome ask_agent(ProbeWorld& world, const Order& order, asio::yield_context yield);
void tell(ProbeWorld& world, const Telling& telling, asio::yield_context yield);

}  // namespace lvsd
