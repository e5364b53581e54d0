// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/fleet.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <iterator>
#include <mutex>
#include <optional>
#include <system_error>
#include <unordered_set>

namespace lvsd {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
constexpr milliseconds kPatience{5000};  // a batch takes microseconds; this is a dead worker
// Of ten destinations each, 25 microseconds of a worker's time, which its packets wait.
constexpr std::size_t kServicesPerPart = 8;
constexpr milliseconds kRetry{10};  // between two attempts at a full mailbox

HashSeed random_seed() {
  std::array<unsigned char, sizeof(HashSeed)> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw std::system_error(errno, std::generic_category(), "getrandom");
  }
  return std::bit_cast<HashSeed>(bytes);
}

// Answers that come in from the workers' threads. They may come after the question was given up, so
// each worker's callback holds it by shared_ptr.
template <class T>
class Answers {
 public:
  explicit Answers(std::size_t workers) : answers_(workers) {}

  void put(std::size_t worker, T answer) {
    {
      const std::lock_guard hold(mutex_);
      answers_[worker] = std::move(answer);
    }
    changed_.notify_one();  // not to find the lock still in the worker's hand
  }
  // The first worker without an answer by then; nullopt when all have answered.
  template <class Retry>
  std::optional<std::size_t> wait(Retry retry) {
    const auto deadline = steady_clock::now() + kPatience;
    std::unique_lock hold(mutex_);
    while (true) {
      const auto missing = std::find(answers_.begin(), answers_.end(), std::nullopt);
      if (missing == answers_.end()) return std::nullopt;
      if (steady_clock::now() >= deadline) {
        return static_cast<std::size_t>(missing - answers_.begin());
      }
      changed_.wait_for(hold, kRetry);
      hold.unlock();
      retry();
      hold.lock();
    }
  }
  std::vector<std::optional<T>> take() {
    const std::lock_guard hold(mutex_);
    return std::move(answers_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::optional<T>> answers_;
};

struct Applied {
  bool operator==(const Applied&) const = default;
};

}  // namespace

SteeringHash make_steering_hash(const StartupConfig& config) {
  // Rules that somebody else installs should stay the same from start to start.
  const bool manual = config.backend == CaptureBackend::manual;
  return {.workers = config.workers,
          .seed = manual ? 0 : static_cast<std::uint32_t>(random_seed().k0),
          .prefix = config.steering};
}

Fleet::Fleet(const CapturePlan& plan, const StartupConfig& config,
             const std::shared_ptr<const Network>& network) {
  for (unsigned i = 0; i < config.workers; ++i) {
    const auto queue = [&plan, i](QueueRole role) {
      return static_cast<std::uint16_t>(plan.queue_of(role, i));
    };
    WorkerSettings settings;
    settings.datagrams = queue(QueueRole::datagrams);
    if (plan.super_packets) settings.streams = queue(QueueRole::streams);
    if (plan.openers) settings.openers = queue(QueueRole::openers);
    settings.queue_length = config.queue_length;
    settings.fail_open = config.overload == Overload::bypass;
    if (!config.cpus.empty()) settings.cpu = config.cpus[i % config.cpus.size()];
    settings.director = {.connection_limit = config.connection_limit,
                         .seed = random_seed(),
                         .first_id = static_cast<std::uint16_t>(random_seed().k0),
                         .first_fragment_id = static_cast<std::uint32_t>(random_seed().k0),
                         .has_peers = config.workers > 1,
                         .worker = i,
                         .workers = config.workers};
    if (config.workers > 1) {
      // A full mailbox loses it; the next error says it again.
      settings.teach = [this, i](const PathLesson& lesson) {
        for (std::size_t other = 0; other < workers_.size(); ++other) {
          if (other != i) workers_[other].worker->post(LessonMessage{lesson});
        }
      };
    }
    settings.number = i;
    Crew crew;
    crew.worker = std::make_unique<Worker>(settings, network);
    workers_.push_back(std::move(crew));
  }
}

Status Fleet::start(const std::shared_ptr<const Changes>& changes) {
  return apply(changes, Workers::waiting);
}

void Fleet::stop() {
  for (Crew& crew : workers_) crew.worker->stop();
}

Status Fleet::apply(const std::shared_ptr<const Changes>& changes) {
  return apply(changes, Workers::running);
}

Status Fleet::apply(const std::shared_ptr<const Changes>& given, Workers workers) {
  auto changes = given;
  if (workers_.size() > 1) {
    auto with_loads = std::make_shared<Changes>(*given);
    loads_.hand_out(*with_loads);
    changes = std::move(with_loads);
  }
  remember_services(*changes);
  auto answers = std::make_shared<Answers<Applied>>(workers_.size());
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    send(i, ApplyMessage{changes, [answers, i] { answers->put(i, Applied{}); }});
    if (workers == Workers::waiting) workers_[i].worker->start();
  }
  if (const auto silent = answers->wait([this] { flush(); })) {
    return fail(
        fmt::format("worker {} has not confirmed the changes yet; they are queued", *silent));
  }
  return Done{};
}

void Fleet::set_steering(const std::shared_ptr<const Steering>& steering) {
  for (std::size_t i = 0; i < workers_.size(); ++i) send(i, SteeringMessage{steering});
}

void Fleet::set_network(const std::shared_ptr<const Network>& network) {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    std::erase_if(workers_[i].waiting, [](const WorkerMessage& waiting) {
      return std::holds_alternative<NetworkMessage>(waiting);
    });
    send(i, NetworkMessage{network});
  }
}

void Fleet::remember_services(const Changes& changes) {
  if (services_ && changes.added.empty() && changes.removed.empty()) return;
  auto next = services_ ? std::make_shared<std::vector<ServiceKey>>(*services_)
                        : std::make_shared<std::vector<ServiceKey>>();
  const std::unordered_set<ServiceKey, ServiceKeyHash> gone(changes.removed.begin(),
                                                            changes.removed.end());
  std::erase_if(*next, [&](const ServiceKey& key) { return gone.contains(key); });
  for (const VirtualService& service : changes.added) next->push_back(service.key);
  std::sort(next->begin(), next->end());
  services_ = std::move(next);
}

Result<std::vector<WorkerSnapshot>, Error> Fleet::snapshot() { return snapshot(services_); }

Result<std::vector<WorkerSnapshot>, Error> Fleet::totals() { return snapshot(ServiceKeys()); }

Result<std::vector<WorkerSnapshot>, Error> Fleet::snapshot(std::vector<ServiceKey> only) {
  return snapshot(std::make_shared<const std::vector<ServiceKey>>(std::move(only)));
}

Result<std::vector<WorkerSnapshot>, Error> Fleet::snapshot(const ServiceKeys& keys) {
  auto whole = ask<WorkerSnapshot>([](auto reply) { return SnapshotMessage{reply}; });
  if (!whole || !keys) return whole;
  for (std::size_t first = 0; first < keys->size(); first += kServicesPerPart) {
    const std::size_t count = std::min(kServicesPerPart, keys->size() - first);
    auto parts = ask<std::vector<ServiceSnapshot>>([&](auto reply) {
      return ServicesMessage{keys, first, count, reply};
    });
    if (!parts) return fail(parts.error().message);
    for (std::size_t i = 0; i < parts->size(); ++i) {
      auto& all = (*whole)[i].director.services;
      std::move((*parts)[i].begin(), (*parts)[i].end(), std::back_inserter(all));
    }
  }
  for (WorkerSnapshot& worker : *whole) {
    std::ranges::stable_sort(worker.director.services, {}, &ServiceSnapshot::key);
  }
  return whole;
}

void Fleet::zero(const std::optional<ServiceKey>& service) {
  for (std::size_t i = 0; i < workers_.size(); ++i) send(i, ZeroMessage{service});
}

Result<ConnectionPage, Error> Fleet::connections(std::size_t worker, std::uint32_t first,
                                                 std::uint32_t places) {
  auto answers = std::make_shared<Answers<ConnectionPage>>(1);
  const ConnectionsMessage question{
      first, places, [answers](ConnectionPage page) { answers->put(0, std::move(page)); }};
  flush(worker);
  if (!workers_[worker].waiting.empty() || !workers_[worker].worker->post(question)) {
    return fail(
        fmt::format("worker {} takes no messages at the moment: its mailbox is full", worker));
  }
  if (answers->wait([] {})) return fail(fmt::format("worker {} does not answer", worker));
  return std::move(*answers->take()[0]);
}

template <class Answer, class Question>
Result<std::vector<Answer>, Error> Fleet::ask(Question&& question) {
  auto answers = std::make_shared<Answers<Answer>>(workers_.size());
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    flush(i);
    const auto reply = [answers, i](Answer answer) { answers->put(i, std::move(answer)); };
    if (!workers_[i].waiting.empty() || !workers_[i].worker->post(question(reply))) {
      return fail(fmt::format("worker {} takes no messages at the moment: its mailbox is full", i));
    }
  }
  if (const auto silent = answers->wait([] {})) {
    return fail(fmt::format("worker {} does not answer", *silent));
  }
  std::vector<Answer> all;
  for (auto& answer : answers->take()) all.push_back(std::move(*answer));
  return all;
}

Result<std::vector<DecidedPacket>, Error> Fleet::explain(const std::vector<std::byte>& packet,
                                                         std::uint32_t mark) {
  return ask<DecidedPacket>([&](const auto& reply) { return ExplainMessage{packet, mark, reply}; });
}

Result<std::vector<std::vector<RefusedPacket>>, Error> Fleet::refused() {
  return ask<std::vector<RefusedPacket>>([](const auto& reply) { return RefusedMessage{reply}; });
}

Result<std::vector<std::vector<ServiceDecisions>>, Error> Fleet::decisions(
    const std::optional<ServiceKey>& service) {
  return ask<std::vector<ServiceDecisions>>([&](const auto& reply) {
    return DecisionsMessage{service, reply};
  });
}

Result<std::vector<TapReply>, Error> Fleet::tap(std::uint32_t id, const TapFilter& filter) {
  return ask<TapReply>([&](const auto& reply) { return TapMessage{id, filter, reply}; });
}

void Fleet::send(std::size_t index, WorkerMessage message) {
  workers_[index].waiting.push_back(std::move(message));
  flush(index);
}

void Fleet::flush() {
  for (std::size_t i = 0; i < workers_.size(); ++i) flush(i);
}

void Fleet::flush(std::size_t index) {
  Crew& crew = workers_[index];
  while (!crew.waiting.empty() && crew.worker->post(crew.waiting.front())) {
    crew.waiting.pop_front();
    crew.reported = false;
  }
  if (!crew.waiting.empty() && !crew.reported) {
    spdlog::warn("worker {}: mailbox full, {} messages wait", index, crew.waiting.size());
    crew.reported = true;
  }
}

bool Fleet::backlog() const {
  return std::any_of(workers_.begin(), workers_.end(),
                     [](const Crew& crew) { return !crew.waiting.empty(); });
}

}  // namespace lvsd
