// SPDX-License-Identifier: GPL-2.0-or-later
// Answers GET /metrics over HTTP, on the control thread, with a page that whoever renders it may
// make elsewhere: packets never wait for a scrape, and a scraper that is slow, silent or hostile is
// one of at most kMaxClients and gone after kIdle. It
// listens without any privilege left, so on a port above 1023.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "lvsd/model/service.h"

namespace lvsd {

class MetricsServer {
 public:
  static constexpr std::size_t kMaxClients = 8;
  static constexpr std::chrono::seconds kIdle{10};
  // With the page, once, on the thread of `io`; empty where it cannot be made at the moment.
  using Reply = std::function<void(std::string)>;
  using Render = std::function<void(Reply)>;

  // Throws std::runtime_error where it cannot listen there.
  MetricsServer(boost::asio::io_context& io, const Endpoint& listen, Render render);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;
  Port port() const;  // where 0 was asked for, the one that there is

 private:
  struct State;
  class Session;
  std::shared_ptr<State> state_;
};

}  // namespace lvsd
