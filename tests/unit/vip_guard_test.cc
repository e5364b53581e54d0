// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/vip_guard.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "lvsd/io/announce_frames.h"
#include "lvsd/io/host_settings.h"

namespace lvsd {
namespace {

using std::chrono::seconds;

const InterfaceIndex kEth0{2}, kEth1{3};
const Mac kOwn({2, 0, 0, 0, 0, 1}), kThief({2, 0, 0, 0, 0, 9});
IpAddress ip(const char* text) { return *IpAddress::parse(text); }

Network network() {
  Network::Parts parts;
  parts.interfaces = {{.index = InterfaceIndex{2},
                       .name = "eth0",
                       .mac = kOwn,
                       .addresses = {{ip("10.0.0.1"), 24}}}};
  return Network(parts);
}

TEST(ParseClaim, ReadsAnnouncementsOfBothVersions) {
  for (const char* text : {"10.0.0.100", "fd00::100"}) {
    const auto frame = announcement_frame(kThief, ip(text));
    EXPECT_EQ(parse_claim(frame), (AddressClaim{ip(text), kThief}));
    for (std::size_t length = 0; length < frame.size(); ++length) {
      const auto part = parse_claim(std::span<const std::byte>(frame).first(length));
      if (part) {
        EXPECT_EQ(part->mac, kThief) << "all that matters is there at " << length;
      }
    }
  }
}

TEST(ParseClaim, AProbeClaimsNothing) {
  EXPECT_FALSE(parse_claim(announcement_frame(kThief, IpAddress(0, 0, 0, 0))));
}

TEST(VipGuard, TellsOnceCountsAllAndAnswersAtABoundedRate) {
  VipGuard guard;
  const Network around = network();
  const std::vector<IpAddress> vips{ip("10.0.0.100")};
  const AddressClaim claim{vips[0], kThief};
  VipGuard::Time now{};
  int reports = 0, answers = 0;
  for (int i = 0; i < 100; ++i, now += std::chrono::milliseconds(100)) {  // ten seconds
    const auto decision = guard.notice(kEth0, claim, vips, around, seconds(2), now);
    ASSERT_TRUE(decision);
    reports += decision->report ? 1 : 0;
    answers += decision->answer ? 1 : 0;
  }
  EXPECT_EQ(reports, 1);
  EXPECT_EQ(answers, 5);
  EXPECT_EQ(guard.conflicts(), 100U);
  EXPECT_EQ(guard.thieves().at(claim), 100U);
}

TEST(VipGuard, AClaimOnOneNetworkKeepsNoAnswerFromAnother) {
  VipGuard guard;
  const std::vector<IpAddress> vips{ip("10.0.0.100")};
  const Mac server({2, 0, 0, 0, 0, 8});
  int answers = 0;
  VipGuard::Time now{};
  for (int i = 0; i < 40;
       ++i, now += std::chrono::milliseconds(100)) {  // a server that talks a lot
    guard.notice(kEth1, {vips[0], server}, vips, network(), seconds(2), now);
    if (i % 10 != 5) continue;
    const auto decision = guard.notice(kEth0, {vips[0], kThief}, vips, network(), seconds(2), now);
    ASSERT_TRUE(decision);
    answers += decision->answer ? 1 : 0;
  }
  EXPECT_EQ(answers, 2) << "in four seconds";
}

TEST(VipGuard, OwnMacsAndOtherAddressesAreNoConflict) {
  VipGuard guard;
  const Network around = network();
  const std::vector<IpAddress> vips{ip("10.0.0.100")};
  EXPECT_FALSE(guard.notice(kEth0, {vips[0], kOwn}, vips, around, seconds(1), {}));
  EXPECT_FALSE(guard.notice(kEth0, {ip("10.0.0.101"), kThief}, vips, around, seconds(1), {}));
  EXPECT_EQ(guard.conflicts(), 0U);
}

TEST(VipGuard, CanBeToldNotToAnswer) {
  VipGuard guard;
  const std::vector<IpAddress> vips{ip("10.0.0.100")};
  const auto decision =
      guard.notice(kEth0, {vips[0], kThief}, vips, network(), Duration::zero(), {});
  ASSERT_TRUE(decision);
  EXPECT_TRUE(decision->report);
  EXPECT_FALSE(decision->answer);
}

TEST(VipGuard, MemoryIsBounded) {
  VipGuard guard;
  const std::vector<IpAddress> vips{ip("10.0.0.100")};
  for (int i = 0; i < 1000; ++i) {
    const Mac mac({4, 0, 0, 0, static_cast<std::uint8_t>(i / 256), static_cast<std::uint8_t>(i)});
    EXPECT_TRUE(guard.notice(kEth0, {vips[0], mac}, vips, network(), seconds(1), {}));
  }
  EXPECT_EQ(guard.thieves().size(), VipGuard::kThieves);
  EXPECT_EQ(guard.conflicts(), 1000U);
}

// ---- settings that are lent
// ----------------------------------------------------------------------
class Settings : public ::testing::Test {
 protected:
  Settings() {
    static int number = 0;
    root_ = std::filesystem::temp_directory_path() /
            ("lvsd-settings-" + std::to_string(::getpid()) + "-" + std::to_string(++number));
    std::filesystem::create_directories(root_ / "net/ipv4/conf/all");
    std::filesystem::create_directories(root_ / "run");
    put("1");
  }
  ~Settings() override { std::filesystem::remove_all(root_); }
  void put(const char* value) { std::ofstream(root_ / kPath) << value << "\n"; }
  std::string now() const {
    std::ifstream file(root_ / kPath);
    std::string value;
    std::getline(file, value);
    return value;
  }
  HostSettings settings() const {
    return HostSettings((root_ / "run").string(), root_.string() + "/");
  }
  static constexpr const char* kPath = "net/ipv4/conf/all/send_redirects";
  const SettingValues off_{{kPath, "0"}};
  std::filesystem::path root_;
};

TEST_F(Settings, ArePutBack) {
  HostSettings lent = settings();
  ASSERT_TRUE(lent.want(off_));
  EXPECT_EQ(now(), "0");
  ASSERT_TRUE(lent.want(off_));
  ASSERT_TRUE(lent.restore());
  EXPECT_EQ(now(), "1");
  EXPECT_FALSE(std::filesystem::exists(root_ / "run/settings"));
}

TEST_F(Settings, AreKnownAfterAKill) {
  ASSERT_TRUE(settings().want(off_));
  HostSettings next = settings();
  ASSERT_TRUE(next.want(off_));
  ASSERT_TRUE(next.restore());
  EXPECT_EQ(now(), "1");
}

TEST_F(Settings, OfOthersStay) {
  HostSettings lent = settings();
  ASSERT_TRUE(lent.want(off_));
  put("2");
  ASSERT_TRUE(lent.restore());
  EXPECT_EQ(now(), "2");
}

TEST_F(Settings, ThatWereRightAreNotTouched) {
  put("0");
  HostSettings lent = settings();
  ASSERT_TRUE(lent.want(off_));
  put("1");
  ASSERT_TRUE(lent.restore());
  EXPECT_EQ(now(), "1");
}

TEST_F(Settings, OfInterfacesThatAreGoneDoNotMatter) {
  HostSettings lent = settings();
  ASSERT_TRUE(lent.want({{"net/ipv4/conf/eth9/send_redirects", "0"}}));
  ASSERT_TRUE(lent.restore());
}

TEST(ChangedSettings, RecordsAreReadAgainAndNonsenseIsNot) {
  const ChangedSettings changed{{"net/ipv4/conf/eth0/send_redirects", {"1", "0"}}};
  EXPECT_EQ(parse_changed_settings(format_changed_settings(changed)), changed);
  EXPECT_TRUE(parse_changed_settings("kernel/core_pattern x y\nnet/ipv4/conf/../../x 1 0\n\n1 2\n"
                                     "net/ipv4/conf/eth0/send_redirects 1 0 2\n")
                  .empty());
}

TEST(SettingsFor, NatDestinationsOfIpv4) {
  Config config;
  VirtualService service;
  service.destinations = {{{ip("10.0.0.11"), Port()}, DirectRouting{}, Weight()}};
  config.services = {service};
  EXPECT_TRUE(settings_for(config, network()).empty());
  config.services[0].destinations[0].method = Masquerade{};
  EXPECT_EQ(settings_for(config, network()),
            (SettingValues{{"net/ipv4/conf/all/send_redirects", "0"},
                           {"net/ipv4/conf/eth0/send_redirects", "0"}}));
}

}  // namespace
}  // namespace lvsd
