// SPDX-License-Identifier: GPL-2.0-or-later
// Announcer against a kernel.
#include <filesystem>
#include <fstream>

#include "live_network.h"
#include "lvsd/io/announcer.h"

namespace lvsd {
namespace {

const IpAddress kVip(10, 0, 0, 100), kFarVip(192, 0, 2, 10);
const IpAddress kVip6 = *IpAddress::parse("2001:db8::100");

class LiveAnnouncer : public testing::LiveNetwork {
 protected:
  void SetUp() override {
    LiveNetwork::SetUp();
    char name[] = "/tmp/lvsd-run-XXXXXX";
    if (mkdtemp(name) != nullptr) run_dir_ = name;
  }
  void TearDown() override {
    LiveNetwork::TearDown();
    if (!run_dir_.empty()) std::filesystem::remove_all(run_dir_);
  }
  static bool has(const std::string& device, const std::string& address) {
    return output("ip -o address show dev " + device).find(" " + address + " ") !=
           std::string::npos;
  }
  std::string record() const {
    std::ifstream file(run_dir_ + "/addresses");
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  std::string run_dir_;
};

void expect_done(const Status& status) {
  EXPECT_TRUE(status) << (status ? "" : status.error().message);
}

TEST_F(LiveAnnouncer, AddsFollowsAndWithdraws) {
  run("ip address add 2001:db8::1/64 dev eth0 nodad");
  NetworkMonitor monitor;
  Announcer announcer(run_dir_);
  expect_done(announcer.sync({kVip, kFarVip, kVip6}, {}, *monitor.network()));
  EXPECT_TRUE(has("eth0", "10.0.0.100/32"));
  EXPECT_TRUE(has("lo", "192.0.2.10/32"));
  EXPECT_TRUE(has("eth0", "2001:db8::100/128"));
  EXPECT_EQ(output("ip -6 -o address show dev eth0 tentative").find("2001:db8::100"),
            std::string::npos);
  EXPECT_EQ(record(), "10.0.0.100 eth0\n192.0.2.10 lo\n2001:db8::100 eth0\n");
  // Somebody deletes one: the next change of the network puts it back.
  monitor.process();
  expect_done(announcer.sync({kVip, kFarVip, kVip6}, {}, *monitor.network()));
  EXPECT_TRUE(announcer.take_restored().empty());
  run("ip address del 10.0.0.100/32 dev eth0");
  monitor.process();
  expect_done(announcer.sync({kVip, kFarVip, kVip6}, {}, *monitor.network()));
  EXPECT_TRUE(has("eth0", "10.0.0.100/32"));
  EXPECT_EQ(announcer.take_restored(), std::vector{kVip});
  EXPECT_TRUE(announcer.take_restored().empty());
  // A reload without it.
  expect_done(announcer.sync({kVip}, {}, *monitor.network()));
  EXPECT_FALSE(has("lo", "192.0.2.10/32"));
  EXPECT_FALSE(has("eth0", "2001:db8::100/128"));
  EXPECT_TRUE(has("eth0", "10.0.0.100/32"));
  expect_done(announcer.withdraw());
  EXPECT_FALSE(has("eth0", "10.0.0.100/32"));
  EXPECT_TRUE(has("eth0", "10.0.0.1/24"));
  EXPECT_FALSE(std::filesystem::exists(run_dir_ + "/addresses"));
}

TEST_F(LiveAnnouncer, AddressFoundAtStartIsLeft) {
  run("ip address add 10.0.0.100/24 dev eth0");
  run("ip address add 192.0.2.10/32 dev eth0");
  NetworkMonitor monitor;
  Announcer announcer(run_dir_);
  expect_done(announcer.sync({kVip, kFarVip}, {}, *monitor.network()));
  EXPECT_FALSE(has("eth0", "10.0.0.100/32"));
  EXPECT_FALSE(has("lo", "192.0.2.10/32"));
  EXPECT_EQ(record(), "");
  expect_done(announcer.sync({}, {}, *monitor.network()));
  expect_done(announcer.withdraw());
  EXPECT_TRUE(has("eth0", "10.0.0.100/24"));
  EXPECT_TRUE(has("eth0", "192.0.2.10/32"));
}

TEST_F(LiveAnnouncer, TakesOverWhatAKilledOneLeft) {
  NetworkMonitor monitor;
  {
    Announcer killed(run_dir_);
    expect_done(killed.sync({kVip, kFarVip}, {}, *monitor.network()));
  }  // neither withdraws nor forgets
  EXPECT_TRUE(has("eth0", "10.0.0.100/32"));
  monitor.process();
  Announcer next(run_dir_);
  expect_done(next.sync({kVip}, {}, *monitor.network()));
  EXPECT_TRUE(has("eth0", "10.0.0.100/32"));
  EXPECT_FALSE(has("lo", "192.0.2.10/32"));
  expect_done(next.withdraw());
  EXPECT_FALSE(has("eth0", "10.0.0.100/32"));
}

TEST_F(LiveAnnouncer, MovesToTheInterfaceThatTheConfigurationNames) {
  NetworkMonitor monitor;
  Announcer announcer(run_dir_);
  expect_done(announcer.sync({kVip}, {}, *monitor.network()));
  Announce named;
  named.interface = "lo";
  expect_done(announcer.sync({kVip}, named, *monitor.network()));
  EXPECT_TRUE(has("lo", "10.0.0.100/32"));
  EXPECT_FALSE(has("eth0", "10.0.0.100/32"));
  named.interface = "eth9";  // not there: said, and the address stays
  const Status refused = announcer.sync({kVip}, named, *monitor.network());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "there is no interface eth9 to put 10.0.0.100 on");
  EXPECT_TRUE(has("lo", "10.0.0.100/32"));
  named.enabled = false;
  expect_done(announcer.sync({kVip}, named, *monitor.network()));
  EXPECT_FALSE(has("lo", "10.0.0.100/32"));
}

TEST_F(LiveAnnouncer, AddsNothingThatItCannotRecord) {
  NetworkMonitor monitor;
  std::ofstream(run_dir_ + "/file") << "in the way";
  Announcer announcer(run_dir_ + "/file");
  EXPECT_FALSE(announcer.sync({kVip}, {}, *monitor.network()));
  EXPECT_FALSE(has("eth0", "10.0.0.100/32"));
}

// The peer knows the VIP under another MAC, and is told.
TEST_F(LiveAnnouncer, PeerLearnsTheNewMac) {
  run_in_peer("ip neighbor add 10.0.0.100 lladdr 02:00:00:00:00:99 dev eth0 nud reachable");
  NetworkMonitor monitor;
  // Its carrier may be a second late to be known (the kernel's linkwatch), and nothing is announced
  // before.
  ASSERT_TRUE(eventually(
      monitor, [](const Network& network) { return network.interface("eth0")->up; },
      std::chrono::seconds(10)));
  Announcer announcer(run_dir_);
  expect_done(announcer.sync({kVip}, {}, *monitor.network()));
  announcer.repeat();
  announcer.repeat();
  announcer.repeat();
  const std::string expected = "10.0.0.100 lladdr 02:00:00:00:00:01";
  std::string table;
  for (int i = 0; i < 250 && table.find(expected) == std::string::npos; ++i) {
    usleep(20000);
    table = peer_output("ip neighbor show dev eth0");
  }
  EXPECT_NE(table.find(expected), std::string::npos) << table;
}

}  // namespace
}  // namespace lvsd
