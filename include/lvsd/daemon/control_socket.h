// SPDX-License-Identifier: GPL-2.0-or-later
// The control socket: RUN_DIR/lvsd.sock, for root and the group lvsd, lines in, lines out
// (control/request.h); each line comes with who sent it. It keeps whoever may connect from hurting
// the daemon: at most kMaxClients at once of those who may change something and as many of the
// others, kMaxRequest bytes a line, kIdle for a client to send a line or take a reply. What a line
// means is the caller's business.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "lvsd/daemon/peer.h"

namespace lvsd {

class ControlSocket {
 public:
  static constexpr std::size_t kMaxClients = 32;
  static constexpr std::chrono::seconds kIdle{10};
  // A reply without its newline.
  using Answer = std::function<std::string(std::string_view line, const Peer& peer)>;
  // One that may come later, once, on the thread of `io`; `line` does not outlive the call.
  using Reply = std::function<void(std::string)>;
  using LateAnswer = std::function<void(std::string_view line, const Peer& peer, Reply reply)>;

  // Replaces a socket that a killed predecessor left; throws std::runtime_error.
  ControlSocket(boost::asio::io_context& io, std::string path, Answer answer);
  ControlSocket(boost::asio::io_context& io, std::string path, LateAnswer answer);
  ~ControlSocket();  // closes and removes the socket
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

 private:
  struct State;
  class Session;
  std::shared_ptr<State> state_;
};

}  // namespace lvsd
