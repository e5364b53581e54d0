// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace lvsd {
namespace {

TEST(Process, PassesArgumentsUntouched) {
  const auto result = run_process({"printf", "%s|", "a b", "$HOME", ";ls"});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 0);
  EXPECT_EQ(result->output, "a b|$HOME|;ls|");
}

TEST(Process, FeedsInputLargerThanAPipe) {
  const std::string input(1'000'000, 'x');
  const auto result = run_process({"cat"}, input);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->output, input);
  const auto by_name = run_process({"cat", "/dev/stdin"}, "by name");
  ASSERT_TRUE(by_name);
  EXPECT_EQ(by_name->output, "by name");
}

TEST(Process, UnreadInputHurtsNobody) {
  const auto result = run_process({"true"}, std::string(1'000'000, 'x'));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 0);
}

TEST(Process, TellsExitStatusAndSignal) {
  EXPECT_EQ(run_process({"sh", "-c", "exit 7"})->status, 7);
  EXPECT_EQ(run_process({"sh", "-c", "kill -9 $$"})->status, 128 + 9);
}

TEST(Process, KillsWhatDoesNotEnd) {
  using namespace std::chrono_literals;
  const auto begin = std::chrono::steady_clock::now();
  const auto result = run_process({"sleep", "60"}, {}, 50ms);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "sleep: still running after 50 ms, killed");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
}

TEST(Process, NamesWhatIsMissing) {
  const auto result = run_process({"no-such-program-of-lvsd"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "no-such-program-of-lvsd: no such program in PATH");
  EXPECT_EQ(find_program("no-such-program-of-lvsd"), "");
  EXPECT_EQ(find_program("sh").front(), '/');
}

TEST(Process, ToolErrorsQuoteTheComplaint) {
  const auto result = run_tool({"sh", "-c", "echo 'bad rule' >&2; exit 2"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "sh: exit status 2: bad rule");
  const auto fine = run_tool({"sh", "-c", "echo out; echo warning >&2"});
  ASSERT_TRUE(fine);
  EXPECT_EQ(*fine, "out\n");
}

TEST(Process, InheritsNoDescriptor) {
  const int leaked = open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  ASSERT_GT(leaked, 2);
  const auto result =
      run_process({"sh", "-c", "test -e /proc/self/fd/" + std::to_string(leaked) + " || echo no"});
  close(leaked);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->output, "no\n");
}

}  // namespace
}  // namespace lvsd
