// SPDX-License-Identifier: GPL-2.0-or-later
// What reloads removed while connections of it live: the cost of each is that of its own, and which
// one is which holds in any order.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "unit/director_life.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better
using std::chrono::seconds;

constexpr std::uint16_t kFirst = 1000;

VirtualService numbered(std::uint16_t number, const std::vector<Destination>& destinations) {
  return tcp_service(static_cast<std::uint16_t>(kFirst + number), DirectRouting{}, destinations);
}
Bytes to_service(std::uint16_t number, std::uint8_t flags, std::uint16_t port = 1) {
  return tcp_packet(
      {.source = kClient, .destination = kVip},
      {.source = port, .destination = static_cast<std::uint16_t>(kFirst + number), .flags = flags});
}
double seconds_for(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// 5000 removed services, each with a connection: a turn of the loop, a listing and the end of each
// cost what one costs. (Looking through all retired ones for each took 8.5 ms, 40 ms and seconds;
// the bounds are for a busy machine and a sanitized build.)
TEST(Retired, ManyRemovedServicesCostNothingUntilTheyEnd) {
  constexpr std::uint16_t kMany = 5000;
  std::vector<VirtualService> services;
  for (std::uint16_t i = 0; i < kMany; ++i) services.push_back(numbered(i, {to("10.0.2.11")}));
  DirectorFixture f(services, director_network(), 2 * kMany);
  for (std::uint16_t i = 0; i < kMany; ++i) f.handle(to_service(i, kSyn));
  f.apply(diff(config_of(services), Config{}));
  ASSERT_EQ(f.director.snapshot().services.size(), kMany);
  Emissions none;
  const double turns = seconds_for([&] {
    for (int i = 0; i < 1000; ++i) f.director.expire(f.now, none);
  });
  EXPECT_LT(turns, 1.0);  // of 8.5 s
  f.pass(seconds(901));
  EXPECT_TRUE(f.director.snapshot().services.empty());
  EXPECT_EQ(describe(f.handle(to_service(7, kSyn))), "accept no-service");
}

TEST(Retired, EndAndComeBackInAnyOrder) {
  const auto servers = [](std::initializer_list<int> numbers) {
    std::vector<Destination> out;
    for (const int n : numbers) out.push_back(to("10.0.2.1" + std::to_string(n)));
    return config_of({numbered(0, out)});
  };
  const Config all = servers({1, 2, 3});
  DirectorFixture f(all.services);
  for (std::uint16_t port = 1; port <= 3; ++port) {
    f.handle(to_service(0, kSyn, port));
    f.handle(to_service(0, kAck, port));
  }
  f.apply(diff(all, servers({})));
  const auto listed = [&f] {
    std::string out;
    const DirectorSnapshot snapshot = f.director.snapshot();
    for (const auto& entry : snapshot.services.at(0).destinations) {
      out += to_string(entry.config.endpoint.address).back();
      out += entry.retired ? "r " : " ";
    }
    return out;
  };
  EXPECT_EQ(listed(), "1r 2r 3r ");
  f.handle(to_service(0, kRst, 1));  // the first of them ends
  f.pass(seconds(11));
  EXPECT_EQ(listed(), "2r 3r ");
  f.apply(diff(servers({}), servers({3})));
  EXPECT_EQ(listed(), "3 2r ");
  f.apply(diff(servers({3}), servers({})));
  EXPECT_EQ(listed(), "2r 3r ");
  f.handle(to_service(0, kRst, 3));
  f.handle(to_service(0, kRst, 2));
  f.pass(seconds(11));
  EXPECT_EQ(listed(), "");
}

// A service that is made again takes over what lives of the removed one, which then is gone.
TEST(Retired, OfARemovedServiceGoToTheOneMadeAgain) {
  const Config config = config_of({numbered(0, {to("10.0.2.11"), to("10.0.2.12")})});
  const Config half = config_of({numbered(0, {to("10.0.2.12")})});
  DirectorFixture f(config.services);
  f.handle(to_service(0, kSyn, 1));
  f.handle(to_service(0, kSyn, 2));
  f.apply(diff(config, Config{}));
  f.apply(diff(Config{}, half));
  EXPECT_EQ(f.director.snapshot().services.size(), 2U);
  f.apply(diff(half, config));
  EXPECT_EQ(f.director.snapshot().services.size(), 1U);
  EXPECT_EQ(describe(f.handle(to_service(0, kAck, 1))), "forwarded");
}

}  // namespace
}  // namespace lvsd
