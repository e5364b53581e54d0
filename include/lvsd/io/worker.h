// SPDX-License-Identifier: GPL-2.0-or-later
// One worker: one thread, its own NFQUEUE socket, Director, packet and raw sockets. It shares
// nothing with other workers but immutable values (Changes, Network). All it is told comes through
// a bounded mailbox that it empties between two batches; every message that wants an answer carries
// the function to call with it, which runs on the worker's thread and must only post elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <variant>

#include "lvsd/director/director.h"
#include "lvsd/net/result.h"

namespace lvsd {

// What the kernel and the sockets did, beside what the director decided.
struct EdgeCounters {
  std::uint64_t received = 0;       // packets handed over by NFQUEUE
  std::uint64_t batches = 0;        // wake-ups that brought any
  std::uint64_t overruns = 0;       // ENOBUFS on the netlink socket: messages lost to us
  std::uint64_t queue_dropped = 0;  // the kernel's queue was full
  std::uint64_t user_dropped = 0;   // the kernel could not hand a packet to our socket
  std::uint64_t queue_waiting = 0;  // in the kernel's queue right now
  std::uint64_t truncated = 0;      // longer than our receive slot: dropped
  std::uint64_t sent_frames = 0, sent_routed = 0;
  std::uint64_t send_errors = 0;  // refused by the kernel (link down, no buffer)
};

struct WorkerSnapshot {
  DirectorSnapshot director;
  EdgeCounters edge;
};

struct ApplyMessage {
  std::shared_ptr<const Changes> changes;
  std::function<void()> done;
};
struct NetworkMessage {
  std::shared_ptr<const Network> network;
};
struct SnapshotMessage {
  std::function<void(WorkerSnapshot)> reply;
};
using WorkerMessage = std::variant<ApplyMessage, NetworkMessage, SnapshotMessage>;

struct WorkerSettings {
  std::uint16_t queue = 0;
  DirectorSettings director;
};

class Worker {
 public:
  // Opens the sockets and binds the queue; throws std::system_error where it cannot (another
  // program holds the queue, no privilege). Packets wait in the kernel until start().
  Worker(const WorkerSettings& settings, std::shared_ptr<const Network> network);
  ~Worker();  // stops and joins
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start();
  void stop();
  bool post(WorkerMessage message);  // false where the mailbox is full; never blocks

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lvsd
