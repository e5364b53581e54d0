// SPDX-License-Identifier: GPL-2.0-or-later
#include "session.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>

namespace lvsd {

using std::chrono::duration_cast;

Deadline::Deadline(asio::io_context& io, Duration timeout, std::function<void()> close)
    : timer_(io, duration_cast<steady_clock::duration>(timeout)) {
  timer_.async_wait([armed = armed_, expired = expired_, close](error_code error) {
    if (error || !*armed) return;
    *expired = true;
    close();
  });
}

std::string milliseconds_text(Duration took) {
  const double milliseconds = std::chrono::duration<double, std::milli>(took).count();
  return fmt::format("{:.{}f} ms", milliseconds, milliseconds < 10 ? 1 : 0);
}

std::string seconds_text(Duration duration) {
  const auto milliseconds = duration_cast<std::chrono::milliseconds>(duration).count();
  return milliseconds % 1000 == 0 ? fmt::format("{} s", milliseconds / 1000)
                                  : fmt::format("{} ms", milliseconds);
}

Outcome failure(const Deadline& deadline, const Probe& probe, std::string_view doing,
                const error_code& error) {
  if (deadline.expired()) {
    return {false, fmt::format("no {} within {}", doing, seconds_text(probe.timeout))};
  }
  return {false, fmt::format("no {}: {}", doing, error.message())};
}

asio::ip::address address_of(const IpAddress& address) {
  return asio::ip::make_address(to_string(address));
}

template <class Socket>
error_code open_private(Socket& socket, const typename Socket::protocol_type& protocol) {
  const int type = protocol.type() | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const int fd = ::socket(protocol.family(), type, protocol.protocol());
  if (fd < 0) return {errno, boost::system::system_category()};
  error_code error;
  socket.assign(protocol, fd, error);
  return error;
}
template error_code open_private(asio::ip::tcp::socket&, const asio::ip::tcp&);
template error_code open_private(asio::ip::udp::socket&, const asio::ip::udp&);

template <class Socket>
error_code open_socket(ProbeWorld& world, Socket& socket, const Order& order,
                       const Deadline& deadline, asio::yield_context yield) {
  using Protocol = typename Socket::protocol_type;
  const Probe& probe = order.health.probe;
  const bool v4 = order.target.address.is_v4();
  const Protocol protocol = v4 ? Protocol::v4() : Protocol::v6();
  error_code error;
  if (probe.mark != 0) {
    const bool stream = std::is_same_v<Protocol, asio::ip::tcp>;
    const int fd = world.socket({0, v4, stream, probe.mark}, probe.timeout, yield);
    if (fd < 0) return asio::error::no_permission;
    socket.assign(protocol, fd, error);
    if (deadline.expired()) return asio::error::timed_out;
  } else {
    error = open_private(socket, protocol);
  }
  if (!error && probe.source) {
    socket.bind(typename Protocol::endpoint(address_of(*probe.source), 0), error);
  }
  return error;
}
template error_code open_socket(ProbeWorld&, asio::ip::tcp::socket&, const Order&, const Deadline&,
                                asio::yield_context);
template error_code open_socket(ProbeWorld&, asio::ip::udp::socket&, const Order&, const Deadline&,
                                asio::yield_context);

}  // namespace lvsd
