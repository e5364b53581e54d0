// SPDX-License-Identifier: GPL-2.0-or-later
// Directors that share the work: each has its own connections, all go by the counts of all.
#include <gtest/gtest.h>

#include <thread>

#include "lvsd/model/shared_load.h"
#include "support/director_fixture.h"

namespace lvsd {
namespace {

using test::DirectorFixture;
using test::endpoint;

const ServiceKey kWeb{ServiceProtocol::tcp, endpoint("10.0.3.100", 80)};

VirtualService web(std::vector<Destination> destinations) {
  return test::tcp_service(80, DirectRouting{}, destinations, SchedulerKind::lc);
}
Destination server(std::string_view address, Thresholds thresholds = {}) {
  return {endpoint(address, 80), DirectRouting{}, Weight(1), thresholds};
}

class Peers : public testing::Test {
 protected:
  void add(const VirtualService& service) {
    Changes changes;
    changes.added = {service};
    apply(changes);
  }
  void apply(Changes changes) {
    book_.hand_out(changes);
    for (DirectorFixture* one : {&first_, &second_}) one->apply(changes);
  }
  static test::Bytes segment(int client, std::uint8_t flags) {
    return test::tcp_packet(
        {.source = "10.1.0." + std::to_string(client), .destination = "10.0.3.100"},
        {.flags = flags});
  }
  // The server that gets it, by the last octet of its MAC.
  static int open(DirectorFixture& director, int client) {
    const Verdict verdict = director.handle(segment(client, 0x02));
    if (!std::holds_alternative<Forwarded>(verdict)) return 0;
    return director.sent.at(0).destination.bytes()[5];
  }
  static constexpr int kRs1 = 0x11, kRs2 = 0x12;

  DirectorFixture first_{{}}, second_{{}};
  LoadBook book_;
};

TEST_F(Peers, LeastConnectionsAreThoseOfAll) {
  add(web({server("10.0.2.11"), server("10.0.2.12")}));
  EXPECT_EQ(open(first_, 1), kRs1);
  EXPECT_EQ(open(second_, 2), kRs2);
  EXPECT_EQ(open(second_, 3), kRs1);
  EXPECT_EQ(open(first_, 4), kRs2);
  EXPECT_EQ(first_.destination(kWeb, "10.0.2.11").active, 1U);  // each lists its own
  EXPECT_EQ(second_.destination(kWeb, "10.0.2.11").active, 1U);
}

TEST_F(Peers, AThresholdIsReachedAndLeftByAll) {
  add(web({server("10.0.2.11", {.upper = 2, .lower = 2})}));
  EXPECT_EQ(open(first_, 1), kRs1);
  EXPECT_EQ(open(second_, 2), kRs1);
  EXPECT_TRUE(first_.destination(kWeb, "10.0.2.11").overloaded);
  EXPECT_EQ(open(first_, 3), 0);
  EXPECT_EQ(open(second_, 4), 0);
  first_.pass(std::chrono::minutes(5));  // its connection, which was never established, ends
  EXPECT_FALSE(second_.destination(kWeb, "10.0.2.11").overloaded);
  EXPECT_EQ(open(second_, 5), kRs1);
}

TEST_F(Peers, CountsOutliveARemoval) {
  const VirtualService both = web({server("10.0.2.11"), server("10.0.2.12")});
  add(both);
  EXPECT_EQ(open(first_, 1), kRs1);
  Changes removal, comeback;
  ServiceChange change;
  change.next = web({server("10.0.2.12")});
  change.removed = {endpoint("10.0.2.11", 80)};
  removal.changed = {change};
  apply(removal);
  change.next = both;
  change.removed.clear();
  change.added = {endpoint("10.0.2.11", 80)};
  comeback.changed = {change};
  apply(comeback);
  EXPECT_EQ(open(second_, 2), kRs2);  // the first one's connection counts still
}

TEST_F(Peers, ThreadsCountTogether) {
  constexpr unsigned kThreads = 4, kEach = 200;
  Changes changes;
  changes.added = {web({server("10.0.2.11"), server("10.0.2.12")})};
  book_.hand_out(changes);
  std::vector<std::unique_ptr<DirectorFixture>> directors;
  for (unsigned i = 0; i < kThreads; ++i) {
    directors.push_back(std::make_unique<DirectorFixture>(std::vector<VirtualService>{}));
    directors.back()->apply(changes);
  }
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&directors, i] {
      for (unsigned n = 1; n <= kEach; ++n) {
        directors[i]->handle(segment(static_cast<int>(n), 0x02));
        if (n % 2 == 0) directors[i]->handle(segment(static_cast<int>(n), 0x10));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto load = changes.loads->at({kWeb, endpoint("10.0.2.11", 80)});
  const auto other = changes.loads->at({kWeb, endpoint("10.0.2.12", 80)});
  std::uint32_t active = 0, inactive = 0;
  for (const auto& director : directors) {
    for (const char* address : {"10.0.2.11", "10.0.2.12"}) {
      active += director->destination(kWeb, address).active;
      inactive += director->destination(kWeb, address).inactive;
    }
  }
  EXPECT_EQ(active + inactive, kThreads * kEach);
  EXPECT_EQ(load->active + other->active, active);
  EXPECT_EQ(load->inactive + other->inactive, inactive);
  // No server is far behind: threads may see each other's counts late, not wrong.
  EXPECT_GT(load->active + load->inactive, kThreads * kEach / 4);
  EXPECT_GT(other->active + other->inactive, kThreads * kEach / 4);
}

}  // namespace
}  // namespace lvsd
