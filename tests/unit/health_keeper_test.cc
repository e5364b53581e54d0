// SPDX-License-Identifier: GPL-2.0-or-later
// The keeper and a real prober process, which asks listeners on the loopback interface.
#include "lvsd/daemon/health_keeper.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

namespace lvsd {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;

// Answers every connection with `answer`, once it has read something.
class Listener {
 public:
  Listener(asio::io_context& io, std::string text)
      : answer(std::move(text)), acceptor_(io, {asio::ip::address_v4::loopback(), 0}) {
    accept();
  }
  Port port() { return Port(acceptor_.local_endpoint().port()); }
  std::string answer;

 private:
  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
      if (error) return;
      const auto kept = std::make_shared<tcp::socket>(std::move(socket));
      const auto asked = std::make_shared<std::array<char, 1024>>();
      kept->async_read_some(asio::buffer(*asked),
                            [this, kept, asked](boost::system::error_code, std::size_t) {
                              boost::system::error_code ignored;
                              asio::write(*kept, asio::buffer(answer), ignored);
                            });
      accept();
    });
  }
  tcp::acceptor acceptor_;
};

struct HealthKeeperTest : testing::Test {
  HealthKeeperTest() {
    std::filesystem::create_directories(directory);
    start();
  }
  ~HealthKeeperTest() override {
    keeper.reset();
    std::filesystem::remove_all(directory);
  }
  void start() {
    auto prober = start_prober();
    if (!prober) throw std::runtime_error(prober.error().message);
    guardian = prober->guardian;
    keeper.emplace(io, std::move(*prober), directory);
  }
  void check(const std::vector<Port>& ports, const Config* before = nullptr) {
    VirtualService service;
    service.name = "web";
    service.key = {ServiceProtocol::tcp, {IpAddress(192, 0, 2, 10), Port(80)}};
    ServiceHealth health;
    health.service = service.key;
    health.health.emplace();
    health.health->probe.type = CheckType::http;
    health.health->probe.path = "/healthz";
    health.health->probe.timeout = milliseconds(500);
    health.health->rules.interval = milliseconds(500);
    health.health->rules.fall = 2;
    health.sorry_server = sorry;
    health.hooks = hooks;
    for (const Port port : ports) {
      service.destinations.push_back(
          {{IpAddress(127, 0, 0, 1), port}, Masquerade{}, Weight(1), {}});
    }
    file = ConfigFile{};
    file.config.services.push_back(service);
    file.health.push_back(health);
    keeper->take_up(keeper->prepare(file, overrides, before));
  }
  std::vector<std::string> states() {
    std::vector<std::string> out;
    const auto report = keeper->report("");
    for (const auto& one : report.at("health").at(0).at("destinations")) {
      out.push_back(one.at("state").get<std::string>());
    }
    return out;
  }
  bool reach(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      io.run_for(milliseconds(20));
      keeper->tick();
    }
    return condition();
  }

  std::string directory = testing::TempDir() + "lvsd-health-" + std::to_string(::getpid());
  asio::io_context io;
  ConfigFile file;
  Overrides overrides;
  std::optional<Destination> sorry;
  Hooks hooks;
  pid_t guardian = -1;
  std::optional<HealthKeeper> keeper;
};

const std::string kFine = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const std::string kWrong = "HTTP/1.1 503 Gone\r\nContent-Length: 0\r\n\r\n";
using States = std::vector<std::string>;

// As they are reported, by port.
States in_order(Listener& one, Listener& other, const std::string& first,
                const std::string& second) {
  return one.port() < other.port() ? States{first, second} : States{second, first};
}

TEST_F(HealthKeeperTest, JudgesByWhatTheProberFinds) {
  Listener first(io, kFine), second(io, kWrong);
  // In the order of their ports, as they are reported.
  Listener& low = first.port() < second.port() ? first : second;
  Listener& high = first.port() < second.port() ? second : first;
  low.answer = kFine;
  high.answer = kWrong;
  check({low.port(), high.port()});
  EXPECT_EQ(states(), (States{"checking", "checking"}));
  EXPECT_FALSE(keeper->influence().begin()->second.destinations.begin()->second.takes);
  ASSERT_TRUE(reach([&] { return states() == States{"up", "down"}; }));
  const auto report = keeper->report("");
  const auto& last = report["health"][0]["destinations"][1]["results"].back();
  EXPECT_EQ(last["text"], "GET /healthz: 503");
  low.answer = kWrong;
  high.answer = kFine;
  ASSERT_TRUE(reach([&] { return states() == States{"down", "up"}; }));
  const auto& outcome = keeper->influence().begin()->second;
  EXPECT_EQ(outcome.destinations.size(), 1U);
}

TEST_F(HealthKeeperTest, GarbageAndNobodyAreFailures) {
  Listener garbage(io, std::string(5000, '\xff'));
  check({garbage.port()});
  ASSERT_TRUE(reach([&] { return states() == States{"down"}; }));
}

TEST_F(HealthKeeperTest, ADrainedServerDoesNotKeepTheSorryServerAway) {
  Listener listener(io, kFine);
  sorry = Destination{{IpAddress(127, 0, 0, 9), Port(9)}, Masquerade{}, Weight(1), {}};
  check({listener.port()});
  ASSERT_TRUE(reach([&] { return states() == States{"up"}; }));
  const auto outcome = [&] { return keeper->influence().begin()->second; };
  EXPECT_TRUE(outcome().quorum);
  const DestinationKey key{file.config.services[0].key,
                           file.config.services[0].destinations[0].endpoint};
  overrides.set_drain(key, OperatorDrain{});
  keeper->heed(file.config, overrides);
  EXPECT_TRUE(keeper->tick());
  EXPECT_FALSE(outcome().quorum);
  EXPECT_EQ(outcome().sorry_server->weight, Weight(1));
  check({listener.port()});  // a reload heeds it, too
  EXPECT_FALSE(outcome().quorum);
  overrides.set_drain(key, std::nullopt);
  keeper->heed(file.config, overrides);
  EXPECT_TRUE(keeper->tick());
  EXPECT_TRUE(outcome().quorum);
}

TEST_F(HealthKeeperTest, WhatIsPreparedAndNotTakenUpChangesNothing) {
  Listener fine(io, kFine), wrong(io, kWrong);
  check({fine.port(), wrong.port()});
  ASSERT_TRUE(reach([&] { return states() == in_order(fine, wrong, "up", "down"); }));
  const HealthInfluence before = keeper->influence();
  ConfigFile smaller = file;
  smaller.config.services[0].destinations.clear();
  smaller.health[0].quorum = Quorum{5, 0};
  const auto refused = keeper->prepare(smaller, overrides);
  EXPECT_FALSE(refused.influence.begin()->second.quorum);
  EXPECT_EQ(keeper->influence(), before);
  keeper->tick();
  EXPECT_EQ(keeper->influence(), before);
  EXPECT_EQ(states(), in_order(fine, wrong, "up", "down"));
}

TEST_F(HealthKeeperTest, AQuorumThatAReloadLosesIsTold) {
  Listener fine(io, kFine);
  const std::string told = directory + "/told";
  std::filesystem::permissions(directory, std::filesystem::perms::all);  // the prober's user
  hooks.command = {"/bin/sh", "-c", "echo $LVSD_EVENT >> " + told};
  check({fine.port()});
  ASSERT_TRUE(reach([&] { return states() == States{"up"}; }));
  file.health[0].quorum = Quorum{5, 0};
  keeper->take_up(keeper->prepare(file, overrides));
  EXPECT_FALSE(keeper->influence().begin()->second.quorum);
  const auto events = [&] {
    std::ifstream in(told);
    return std::string{std::istreambuf_iterator<char>(in), {}};
  };
  EXPECT_TRUE(reach([&] { return events().find("quorum_lost") != std::string::npos; }));
}

TEST_F(HealthKeeperTest, ANewKeeperKnowsWhatTheOldOneKnew) {
  Listener listener(io, kFine);
  const Port port = listener.port();
  check({port});
  ASSERT_TRUE(reach([&] { return states() == States{"up"}; }));
  keeper.reset();
  start();
  check({port});
  EXPECT_EQ(states(), States{"up"});
}

TEST_F(HealthKeeperTest, AServiceThatIsCheckedFromNowOnServesMeanwhile) {
  Listener fine(io, kFine), wrong(io, kWrong);
  check({fine.port(), wrong.port()});
  Config before = file.config;
  file.health.clear();
  keeper->take_up(keeper->prepare(file, overrides));
  ConfigFile unchecked = file;
  keeper->take_up(keeper->prepare(unchecked, overrides, &before));
  EXPECT_TRUE(keeper->influence().empty());
  check({fine.port(), wrong.port()}, &before);
  EXPECT_EQ(states(), (States{"up", "up"}));
  EXPECT_TRUE(keeper->influence().begin()->second.destinations.empty());
  EXPECT_TRUE(reach([&] { return states() == in_order(fine, wrong, "up", "down"); }));
}

TEST_F(HealthKeeperTest, AProberThatDiesIsReplaced) {
  Listener listener(io, kFine);
  check({listener.port()});
  ASSERT_TRUE(reach([&] { return states() == States{"up"}; }));
  std::ifstream children("/proc/" + std::to_string(guardian) + "/task/" + std::to_string(guardian) +
                         "/children");
  pid_t prober = -1;
  ASSERT_TRUE(children >> prober);
  if (::kill(prober, SIGKILL) != 0) GTEST_SKIP() << "the prober is another user's";
  listener.answer = kWrong;
  EXPECT_TRUE(reach([&] { return states() == States{"down"}; }));
}

}  // namespace
}  // namespace lvsd
