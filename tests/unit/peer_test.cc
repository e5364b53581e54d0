// SPDX-License-Identifier: GPL-2.0-or-later
// Who may read and who may change, by user and groups.
#include "lvsd/daemon/peer.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

namespace lvsd {
namespace {

constexpr uid_t kSomebody = 1000, kDaemon = 0;
const ControlGroups kKnown{.readers = 500, .admins = 501};

Peer somebody(std::vector<gid_t> groups, const ControlGroups& known = kKnown) {
  return judge_peer(kSomebody, groups, kDaemon, known);
}

TEST(Peer, RootMayEverything) {
  const Peer root = judge_peer(0, {}, kDaemon, {});
  EXPECT_TRUE(root.may_read && root.may_change);
}

TEST(Peer, ByGroup) {
  EXPECT_FALSE(somebody({100, 102}).may_read);
  EXPECT_TRUE(somebody({100, 500}).may_read);
  EXPECT_FALSE(somebody({100, 500}).may_change);
  EXPECT_TRUE(somebody({501}).may_read);
  EXPECT_TRUE(somebody({501}).may_change);
}

TEST(Peer, WithoutTheGroupsOnlyRoot) {
  EXPECT_FALSE(somebody({500, 501}, {}).may_read);
  EXPECT_FALSE(somebody({500, 501}, {}).may_change);
}

TEST(Peer, OfASocketIsThisProcess) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const Peer self = peer_of(ends[0], {});
  EXPECT_EQ(self.user, ::geteuid());
  EXPECT_TRUE(self.may_change);
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_FALSE(peer_of(ends[0], {}).may_read);
}

}  // namespace
}  // namespace lvsd
