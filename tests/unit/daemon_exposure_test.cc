// SPDX-License-Identifier: GPL-2.0-or-later
// What is captured around a reload. With backend manual nothing reaches the kernel.
#include "lvsd/daemon/exposure.h"

#include <gtest/gtest.h>

namespace lvsd {
namespace {

Endpoint at(const char* address, std::uint16_t port) {
  return {*IpAddress::parse(address), Port(port)};
}
VirtualService service(const char* address) {
  return {.name = address,
          .key = {ServiceProtocol::tcp, at(address, 80)},
          .scheduler = SchedulerKind::rr,
          .destinations = {{at("10.0.0.1", 8080), Masquerade{}, Weight(1)}}};
}

class DaemonExposure : public testing::Test {
 protected:
  DaemonExposure() {
    running_.announce.enabled = next_.announce.enabled = false;
    running_.services = {service("192.0.2.10"), service("192.0.2.11")};
    next_.services = {service("192.0.2.10")};
    EXPECT_TRUE(exposure_.open(running_, network_));
  }
  bool captures(const char* address) const {
    return exposure_.print_rules().find(std::string(address) + ",tcp:80") != std::string::npos;
  }

  Config running_, next_;
  const Network network_ = Network::assumed();
  Exposure exposure_{CaptureBackend::manual, {}, testing::TempDir(), testing::TempDir()};
};

TEST_F(DaemonExposure, AnIdleServiceGoesWithTheReload) {
  EXPECT_TRUE(captures("192.0.2.11"));
  EXPECT_TRUE(exposure_.before_reload(next_, {}, network_).empty());
  EXPECT_TRUE(exposure_.after_reload(next_, {}, network_).empty());
  EXPECT_TRUE(captures("192.0.2.10"));
  EXPECT_FALSE(captures("192.0.2.11"));
  EXPECT_FALSE(exposure_.exceeds(next_));
}

TEST_F(DaemonExposure, RepliesOfANewDestinationAreCapturedBeforeItsFirstConnection) {
  next_.services[0].destinations.push_back({at("10.0.0.2", 8080), Masquerade{}, Weight(1)});
  const auto replies = [&](const char* member) {
    return exposure_.print_rules().find(std::string("nat-sources4 ") + member) != std::string::npos;
  };
  EXPECT_TRUE(exposure_.before_reload(next_, {}, network_).empty());
  EXPECT_TRUE(replies("10.0.0.1,tcp:8080"));
  EXPECT_TRUE(replies("10.0.0.2,tcp:8080"));
  EXPECT_TRUE(exposure_.after_reload(next_, {}, network_).empty());
  EXPECT_TRUE(replies("10.0.0.2,tcp:8080"));
  EXPECT_FALSE(exposure_.exceeds(next_));
}

TEST_F(DaemonExposure, AConnectionThatBeganAmidTheReloadIsCaptured) {
  EXPECT_TRUE(exposure_.before_reload(next_, {}, network_).empty());
  Live live;
  live.any = live.open = {{running_.services[1].key, at("10.0.0.1", 8080)}};
  EXPECT_TRUE(exposure_.after_reload(next_, live, network_).empty());
  EXPECT_TRUE(captures("192.0.2.11"));
  EXPECT_TRUE(exposure_.retiring(next_));
  exposure_.release(next_, {}, network_);
  EXPECT_FALSE(captures("192.0.2.11"));
  EXPECT_FALSE(exposure_.retiring(next_));
}

}  // namespace
}  // namespace lvsd
