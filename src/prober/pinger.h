// SPDX-License-Identifier: GPL-2.0-or-later
// All pings of one family through the one raw socket that the daemon opened: sends echo requests,
// hands each reply to whom it answers by number and token.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <map>

#include "session.h"

namespace lvsd {

class Pinger {
 public:
  Pinger(asio::io_context& io, int fd, bool v4);
  // Whether an answer came in time; an error where the question could not be sent.
  error_code ping(const IpAddress& address, const std::optional<IpAddress>& source,
                  Duration timeout, asio::yield_context yield);

 private:
  struct Waiting {
    std::string token;
    asio::steady_timer* timer = nullptr;
    bool answered = false;
  };
  void receive();

  asio::io_context& io_;
  asio::posix::stream_descriptor socket_;
  bool v4_;
  std::uint16_t id_, next_ = 0;
  std::map<std::uint16_t, Waiting*> waiting_;
};

}  // namespace lvsd
