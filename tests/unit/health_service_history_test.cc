// SPDX-License-Identifier: GPL-2.0-or-later
// Random histories of whole services: results, agents, time and reloads, with quorum, panic, a
// sorry server and slow start, against a second account that derives everything from the documented
// rules at each step.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "lvsd/health/pool.h"
#include "support/random_seed.h"

namespace lvsd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

#ifdef NDEBUG
constexpr std::uint32_t kHistories = 100000;
#else
constexpr std::uint32_t kHistories = 20000;  // of other seeds each time; in all, no fewer
#endif
constexpr int kSteps = 12;

Endpoint server(std::uint32_t i) {
  return {IpAddress(10, 0, 0, static_cast<std::uint8_t>(i)), Port(80)};
}
const Endpoint kSorry = server(99);

// One destination, as the documentation has it.
struct Expected {
  unsigned weight = 1;
  HealthState state = HealthState::checking;
  TimePoint since{};
  bool ramps = false;  // new in a service that runs, or back from having been down
  unsigned successes = 0, failures = 0, percent = 100;
  bool ready = true;

  bool takes() const { return state == HealthState::up && ready; }
  void take(bool success, const HealthRules& rules, TimePoint now) {
    successes = success ? successes + 1 : 0;
    failures = success ? 0 : failures + 1;
    if (state != HealthState::up && successes >= rules.rise) become(HealthState::up, now);
    if (state != HealthState::down && failures >= rules.fall) become(HealthState::down, now);
  }
  void become(HealthState next, TimePoint now) {
    state = next;
    since = now;
    if (next == HealthState::down) ramps = true;
  }
  double part(Duration slow_start, TimePoint now) const {
    double ramp = 1;
    if (ramps && slow_start > Duration::zero()) {
      ramp = std::chrono::duration<double>(now - since) / slow_start;
    }
    return std::clamp(ramp, 0.01, 1.0) * percent / 100.0;
  }
};

class ServiceHistory {
 public:
  explicit ServiceHistory(std::uint32_t seed) : random_(seed) {
    health_.health.emplace();
    health_.health->rules.rise = 1 + below(3);
    health_.health->rules.fall = 1 + below(3);
    health_.health->rules.damping = Duration::zero();
    health_.health->agent.emplace();
    health_.slow_start = seconds(below(3) * 15);
    health_.panic = static_cast<std::uint8_t>(below(3) * 35);
    const std::uint32_t quorum = 1 + below(8);
    health_.quorum = Quorum{quorum, below(quorum)};
    if (below(2) == 0) health_.sorry_server = Destination{kSorry, {}, Weight(2), {}};
    for (std::uint32_t i = 1 + below(5); i > 0; --i) add(false);
    pool_.configure(health_, service_, now_);
    judge();
  }

  void step() {
    now_ += milliseconds(100 + below(4000));
    const Endpoint endpoint = service_.destinations[below(count())].endpoint;
    Expected& expected = expected_.at(endpoint);
    if (below(8) == 0) {
      tell(endpoint, expected);
    } else {
      const bool success = below(10) < bias_;
      pool_.take(endpoint, success, now_);
      expected.take(success, health_.health->rules, now_);
    }
    ASSERT_NO_FATAL_FAILURE(judge());
    if (below(6) == 0) {
      ASSERT_NO_FATAL_FAILURE(reload());
    }
  }

 private:
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }
  std::uint32_t count() const { return static_cast<std::uint32_t>(service_.destinations.size()); }

  void add(bool running) {
    const Endpoint endpoint = server(++last_);
    Expected expected;
    expected.weight = 1 + below(5);
    expected.since = now_;
    expected.ramps = running;
    service_.destinations.push_back(
        {endpoint, {}, Weight(static_cast<std::uint16_t>(expected.weight)), {}});
    expected_[endpoint] = expected;
  }
  void tell(const Endpoint& endpoint, Expected& expected) {
    AgentReport report;
    report.ready = expected.ready = below(3) != 0;
    report.percent = expected.percent = 50 + below(2) * 50;
    pool_.take_agent(endpoint, report);
  }
  void reload() {
    switch (below(5)) {
      case 0:
        if (count() < 8) add(true);
        break;
      case 1:
        if (count() > 1) {
          expected_.erase(service_.destinations.front().endpoint);
          service_.destinations.erase(service_.destinations.begin());
        }
        break;
      case 2: {
        Destination& one = service_.destinations[below(count())];
        one.weight = Weight(static_cast<std::uint16_t>(1 + below(5)));
        expected_.at(one.endpoint).weight = one.weight.value();
        break;
      }
      case 3:
        health_.health->probe.path += "x";  // counts anew, and changes nothing else
        for (auto& [endpoint, each] : expected_) each.successes = each.failures = 0;
        break;
      default:
        break;  // the same file again
    }
    pool_.configure(health_, service_, now_);
    judge();
  }

  void judge_quorum() {
    std::uint32_t weight = 0;
    bool checking = false;
    for (const auto& [endpoint, each] : expected_) {
      if (each.takes()) weight += each.weight;
      checking = checking || each.state == HealthState::checking;
    }
    const Quorum& wanted = *health_.quorum;
    if (quorum_ && !checking && weight < wanted.weight - wanted.hysteresis) {
      quorum_ = false;
    } else if (!quorum_ && weight >= wanted.weight + wanted.hysteresis) {
      quorum_ = true;
    }
  }
  bool panics() const {
    unsigned known = 0, taking = 0;
    for (const auto& [endpoint, each] : expected_) {
      if (each.state == HealthState::checking || !each.ready) continue;
      ++known;
      if (each.takes()) ++taking;
    }
    return taking * 100 < known * health_.panic;
  }
  // What each is to get of the whole, before it is normed.
  std::map<Endpoint, double> shares(bool sorry, bool panic) const {
    std::map<Endpoint, double> out;
    for (const auto& [endpoint, each] : expected_) {
      double share = 0;
      if (!sorry && panic) {
        share = each.state != HealthState::checking && each.ready ? each.weight : 0;
      } else if (!sorry && each.takes()) {
        share = each.weight * each.part(health_.slow_start, now_);
      }
      out[endpoint] = share;
    }
    if (health_.sorry_server) out[kSorry] = sorry ? 2 : 0;
    return out;
  }

  bool anyone_whole() const {
    return std::ranges::any_of(expected_, [this](const auto& entry) {
      return entry.second.takes() && entry.second.part(health_.slow_start, now_) >= 1;
    });
  }

  void judge() {
    judge_quorum();
    const bool sorry = !quorum_ && health_.sorry_server;
    const bool panic = !sorry && panics();
    const ServiceOutcome outcome = pool_.settle(now_);
    ASSERT_EQ(outcome.quorum, quorum_);
    ASSERT_EQ(outcome.panic, panic);
    VirtualService effective = service_;
    compose(effective, outcome);
    const std::map<Endpoint, double> wanted = shares(sorry, panic);
    ASSERT_EQ(effective.destinations.size(), wanted.size());
    double all = 0, all_wanted = 0;
    for (const auto& [endpoint, share] : wanted) all_wanted += share;
    for (const Destination& one : effective.destinations) all += one.weight.value();
    ASSERT_EQ(all > 0, all_wanted > 0);
    // Where all are at the beginning of their ramps, parts of ten thousandths, or of five with an
    // agent's 50%, are a tenth off at most when they are rounded; and of two, s (1 - s) times both
    // errors.
    const double tolerance = anyone_whole() ? 0.02 : 0.05;
    for (const Destination& one : effective.destinations) {
      const double share = wanted.at(one.endpoint);
      ASSERT_EQ(one.weight.value() > 0, share > 0) << to_string(one.endpoint);
      if (all > 0) {
        ASSERT_NEAR(one.weight.value() / all, share / all_wanted, tolerance);
      }
    }
    for (const auto& [endpoint, each] : expected_) {
      ASSERT_EQ(pool_.find(endpoint)->track->state(), each.state);
    }
  }

  std::minstd_rand random_;
  std::uint32_t bias_ = 2 + below(7);  // of ten, successes
  ServiceHealth health_;
  VirtualService service_;
  HealthPool pool_;
  TimePoint now_{};
  std::map<Endpoint, Expected> expected_;
  std::uint32_t last_ = 0;
  bool quorum_ = true;
};

TEST(HealthServiceHistory, FollowsTheRulesInEveryRandomHistory) {
  const std::uint32_t seed = test::random_seed();
  for (std::uint32_t i = 0; i < kHistories; ++i) {
    ServiceHistory history(seed + i);
    for (int step = 0; step < kSteps; ++step) {
      history.step();
      if (testing::Test::HasFatalFailure()) FAIL() << "history " << i << ", step " << step;
    }
  }
}

}  // namespace
}  // namespace lvsd
