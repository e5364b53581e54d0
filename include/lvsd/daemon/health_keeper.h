// SPDX-License-Identifier: GPL-2.0-or-later
// The daemon's side of health: gives the prober its orders, keeps what comes back, and says what
// follows. Every result goes through the pure HealthPool of its service; this file has the clock,
// the channel, the log and the file.
//
// Results are judged as they come; what follows is taken up once a tick, so that a thousand servers
// that fail together are one change of the workers' configuration, not a thousand.
//
// State is written to health.json in the run directory, and read at start: a restarted daemon knows
// its servers. One that is older than two minutes says nothing about now, and is not used.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <deque>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <unordered_map>

#include "lvsd/config/file.h"
#include "lvsd/daemon/event.h"
#include "lvsd/daemon/health_view.h"
#include "lvsd/daemon/overrides.h"
#include "lvsd/health/pool.h"
#include "lvsd/prober/messages.h"
#include "lvsd/prober/process.h"

namespace lvsd {

using HealthInfluence = std::map<ServiceKey, ServiceOutcome>;

class HealthKeeper {
 public:
  HealthKeeper(boost::asio::io_context& io, ProberProcess prober, std::string run_dir);
  ~HealthKeeper();
  HealthKeeper(const HealthKeeper&) = delete;
  HealthKeeper& operator=(const HealthKeeper&) = delete;

  // What a file would make of what is known; nothing is touched before it is taken up.
  struct Prepared {
    std::map<ServiceKey, HealthPool> pools;
    std::map<ServiceKey, std::string> names;
    std::map<ServiceKey, std::uint32_t> probe_marks;
    HealthInfluence influence;
  };

  // At start, and with each file that is loaded: what is checked, and what is no longer. `before`:
  // what ran up to now, whose destinations do not lose their connections to a check that is new.
  Prepared prepare(const ConfigFile& file, const Overrides& overrides,
                   const Config* before = nullptr) const;
  void take_up(Prepared next);
  // Checks that take their service's data path begin once it is there: to be called when the rules
  // and the workers are as the file says.
  void begin_held_back();
  // What the operator changed at run time is another than before.
  void heed(const Config& file, const Overrides& overrides);
  // To be called often. Whether `influence()` is another than before.
  bool tick();
  const HealthInfluence& influence() const { return influence_; }

  HealthView view() const;
  // All that is known, for `lvsctl health`; of one destination where `filter` is not empty.
  nlohmann::json report(std::string_view filter) const;

 private:
  struct Seen {  // a result, as shown
    std::chrono::system_clock::time_point time;
    bool success = false;
    std::chrono::microseconds took{};
    std::string text;
  };
  struct Checked {  // one order that the prober has
    Order order;
    ServiceKey service;
    Endpoint endpoint;
    Duration paced{};
    std::deque<Seen> last;
    std::uint64_t successes = 0, failures = 0;
    std::int64_t expires = 0;
  };
  struct Name {
    ServiceKey service;
    Endpoint endpoint;
    bool agent = false;
    friend auto operator<=>(const Name&, const Name&) = default;
  };

  void order_all();
  void place(const Name& name, const Order& order, std::set<Name>& wanted);
  void begin(Checked& checked);
  void receive();
  void watch_prober(std::chrono::steady_clock::time_point now);
  void take(std::string_view text);
  void take(const ProbeResult& result);
  void take_agent(Checked& checked, const ProbeResult& result);
  void pace(Checked& checked, const HealthPool::Member& member);
  void report_transition(const Checked& checked, const Transition& transition,
                         const ProbeResult& result, unsigned needed);
  void report_service(const ServiceKey& key, const ServiceOutcome& before,
                      const ServiceOutcome& now);
  void tell(const ServiceKey& key, std::vector<std::pair<std::string, std::string>> variables);
  void give_socket(const SocketNeed& need);
  void send(std::string message, int fd = -1);
  void flush();
  void load();
  void save();
  const std::string& name_of(const ServiceKey& key) const;

  boost::asio::posix::stream_descriptor channel_;
  FileDescriptor orders_;  // to the prober's guardian
  std::string file_;
  std::map<ServiceKey, HealthPool> pools_;
  std::map<ServiceKey, std::string> names_;
  std::map<ServiceKey, std::uint32_t> probe_marks_;  // of those checked with `via: service`
  std::set<std::uint32_t> marks_;                    // that the prober may have
  std::map<Name, std::uint64_t> ids_;
  std::unordered_map<std::uint64_t, Checked> checked_;
  std::uint64_t next_id_ = 0;
  std::set<std::uint64_t> held_back_;
  HealthInfluence influence_;
  bool dirty_ = false, unsaved_ = false, loaded_ = false, greeted_ = false;
  std::chrono::steady_clock::time_point ramped_{}, saved_{};
  std::deque<std::pair<std::string, FileDescriptor>> outgoing_;
  bool writing_ = false;
  std::chrono::steady_clock::time_point looked_{};  // whether the prober says anything
  bool heard_ = true;
  unsigned unanswered_ = 0;
};

}  // namespace lvsd
