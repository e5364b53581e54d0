// SPDX-License-Identifier: GPL-2.0-or-later
// The prober's life: what it was told to probe, when each is due, and what goes back.
#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/coroutine/attributes.hpp>
#include <deque>
#include <nlohmann/json.hpp>
#include <random>
#include <unordered_map>

#include "lvsd/prober/process.h"
#include "pinger.h"

namespace lvsd {
namespace {

using nlohmann::json;
using std::chrono::duration_cast;

constexpr std::size_t kStack = 96 * 1024;  // an OpenSSL handshake takes about 20 KiB of it
constexpr std::size_t kMostUnderWay = 20000;
constexpr std::size_t kResultsPerMessage = 100;
constexpr std::size_t kMostWaiting = 16U << 20U;  // bytes for a daemon that does not read
constexpr std::size_t kMostHooks = 16;            // at a time
constexpr std::size_t kMostHooksWaiting = 10000;

Duration interval_of(const Order& order) {
  return order.agent ? order.health.agent->interval : order.health.rules.interval;
}

class Prober {
 public:
  explicit Prober(const ProberSockets& sockets);
  void run() { io_.run(); }

 private:
  struct Check {
    std::shared_ptr<const Order> order;
    asio::steady_timer timer;
    Duration interval;
    steady_clock::time_point due{};
    bool under_way = false;
    Check(asio::io_context& io, std::shared_ptr<const Order> given)
        : order(std::move(given)), timer(io), interval(interval_of(*order)) {}
  };

  void receive();
  void take(std::string_view text, int fd);
  void set(const json& message);
  void schedule(std::uint64_t id, Duration delay);
  void launch(std::uint64_t id);
  Outcome probe(const Order& order, asio::yield_context yield);
  void finish(std::uint64_t id, const Outcome& outcome, Duration took);
  void take_hook(Telling telling);
  void run_hooks();
  void send(std::string message);
  void flush();
  void flush_results();
  int request_socket(SocketNeed need, Duration patience, asio::yield_context yield);
  Duration random_part(Duration most);

  asio::io_context io_{1};
  asio::posix::stream_descriptor channel_;
  std::optional<Pinger> pinger4_, pinger6_;
  ProbeWorld world_;
  std::minstd_rand random_{std::random_device{}()};
  std::unordered_map<std::uint64_t, std::shared_ptr<Check>> checks_;
  std::vector<ProbeResult> results_;
  bool results_due_ = false;
  std::deque<std::string> outgoing_;
  std::size_t waiting_bytes_ = 0;
  bool writing_ = false;
  std::deque<Telling> hooks_;
  std::size_t running_hooks_ = 0;
  std::size_t under_way_ = 0;
  struct Requested {
    asio::steady_timer* timer = nullptr;
    int fd = -1;
    bool answered = false;
  };
  std::unordered_map<std::uint64_t, Requested*> requested_;
  std::uint64_t next_request_ = 0;
};

Prober::Prober(const ProberSockets& sockets)
    : channel_(io_, sockets.channel),
      world_{io_, nullptr, nullptr,
             [this](const SocketNeed& need, Duration patience, asio::yield_context yield) {
               return request_socket(need, patience, yield);
             },
             [this](std::string text) {
               send(json{{"say", std::move(text)}}.dump());
             }} {
  if (sockets.ping4 >= 0) world_.pinger4 = &pinger4_.emplace(io_, sockets.ping4, true);
  if (sockets.ping6 >= 0) world_.pinger6 = &pinger6_.emplace(io_, sockets.ping6, false);
  send(json{{"hello", ::getpid()}}.dump());
  receive();
}

void Prober::receive() {
  channel_.async_wait(asio::posix::stream_descriptor::wait_read, [this](error_code error) {
    if (error) return io_.stop();
    static std::array<char, kLongestMessage + 1> bytes;
    for (int i = 0; i < 256; ++i) {
      iovec part{bytes.data(), bytes.size()};
      alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
      msghdr message{};
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      const ssize_t size =
          ::recvmsg(channel_.native_handle(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
      if (size == 0) return io_.stop();  // the daemon is gone
      if (size < 0) break;
      int fd = -1;
      const cmsghdr* const header = CMSG_FIRSTHDR(&message);
      if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
        std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
      }
      take({bytes.data(), static_cast<std::size_t>(size)}, fd);
    }
    receive();
  });
}

void Prober::take(std::string_view text, int fd) {
  const auto message = parse_message(text);
  if (!message) return;
  if (message->contains("socket")) {
    const auto found = requested_.find(message->value("socket", std::uint64_t{0}));
    if (found == requested_.end()) {
      if (fd >= 0) ::close(fd);
      return;
    }
    found->second->fd = fd;
    found->second->answered = true;
    found->second->timer->cancel();
    return;
  }
  if (message->contains("set")) return set(*message);
  if (message->contains("ping")) return send(json{{"pong", 1}}.dump());
  if (message->contains("drop")) {
    checks_.erase(message->value("drop", std::uint64_t{0}));
  } else if (message->contains("pace")) {
    const auto found = checks_.find(message->value("pace", std::uint64_t{0}));
    if (found == checks_.end()) return;
    found->second->interval = std::chrono::milliseconds(message->value("interval", 1000));
    // Sooner if it is to be, but never later than it was.
    const Check& check = *found->second;
    const auto next = steady_clock::now() + duration_cast<steady_clock::duration>(check.interval);
    if (!check.under_way && next < check.due) schedule(found->first, check.interval);
  } else if (auto telling = parse_telling(*message)) {
    take_hook(std::move(*telling));
  }
}

// Ten thousand servers that fail together do not start ten thousand programs.
void Prober::take_hook(Telling telling) {
  if (hooks_.size() >= kMostHooksWaiting) {
    return send(json{{"say", "too many hooks wait; one is not run"}}.dump());
  }
  hooks_.push_back(std::move(telling));
  run_hooks();
}

void Prober::run_hooks() {
  while (running_hooks_ < kMostHooks && !hooks_.empty()) {
    ++running_hooks_;
    asio::spawn(
        io_,
        [this, telling = std::move(hooks_.front())](asio::yield_context yield) {
          try {
            tell(world_, telling, yield);
          } catch (const std::exception& wrong) {
            world_.say(fmt::format("hook: {}", printable(wrong.what())));
          }
          --running_hooks_;
          run_hooks();
        },
        boost::coroutines::attributes(kStack));
    hooks_.pop_front();
  }
}

// The first probe comes soon, but not all of them at once. What comes again, as what was ordered
// before this prober said hello does, is no new check: its number would be another.
void Prober::set(const json& message) {
  auto order = parse_order(message);
  if (!order) return;
  const std::uint64_t id = order->id;
  const auto found = checks_.find(id);
  if (found != checks_.end()) {
    found->second->interval = interval_of(*order);
    return;
  }
  auto check = std::make_shared<Check>(io_, std::make_shared<const Order>(std::move(*order)));
  const Duration soon = std::min<Duration>(check->interval, std::chrono::milliseconds(200));
  checks_[id] = std::move(check);
  schedule(id, random_part(soon));
}

Duration Prober::random_part(Duration most) {
  return Duration(std::uniform_int_distribution<Duration::rep>(0, most.count())(random_));
}

void Prober::schedule(std::uint64_t id, Duration delay) {
  Check& check = *checks_.at(id);
  check.due = steady_clock::now() + duration_cast<steady_clock::duration>(delay);
  check.timer.expires_at(check.due);
  check.timer.async_wait([this, id](error_code error) {
    if (!error && checks_.contains(id)) launch(id);
  });
}

// From start to start, so that a slow answer delays nothing; the next one begins behind this one.
void Prober::launch(std::uint64_t id) {
  const std::shared_ptr<Check> check = checks_.at(id);
  if (check->under_way || under_way_ >= kMostUnderWay) {
    return schedule(id, std::chrono::milliseconds(10));
  }
  check->under_way = true;
  ++under_way_;
  asio::spawn(
      io_,
      [this, id, check](asio::yield_context yield) {
        const auto begin = steady_clock::now();
        Outcome outcome;
        bool judged = true;
        try {
          outcome = probe(*check->order, yield);
        } catch (const NotAnswered&) {
          judged = false;  // the daemon reads a large file: no server is down for that
        } catch (const std::exception& wrong) {
          outcome = {false, printable(wrong.what())};
        }
        --under_way_;
        check->under_way = false;
        const Duration took = steady_clock::now() - begin;
        const auto still = checks_.find(id);
        if (still == checks_.end() || still->second != check) return;
        if (judged) finish(id, outcome, took);
        const Duration jitter = check->interval * check->order->health.rules.jitter / 100;
        schedule(id, std::max(check->interval - random_part(jitter) - took, Duration::zero()));
      },
      boost::coroutines::attributes(kStack));
}

Outcome Prober::probe(const Order& order, asio::yield_context yield) {
  if (order.agent) return ask_agent(world_, order, yield);
  using enum CheckType;
  switch (order.health.probe.type) {
    case tcp:
    case http:
    case https:
    case tls:
    case smtp:
    case ssh:
    case redis:
    case mysql:
      return probe_stream(world_, order, yield);
    case udp:
    case dns:
    case ntp:
      return probe_datagram(world_, order, yield);
    case ping:
      return probe_ping(world_, order, yield);
    case exec:
      return probe_exec(world_, order, yield);
  }
  return {};
}

void Prober::finish(std::uint64_t id, const Outcome& outcome, Duration took) {
  results_.push_back({id, outcome.success, duration_cast<std::chrono::microseconds>(took),
                      printable(outcome.text, 200), outcome.expires});
  if (results_.size() >= kResultsPerMessage) return flush_results();
  if (std::exchange(results_due_, true)) return;
  asio::post(io_, [this] { flush_results(); });  // with what else ends in this turn
}

void Prober::flush_results() {
  results_due_ = false;
  if (!results_.empty()) send(to_message(std::exchange(results_, {})));
}

void Prober::send(std::string message) {
  if (waiting_bytes_ + message.size() <= kMostWaiting) {
    waiting_bytes_ += message.size();
    outgoing_.push_back(std::move(message));
  }
  flush();
}

void Prober::flush() {
  while (!writing_ && !outgoing_.empty()) {
    const std::string& first = outgoing_.front();
    const ssize_t sent =
        ::send(channel_.native_handle(), first.data(), first.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      writing_ = true;
      channel_.async_wait(asio::posix::stream_descriptor::wait_write, [this](error_code error) {
        writing_ = false;
        if (!error) flush();
      });
      return;
    }
    waiting_bytes_ -= first.size();
    outgoing_.pop_front();
  }
}

int Prober::request_socket(SocketNeed need, Duration patience, asio::yield_context yield) {
  constexpr Duration kMost = std::chrono::seconds(1);
  asio::steady_timer timer(io_, duration_cast<steady_clock::duration>(std::min(patience, kMost)));
  Requested requested{&timer};
  need.number = ++next_request_;
  requested_[need.number] = &requested;
  send(to_message(need));
  error_code ended;
  timer.async_wait(yield[ended]);
  requested_.erase(need.number);
  if (!requested.answered) throw NotAnswered();
  return requested.fd;
}

}  // namespace

void run_prober(const ProberSockets& sockets) { Prober(sockets).run(); }

}  // namespace lvsd
