// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/model/service_index.h"

#include <gtest/gtest.h>

namespace lvsd {
namespace {

ServiceKey key(std::uint16_t port) {
  return {ServiceProtocol::tcp, {IpAddress(192, 0, 2, 1), Port(port)}};
}
std::vector<VirtualService> services(std::initializer_list<std::uint16_t> ports) {
  std::vector<VirtualService> list;
  for (const std::uint16_t port : ports) {
    list.emplace_back();
    list.back().key = key(port);
  }
  return list;
}

TEST(ServiceIndex, FindsInAnyOrder) {
  const auto list = services({1, 2, 3, 4, 5});
  ServiceIndex index(list);
  for (const unsigned port : {1U, 2U, 4U, 5U, 3U, 1U, 1U}) {
    EXPECT_EQ(index.find(key(static_cast<std::uint16_t>(port))), port - 1) << port;
  }
  EXPECT_FALSE(index.contains(key(6)));
  EXPECT_EQ(index.find(key(2)), 1U);
}

TEST(ServiceIndex, AnEmptyListHasNone) {
  const auto list = services({});
  EXPECT_FALSE(ServiceIndex(list).contains(key(1)));
}

}  // namespace
}  // namespace lvsd
