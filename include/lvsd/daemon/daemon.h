// SPDX-License-Identifier: GPL-2.0-or-later
// The daemon: one control thread that owns the picture of the network, the workers, the capture
// rules and the addresses, and does everything that is not a packet: signals, reload, control
// requests, watching. It may wait (for a worker, for iptables); packets never wait for it.
//
// Start: queue and sockets, workers, configuration, rules, addresses, READY=1. Until
// the rules are in, nothing is captured; until the addresses are there, nothing is asked for. Stop
// is the reverse. A daemon that is killed leaves rules and addresses, so that clients retry into
// silence, not into a reset, until the next start takes them over.
#pragma once

#include <memory>

#include "lvsd/config/file.h"
#include "lvsd/daemon/options.h"
#include "lvsd/prober/process.h"

namespace lvsd {

class Daemon {
 public:
  // Throws std::exception with a sentence where it cannot start.
  Daemon(const Options& options, const ConfigFile& read, ProberProcess prober);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Until TERM or INT. False where something of ours could not be taken away.
  bool run();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lvsd
