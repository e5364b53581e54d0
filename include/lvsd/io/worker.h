// SPDX-License-Identifier: GPL-2.0-or-later
// One worker: one thread, its own NFQUEUE sockets, Director, packet and raw sockets. It shares
// nothing with other workers but immutable values (Changes, Network). All it is told comes through
// a bounded mailbox that it empties between two batches; every message that wants an answer carries
// the function to call with it, which runs on the worker's thread and must only post elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <variant>

#include "lvsd/director/director.h"
#include "lvsd/io/latency.h"
#include "lvsd/io/tap.h"
#include "lvsd/model/steering.h"
#include "lvsd/net/result.h"

namespace lvsd {

// What the kernel and the sockets did, beside what the director decided.
struct EdgeCounters {
  std::uint64_t received = 0;       // packets handed over by NFQUEUE
  std::uint64_t batches = 0;        // wake-ups that brought any
  std::uint64_t overruns = 0;       // the netlink socket's buffer was full: messages lost to us
  std::uint64_t queue_dropped = 0;  // the kernel's queue was full
  std::uint64_t user_dropped = 0;   // the kernel could not hand a packet to our socket
  std::uint64_t queue_waiting = 0;  // in the kernel's queue right now
  // The last three of the queue of what would open a connection.
  std::uint64_t openers_dropped = 0, openers_undelivered = 0, openers_waiting = 0;
  std::uint64_t handed_on = 0;         // to the worker that has the client
  std::uint64_t truncated = 0;         // longer than our receive slot: dropped
  std::uint64_t verdicts_refused = 0;  // the packet was gone already (its interface went away)
  std::uint64_t sent_frames = 0, sent_routed = 0;
  std::uint64_t send_errors = 0;  // all packets that the kernel would not send; of these:
  std::uint64_t send_no_buffer = 0, send_link_down = 0, send_too_big = 0;
  LatencyHistogram latency;
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
struct SteeringMessage {
  std::shared_ptr<const Steering> steering;
};
struct LessonMessage {
  PathLesson lesson;
};
struct SnapshotMessage {
  std::function<void(WorkerSnapshot)> reply;
};
struct ServicesMessage {
  std::shared_ptr<const std::vector<ServiceKey>> keys;
  std::size_t first = 0, count = 0;  // of these
  std::function<void(std::vector<ServiceSnapshot>)> reply;
};
struct ConnectionsMessage {
  std::uint32_t first = 0, places = 0;  // as of Director::connections()
  std::function<void(ConnectionPage)> reply;
};
struct ExplainMessage {  // as of Director::explain(): nothing changes
  std::vector<std::byte> packet;
  std::uint32_t mark = 0;
  std::function<void(DecidedPacket)> reply;
};
struct RefusedMessage {
  std::function<void(std::vector<RefusedPacket>)> reply;
};
struct DecisionsMessage {  // as of Director::decisions()
  std::optional<ServiceKey> service;
  std::function<void(std::vector<ServiceDecisions>)> reply;
};
struct TapMessage {
  std::uint32_t id = 0;
  TapFilter filter;
  std::function<void(TapReply)> reply;
};
struct ZeroMessage {
  std::optional<ServiceKey> service;  // none: all
};
using WorkerMessage =
    std::variant<ApplyMessage, NetworkMessage, SteeringMessage, LessonMessage, SnapshotMessage,
                 ServicesMessage, ConnectionsMessage, ExplainMessage, RefusedMessage,
                 DecisionsMessage, TapMessage, ZeroMessage>;

struct WorkerSettings {
  std::uint16_t datagrams = 0;           // its queue of packets as they are
  std::optional<std::uint16_t> streams;  // and that of TCP, with super-packets
  std::optional<std::uint16_t> openers;  // of what would open a connection: served last
  std::uint32_t queue_length = 16384;
  bool fail_open = false;
  DirectorSettings director;
  unsigned number = 0;                                // the thread is called lvsd-w<number>
  std::optional<unsigned> cpu = {};                   // that it is bound to
  std::function<void(const PathLesson&)> teach = {};  // the other workers; called on its thread
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
  void stop();  // answers what was posted, ends the thread, unbinds the queue; final
  // False where the mailbox is full or the worker was stopped; never blocks. From any thread.
  bool post(WorkerMessage message);

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::optional<unsigned> cpu_;
};

}  // namespace lvsd
