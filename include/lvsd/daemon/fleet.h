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

#include "lvsd/io/capture_rules.h"
#include "lvsd/io/worker.h"

namespace lvsd {

// How clients are spread over them, for the life of the daemon.
SteeringHash make_steering_hash(const StartupConfig& config);

class Fleet {
 public:
  // Binds every worker's queue; throws std::system_error or std::runtime_error with the queue in
  // it.
  Fleet(const CapturePlan& plan, const StartupConfig& config,
        const std::shared_ptr<const Network>& network);

  ~Fleet() { stop(); }  // all of them, before any is gone that another may teach
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // A packet that waits in a queue since a predecessor died must not be decided by an empty
  // configuration, which would leave it to the local stack. So the workers start with theirs in
  // their mailboxes, which they read before they read packets. Else as apply().
  Status start(const std::shared_ptr<const Changes>& changes);
  void stop();
  // Returns once every worker has applied it. On failure it is still queued and will be applied.
  Status apply(const std::shared_ptr<const Changes>& changes);
  // What is captured: all workers hear of it at once, or they would not agree on whose a packet is.
  void set_steering(const std::shared_ptr<const Steering>& steering);
  void set_network(const std::shared_ptr<const Network>& network);
  // Asked for in parts, between which the workers go on with their packets: what a part has is of
  // one moment, the whole is not.
  Result<std::vector<WorkerSnapshot>, Error> snapshot();
  // Of the configured services only these.
  Result<std::vector<WorkerSnapshot>, Error> snapshot(std::vector<ServiceKey> only);
  // Without any services: quick, however many there are.
  Result<std::vector<WorkerSnapshot>, Error> totals();
  void zero(const std::optional<ServiceKey>& service);  // as Director::zero()
  // A part of one worker's table, as Director::connections().
  Result<ConnectionPage, Error> connections(std::size_t worker, std::uint32_t first,
                                            std::uint32_t places);

  // What each worker would do with the packet: nothing changes.
  Result<std::vector<DecidedPacket>, Error> explain(const std::vector<std::byte>& packet,
                                                    std::uint32_t mark);
  // What each has refused lately, and what has passed the tap of that id (io/tap.h).
  Result<std::vector<std::vector<RefusedPacket>>, Error> refused();
  Result<std::vector<std::vector<ServiceDecisions>>, Error> decisions(
      const std::optional<ServiceKey>& service);
  Result<std::vector<TapReply>, Error> tap(std::uint32_t id, const TapFilter& filter);

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
  // Asks every worker what `question` makes of a function to answer with.
  template <class Answer, class Question>
  Result<std::vector<Answer>, Error> ask(Question&& question);
  using ServiceKeys = std::shared_ptr<const std::vector<ServiceKey>>;
  Result<std::vector<WorkerSnapshot>, Error> snapshot(const ServiceKeys& keys);
  Status apply(const std::shared_ptr<const Changes>& changes, Workers workers);
  void send(std::size_t index, WorkerMessage message);
  void flush(std::size_t index);

  void remember_services(const Changes& changes);

  std::vector<Crew> workers_;
  ServiceKeys services_;  // that the workers have
  LoadBook loads_;
};

}  // namespace lvsd
