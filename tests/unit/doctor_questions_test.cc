// SPDX-License-Identifier: GPL-2.0-or-later
// In whose name the doctor asks.
#include "doctor/questions.h"

#include <gtest/gtest.h>

namespace lvsd::doctor {
namespace {

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

// A server with arp_ignore=2, or one that has a route for its own network only, answers nobody
// else.
TEST(DoctorQuestions, AreAskedAsTheAddressOnTheNetworkInQuestion) {
  Interface interface;
  interface.addresses = {{ip("192.0.2.10"), 32}, {ip("10.0.9.1"), 24},   {ip("fe80::1"), 64},
                         {ip("10.0.2.1"), 24},   {ip("10.0.2.129"), 25}, {ip("fd00:2::1"), 64}};
  Evidence evidence;
  evidence.vips = {{ip("192.0.2.10"), true, "be", {}}};
  const struct {
    const char *about, *own;
  } rows[] = {
      {"10.0.2.11", "10.0.2.1"},    {"10.0.2.200", "10.0.2.1"},  // both would do
      {"10.0.9.7", "10.0.9.1"},     {"fd00:2::11", "fd00:2::1"}, {"fe80::2", "fe80::1"},
      {"192.0.2.10", "10.0.9.1"},  // the virtual address itself: of no other network of ours
      {"198.51.100.7", "10.0.9.1"}, {"2001:db8::7", "fe80::1"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(to_string(address_on(interface, ip(row.about), evidence)), row.own) << row.about;
  }
}

TEST(DoctorQuestions, AreAskedAsNobodyWhereThereIsNoAddressOfThatVersion) {
  Interface interface;
  interface.addresses = {{ip("192.0.2.10"), 32}, {ip("fd00:2::1"), 64}};
  Evidence evidence;
  evidence.vips = {{ip("192.0.2.10"), true, "be", {}}};
  EXPECT_TRUE(address_on(interface, ip("10.0.2.11"), evidence).is_unspecified());
}

// For the checks that speak as somebody who is not there.
TEST(DoctorQuestions, LookForFreeAddressesInSmallNetworks) {
  const auto candidates = [](std::string_view network, const std::set<IpAddress>& taken = {}) {
    std::vector<std::string> out;
    for (const IpAddress& one : last_addresses(*Prefix::parse(network), taken)) {
      out.push_back(to_string(one));
    }
    return out;
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(candidates("10.0.2.0/24"),
            (Texts{"10.0.2.253", "10.0.2.252", "10.0.2.251", "10.0.2.250"}));
  EXPECT_EQ(candidates("10.0.2.0/29", {ip("10.0.2.4"), ip("10.0.2.3")}),
            (Texts{"10.0.2.6", "10.0.2.5", "10.0.2.2", "10.0.2.1"}));
  EXPECT_EQ(candidates("10.0.2.8/30"), (Texts{"10.0.2.10", "10.0.2.9"}));
  EXPECT_EQ(candidates("10.0.2.8/31"), Texts());
  EXPECT_EQ(candidates("10.0.2.8/32"), Texts());
  EXPECT_EQ(candidates("fd00::/125").size(), 4U);
}

}  // namespace
}  // namespace lvsd::doctor
