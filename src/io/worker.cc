// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/worker.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/sysinfo.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "lvsd/io/emitter.h"
#include "lvsd/io/mailbox.h"
#include "lvsd/io/network_monitor.h"
#include "lvsd/io/nfqueue.h"
#include "lvsd/io/packet_socket.h"
#include "lvsd/io/priority.h"
#include "lvsd/io/raw_socket.h"
#include "lvsd/model/overloaded.h"

namespace lvsd {
namespace {

// What the defence against overload goes by: free memory and buffers, in pages of 4 KiB.
std::uint64_t free_pages() {
  constexpr std::uint64_t kPage = 4096;
  struct sysinfo memory {};
  if (sysinfo(&memory) != 0) return std::numeric_limits<std::uint64_t>::max();
  return (std::uint64_t{memory.freeram} + memory.bufferram) * memory.mem_unit / kPage;
}

constexpr std::size_t kMailboxLimit = 64;

// What would open a connection gets what the others leave, and while they leave nothing so many of
// a batch: a service that is busy with old clients still takes new ones.
constexpr std::size_t kOpenersWhenBusy = 4;
// New connections come in bursts, but waiting for seconds is of no use to them.
constexpr std::uint32_t kOpenersShare = 8;
constexpr std::uint8_t kInputHook = 1;  // NF_INET_LOCAL_IN

// From the monotonic clock to UTC, which somebody may set.
Duration utc_offset(TimePoint now) {
  return std::chrono::system_clock::now().time_since_epoch() - now.time_since_epoch();
}

TimePoint read_clock() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return TimePoint(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

}  // namespace

// On cache lines of its own: other workers write to theirs with every packet, too.
struct alignas(64) Worker::State {
  State(const WorkerSettings& settings, std::shared_ptr<const Network> network)
      : number(settings.number),
        teach(settings.teach),
        director(settings.director, std::move(network)) {
    QueueSettings queue{.number = settings.datagrams,
                        .length = settings.queue_length,
                        .fail_open = settings.fail_open};
    datagrams.emplace(queue);
    if (settings.streams) {
      const bool whole = packet_socket.takes_unfinished();
      queue.number = *settings.streams;
      queue.kind = whole ? QueueKind::streams : QueueKind::datagrams;
      streams.emplace(queue);
    }
    if (settings.openers) {
      openers.emplace(QueueSettings{.number = *settings.openers,
                                    .length = settings.queue_length / kOpenersShare,
                                    .fail_open = settings.fail_open});
    }
  }

  void run();
  // Which queues are worth a system call.
  struct Ready {
    bool streams = true, datagrams = true, openers = true;
  };
  Ready wait();
  void read_mail(TimePoint now, bool patient = false);
  void handle_packets(const Ready& ready, TimePoint now);
  void handle_packets(NfQueue& queue, std::size_t limit, TimePoint now);
  bool hand_on(NfQueue& queue, const QueuedPacket& packet);
  void decide(NfQueue& queue, QueuedPacket& packet, TimePoint now);
  Verdict handle_tapped(PacketBuffer& packet, TimePoint now);
  DecidedPacket explain(const ExplainMessage& request, TimePoint now) const;
  template <class Do>
  void for_queues(Do&& what) {
    if (streams) what(*streams);
    what(*datagrams);
    if (openers) what(*openers);
  }
  bool more() {
    bool any = false;
    for_queues([&any](const NfQueue& queue) { any = any || queue.more(); });
    return any;
  }
  void expire(TimePoint now);
  void emit();
  EdgeCounters edge_counters();

  unsigned number;
  std::function<void(const PathLesson&)> teach;
  Mailbox<WorkerMessage> mailbox{kMailboxLimit};
  std::vector<WorkerMessage> mail;
  PacketSocket packet_socket;
  RawSocket raw_socket;
  NeighborProber neighbors;
  Director director;
  Emissions emissions;
  Taps taps;
  std::shared_ptr<const Steering> steering;  // none: every packet is this worker's
  std::uint64_t batches = 0, handed_on = 0;
  std::uint64_t turn_packets = 0;  // received in this turn
  LatencyHistogram latency;
  // Bound last, so that nothing waits in the kernel for a worker that could not be built.
  std::optional<NfQueue> streams, datagrams, openers;
  std::thread thread;
};

// A turn: packets, timers, then what they emitted, then the verdicts, and messages when nothing
// waits for them. Emission comes before the verdict because it is what somebody waits for, and
// because a worker that dies between the two leaves packets that were sent and are dropped by the
// kernel, as they should be; the other way round they would be lost. The kernel keeps its copy for
// those few microseconds.
void Worker::State::run() {
  go_first();
  director.set_utc_offset(utc_offset(read_clock()));
  read_mail(read_clock(), /*patient=*/true);  // the configuration, before any packet
  while (!mailbox.closed()) {
    const Ready ready = more() ? Ready{} : wait();
    const TimePoint now = read_clock();
    turn_packets = 0;
    handle_packets(ready, now);
    if (teach) {
      for (const PathLesson& lesson : director.take_lessons()) teach(lesson);
    }
    expire(now);
    emit();
    for_queues([](NfQueue& queue) { queue.settle(); });
    TimePoint then = now;
    if (turn_packets > 0) {
      then = read_clock();
      latency.observe(then - now, turn_packets);
    }
    read_mail(then);
  }
  read_mail(read_clock());
}

// Until there is a packet, a message, or something to expire.
Worker::State::Ready Worker::State::wait() {
  std::optional<timespec> timeout;
  if (const auto deadline = director.next_deadline()) {
    const Duration left = std::max(Duration::zero(), *deadline - read_clock());
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    timeout = timespec{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
  }
  // A negative descriptor is passed over.
  std::array<pollfd, 4> fds{
      pollfd{.fd = datagrams->fd(), .events = POLLIN, .revents = 0},
      pollfd{.fd = mailbox.fd(), .events = POLLIN, .revents = 0},
      pollfd{.fd = streams ? streams->fd() : -1, .events = POLLIN, .revents = 0},
      pollfd{.fd = openers ? openers->fd() : -1, .events = POLLIN, .revents = 0}};
  if (ppoll(fds.data(), fds.size(), timeout ? &*timeout : nullptr, nullptr) < 0) return {};
  if (fds[1].revents != 0) mailbox.heard();
  return {.streams = fds[2].revents != 0,
          .datagrams = fds[0].revents != 0,
          .openers = fds[3].revents != 0};
}

void Worker::State::read_mail(TimePoint now, bool patient) {
  mailbox.take(mail, patient);
  for (WorkerMessage& message : mail) {
    std::visit(
        Overloaded{
            [&](ApplyMessage& apply) {
              director.apply(*apply.changes, now, emissions);
              if (apply.done) apply.done();
            },
            [&](NetworkMessage& news) {
              director.update_network(std::move(news.network), now, emissions);
            },
            [&](SteeringMessage& news) { steering = std::move(news.steering); },
            [&](LessonMessage& news) { director.learn(news.lesson, now); },
            [&](SnapshotMessage& request) {
              request.reply({.director = director.totals(now), .edge = edge_counters()});
            },
            [&](ServicesMessage& request) {
              const std::span<const ServiceKey> keys(*request.keys);
              request.reply(director.services(keys.subspan(request.first, request.count), now));
            },
            [&](ConnectionsMessage& request) {
              request.reply(director.connections(request.first, request.places, now));
            },
            [&](ExplainMessage& request) { request.reply(explain(request, now)); },
            [&](RefusedMessage& request) { request.reply(director.refused()); },
            [&](DecisionsMessage& request) { request.reply(director.decisions(request.service)); },
            [&](TapMessage& request) { request.reply(taps.take(request.id, request.filter, now)); },
            [&](ZeroMessage& request) { director.zero(request.service); }},
        message);
  }
  mail.clear();  // not to keep an old Network or Changes alive until the next message
  emit();
}

// What is established comes first.
void Worker::State::handle_packets(const Ready& ready, TimePoint now) {
  if (streams && ready.streams) handle_packets(*streams, NfQueue::kBatch, now);
  if (ready.datagrams) handle_packets(*datagrams, NfQueue::kBatch, now);
  if (!openers || !ready.openers) return;
  const bool busy = datagrams->more() || (streams && streams->more());
  handle_packets(*openers, busy ? kOpenersWhenBusy : NfQueue::kBatch, now);
}

void Worker::State::handle_packets(NfQueue& queue, std::size_t limit, TimePoint now) {
  const std::span<QueuedPacket> packets = queue.receive(limit);
  if (!packets.empty()) ++batches;
  turn_packets += packets.size();
  constexpr std::size_t kAhead = Director::kExpected;
  for (const QueuedPacket& packet : packets.first(std::min(packets.size(), kAhead))) {
    director.expect(packet.packet);
  }
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (i + kAhead < packets.size()) director.expect(packets[i + kAhead].packet);
    if (!hand_on(queue, packets[i])) decide(queue, packets[i], now);
  }
}

// Rules can tell nearly always whose a packet is; where they could not, it goes to the same queue
// of the right worker.
bool Worker::State::hand_on(NfQueue& queue, const QueuedPacket& packet) {
  if (!steering) return false;
  const auto owner = steering->worker_of(packet.packet.bytes(), packet.mark);
  if (!owner || *owner == number) return false;
  queue.hand_on(packet.id, static_cast<std::uint16_t>(queue.number() + *owner - number));
  ++handed_on;
  return true;
}

void Worker::State::decide(NfQueue& queue, QueuedPacket& packet, TimePoint now) {
  // Our rules capture nothing but IP; what a rule of the operator's may bring is not for us.
  if (packet.protocol != ethertype::kIpv4 && packet.protocol != ethertype::kIpv6) {
    queue.accept(packet.id);
    return;
  }
  packet.packet.set_options_done(packet.hook == kInputHook);
  const Verdict verdict = taps.empty() ? director.handle(packet.packet, now, emissions)
                                       : handle_tapped(packet.packet, now);
  std::visit(Overloaded{[&](const Accept& accept) {
                          if (accept.changed) {
                            queue.accept_changed(packet.id, packet.packet.bytes());
                          } else {
                            queue.accept(packet.id);
                          }
                        },
                        // For the stack, a packet that we sent on or keep is gone as well.
                        [&](const auto&) { queue.drop(packet.id); }},
             verdict);
}

// Somebody listens.
Verdict Worker::State::handle_tapped(PacketBuffer& packet, TimePoint now) {
  if (!taps.wanted(now)) return director.handle(packet, now, emissions);
  const auto bytes = std::as_const(packet).bytes();
  const std::vector<std::byte> came(bytes.begin(), bytes.end());
  const std::size_t before = emissions.size();
  Decision decision;
  const Verdict verdict = director.handle(packet, now, emissions, decision);
  std::optional<ServiceKey> served;
  if (decision.way) {
    const DestinationState* const state = director.destination(decision.way->destination);
    if (state != nullptr) served = state->service;
  }
  if (decision.probe) served = decision.probe->key;
  taps.see(decision, served, [&] {
    DecidedPacket decided{now, came, decision, {}, {}};
    decided.own(emissions.list(), before);
    return decided;
  });
  return verdict;
}

DecidedPacket Worker::State::explain(const ExplainMessage& request, TimePoint now) const {
  DecidedPacket decided;
  decided.time = now;
  decided.packet = request.packet;
  std::vector<std::byte> storage(kPacketHeadroom + request.packet.size());
  std::ranges::copy(request.packet, storage.begin() + kPacketHeadroom);
  PacketBuffer packet(storage, kPacketHeadroom, request.packet.size());
  packet.set_mark(request.mark);
  Emissions out;
  director.explain(packet, now, out, decided.decision);
  decided.own(out.list(), 0);
  return decided;
}

void Worker::State::expire(TimePoint now) {
  const auto deadline = director.next_deadline();
  if (!deadline || *deadline > now) return;
  director.set_available_memory(free_pages());
  director.set_utc_offset(utc_offset(now));
  director.expire(now, emissions);
}

void Worker::State::emit() {
  if (emissions.empty()) return;
  carry_out(emissions.list(), packet_socket, raw_socket, neighbors);
  emissions.clear();
}

EdgeCounters Worker::State::edge_counters() {
  QueueCounters counted;
  QueueStatus kernel, opening;
  for_queues([&](const NfQueue& queue) {
    counted += queue.counters();
    (openers && &queue == &*openers ? opening : kernel) += queue.status().value_or(QueueStatus{});
  });
  const SendCounters& frames = packet_socket.counters();
  const SendCounters& routed = raw_socket.counters();
  return {.received = counted.received,
          .batches = batches,
          .overruns = counted.overruns,
          .queue_dropped = kernel.dropped,
          .user_dropped = kernel.user_dropped,
          .queue_waiting = kernel.waiting,
          .openers_dropped = opening.dropped,
          .openers_undelivered = opening.user_dropped,
          .openers_waiting = opening.waiting,
          .handed_on = handed_on,
          .truncated = counted.truncated,
          .verdicts_refused = counted.refused,
          .sent_frames = frames.sent,
          .sent_routed = routed.sent,
          .send_errors = frames.errors() + routed.errors(),
          .send_no_buffer = frames.no_buffer + routed.no_buffer,
          .send_link_down = frames.link_down + routed.link_down,
          .send_too_big = frames.too_big + routed.too_big,
          .latency = latency};
}

Worker::Worker(const WorkerSettings& settings, std::shared_ptr<const Network> network)
    : state_(std::make_unique<State>(settings, std::move(network))), cpu_(settings.cpu) {}

Worker::~Worker() { stop(); }

// Signals belong to the main thread. They are blocked here, for the new thread to inherit: blocking
// them from within would leave a moment in which it takes one.
void Worker::start() {
  LVSD_ASSERT(!state_->thread.joinable() && !state_->mailbox.closed());
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    state_->thread = std::thread([state = state_.get()] { state->run(); });
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  // A CPU that is not there (any more) is no reason not to work.
  if (cpu_) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(*cpu_, &set);
    pthread_setaffinity_np(state_->thread.native_handle(), sizeof set, &set);
  }
  const std::string name = "lvsd-w" + std::to_string(state_->number);
  pthread_setname_np(state_->thread.native_handle(), name.substr(0, 15).c_str());
}

void Worker::stop() {
  state_->mailbox.close();
  if (state_->thread.joinable()) state_->thread.join();
  state_->streams.reset();
  state_->openers.reset();
  state_->datagrams.reset();
}

bool Worker::post(WorkerMessage message) { return state_->mailbox.post(std::move(message)); }

}  // namespace lvsd
