// SPDX-License-Identifier: GPL-2.0-or-later
// Which address of the host a role is for.
#include <gtest/gtest.h>

#include "lvsd/realserver/own_address.h"

namespace lvsd::realserver {
namespace {

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

Interface ethernet(std::uint32_t index, std::string name, std::vector<InterfaceAddress> addresses) {
  return {.index = InterfaceIndex{index},
          .name = std::move(name),
          .mac = Mac({2, 0, 0, 0, 0, static_cast<std::uint8_t>(index)}),
          .addresses = std::move(addresses)};
}

struct Question {
  Network::Parts parts;
  Role role{"web", ip("10.0.1.104"), {}, Masquerade{}};
  std::vector<IpAddress> directors;

  Question() {
    parts.interfaces = {ethernet(2, "eth0", {{ip("10.0.2.66"), 24}, {ip("fe80::1"), 64}}),
                        ethernet(3, "eth1", {{ip("10.0.1.66"), 24}, {ip("fd00:1::66"), 64}})};
  }
  void route(std::string_view to, std::string_view via, std::uint32_t interface) {
    parts.routes.push_back(
        {*Prefix::parse(to), RouteKind::unicast, ip(via), InterfaceIndex{interface}, std::nullopt});
  }
  std::string answer() const {
    const auto own = own_address(Network(parts), role, directors, {role.vip});
    return own ? to_string(*own) : own.error().message;
  }
};
constexpr const char* kEither =
    "which address of this host is the destination: 10.0.2.66 (eth0), 10.0.1.66 (eth1)? "
    "Say so with --address";

TEST(OwnAddress, IsTheOneTowardsTheDirectorElseTheGateway) {
  Question question;
  EXPECT_EQ(question.answer(), kEither);
  question.directors = {ip("10.0.9.1")};
  EXPECT_EQ(question.answer(), kEither) << "no route to it";
  question.directors = {ip("fd00:1::1"), ip("10.0.1.1")};
  EXPECT_EQ(question.answer(), "10.0.1.66");
  question.directors = {ip("10.0.2.1")};
  EXPECT_EQ(question.answer(), "10.0.2.66");
  question.directors.clear();
  question.route("0.0.0.0/0", "10.0.1.254", 3);
  EXPECT_EQ(question.answer(), "10.0.1.66");
  question.directors = {ip("10.0.2.66")};
  EXPECT_EQ(question.answer(), kEither) << "the director is this host";
}

TEST(OwnAddress, OfSeveralOnOneNetworkIsAskedForWhereItMatters) {
  Question question;
  question.parts.interfaces[1].addresses = {{ip("10.0.2.67"), 24}};
  question.directors = {ip("10.0.2.1")};
  EXPECT_NE(question.answer().find("10.0.2.66 (eth0), 10.0.2.67 (eth1)?"), std::string::npos);
  question.role.method = DirectRouting{};
  EXPECT_EQ(question.answer(), "10.0.2.66");
  question.parts.interfaces[0].addresses.push_back({question.role.vip, 32});
  EXPECT_EQ(question.answer(), "10.0.2.66") << "the VIP itself is none";
}

TEST(OwnAddress, OfATunnelIsOfTheDirectorsFamily) {
  Question question;
  question.role.vip = ip("fd00:9::1");
  question.directors = {ip("10.0.2.1")};
  EXPECT_EQ(question.answer(), "fd00:1::66") << "the only one";
  question.role.method = Tunnel{};
  EXPECT_EQ(question.answer(), "10.0.2.66");
  Interface device{.index = InterfaceIndex{9}, .name = kTunnelDevice, .mac = {}, .addresses = {}};
  device.addresses = {{ip("10.0.3.9"), 32}};
  question.parts.interfaces = {question.parts.interfaces[0], device};
  question.directors.clear();
  question.parts.interfaces[0].addresses.push_back({ip("10.0.9.66"), 24});
  question.role.vip = ip("10.0.3.8");
  EXPECT_EQ(question.answer(), "10.0.2.66") << "not what a decapsulator serves";
  question.role.vip = ip("fd00:9::1");
  EXPECT_EQ(question.answer(), "this host has no IPv6 address that could be the destination");
}

}  // namespace
}  // namespace lvsd::realserver
