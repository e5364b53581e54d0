// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/control/bounded_list.h"

#include <gtest/gtest.h>

namespace lvsd {
namespace {

using nlohmann::json;

TEST(BoundedList, HasWhatFitsAsText) {
  BoundedList list(32);
  EXPECT_TRUE(list.add("0123456789"));  // 12 characters, and a comma
  EXPECT_TRUE(list.add("0123456789"));
  EXPECT_FALSE(list.add("0123456789"));
  EXPECT_EQ(list.take(), json::array({"0123456789", "0123456789"}));
}

TEST(BoundedList, HasNoGap) {
  BoundedList list(32);
  EXPECT_TRUE(list.add("first"));
  EXPECT_FALSE(list.add(std::string(40, 'x')));
  EXPECT_FALSE(list.add("small"));
  EXPECT_EQ(list.take(), json::array({"first"}));
}

TEST(BoundedList, CountsWhatIsReplacedAsItIsSent) {
  BoundedList list(16);
  EXPECT_TRUE(list.add("\xff\xfe"));  // each becomes the three bytes of U+FFFD
  EXPECT_FALSE(list.add("\xff\xfe"));
}

TEST(BoundedList, MayBeEmpty) {
  EXPECT_EQ(BoundedList(0).take(), json::array());
  EXPECT_FALSE(BoundedList(0).add(1));
}

}  // namespace
}  // namespace lvsd
