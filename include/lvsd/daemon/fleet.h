// SPDX-License-Identifier: GPL-2.0-or-later
// All workers, as the control thread talks to them. Messages that a full mailbox refuses wait here,
// in order, and flush() tries again; only the newest network waits, so the backlog is bounded by
// one network and the reloads that nobody confirmed.
//
// Questions are asked synchronously with a deadline: a worker answers between two batches, within
// milliseconds, and the control thread has nothing better to do; one that does not is an error with
// its number in it.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <vector>

#include "lvsd/io/worker.h"

namespace lvsd {

class Fleet {
 public:
  // Binds every worker's queue; throws std::system_error or std::runtime_error with the queue in
  // it.
  Fleet(const StartupConfig& config, const std::shared_ptr<const Network>& network);

  // A packet that waits in a queue since a predecessor died must not be decided by an empty
  // configuration, which would leave it to the local stack. So the workers start with theirs in
  // their mailboxes, which they read before they read packets. Else as apply().
  Status start(const std::shared_ptr<const Changes>& changes);
  void stop();
  // Returns once every worker has applied it. On failure it is still queued and will be applied.
  Status apply(const std::shared_ptr<const Changes>& changes);
  void set_network(const std::shared_ptr<const Network>& network);
  Result<std::vector<WorkerSnapshot>, Error> snapshot();
  void zero(const std::optional<ServiceKey>& service);  // as Director::zero()
  // A part of one worker's table, as Director::connections().
  Result<ConnectionPage, Error> connections(std::size_t worker, std::uint32_t first,
                                            std::uint32_t places);

  void flush();
  bool backlog() const;
  std::size_t size() const { return workers_.size(); }

 private:
  struct Crew {
    std::unique_ptr<Worker> worker;
    std::deque<WorkerMessage> waiting;
    bool reported = false;  // that its mailbox is full
  };
  enum class Workers { running, waiting };
  Status apply(const std::shared_ptr<const Changes>& changes, Workers workers);
  void send(std::size_t index, WorkerMessage message);
  void flush(std::size_t index);

  std::vector<Crew> workers_;
};

}  // namespace lvsd
