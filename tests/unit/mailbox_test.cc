// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/mailbox.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

namespace lvsd {
namespace {

bool readable(const Mailbox<int>& box) {
  pollfd fd{.fd = box.fd(), .events = POLLIN, .revents = 0};
  return poll(&fd, 1, 0) == 1;
}

TEST(Mailbox, WakesItsOwnerUntilEmptied) {
  Mailbox<int> box(4);
  std::vector<int> taken{99};
  EXPECT_FALSE(readable(box));
  box.take(taken);
  EXPECT_TRUE(taken.empty());

  EXPECT_TRUE(box.post(1));
  EXPECT_TRUE(box.post(2));
  EXPECT_TRUE(readable(box));
  box.take(taken);
  EXPECT_EQ(taken, (std::vector<int>{1, 2}));
  EXPECT_FALSE(readable(box));
}

TEST(Mailbox, RefusesWhenFull) {
  Mailbox<int> box(2);
  EXPECT_TRUE(box.post(1));
  EXPECT_TRUE(box.post(2));
  EXPECT_FALSE(box.post(3));
  std::vector<int> taken;
  box.take(taken);
  EXPECT_TRUE(box.post(4));
}

TEST(Mailbox, GivesOutAfterClosingWhatCameBefore) {
  Mailbox<int> box(2);
  EXPECT_TRUE(box.post(1));
  box.close();
  EXPECT_FALSE(box.post(2));
  EXPECT_TRUE(box.closed());
  std::vector<int> taken;
  box.take(taken);
  EXPECT_EQ(taken, std::vector<int>{1});
}

// Under TSan this also shows that nothing is shared without the lock.
TEST(Mailbox, LosesNothingBetweenThreads) {
  constexpr int kEach = 2000;
  Mailbox<int> box(64);
  const auto send = [&box] {
    for (int i = 0; i < kEach; ++i) {
      while (!box.post(1)) std::this_thread::yield();
    }
  };
  std::thread first(send), second(send);
  int sum = 0;
  std::vector<int> taken;
  while (sum < 2 * kEach) {
    pollfd fd{.fd = box.fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&fd, 1, 10'000), 1);
    box.heard();
    box.take(taken);
    for (const int value : taken) sum += value;
  }
  first.join();
  second.join();
  EXPECT_EQ(sum, 2 * kEach);
}

}  // namespace
}  // namespace lvsd
