// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/junit.h"

#include <gtest/gtest.h>

namespace lvsd::ctl {
namespace {

TEST(Junit, CountsAndEscapes) {
  EXPECT_EQ(
      junit_xml("a<b", {{"is \"right\""}, {"is as expected", "packet 1 & 2\n\x1bmore"}}),
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
      "<testsuite name=\"a&lt;b\" tests=\"2\" failures=\"1\">\n"
      "<testcase classname=\"a&lt;b\" name=\"is &quot;right&quot;\"/>\n"
      "<testcase classname=\"a&lt;b\" name=\"is as expected\">"
      "<failure message=\"packet 1 &amp; 2\">packet 1 &amp; 2&#10;?more</failure></testcase>\n"
      "</testsuite>\n</testsuites>\n");
}

TEST(Junit, SaysWhereItCannotWrite) {
  EXPECT_TRUE(write_junit(testing::TempDir() + "junit.xml", "a", {}).has_value());
  const Status status = write_junit(testing::TempDir() + "no/such/directory.xml", "a", {});
  ASSERT_FALSE(status.has_value());
  EXPECT_NE(status.error().message.find("cannot be written"), std::string::npos);
}

}  // namespace
}  // namespace lvsd::ctl
