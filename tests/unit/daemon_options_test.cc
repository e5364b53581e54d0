// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <filesystem>

#include "lvsd/daemon/options.h"

namespace lvsd {
namespace {

Result<Options, Error> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "lvsd");
  return parse_options(static_cast<int>(words.size()), words.data());
}

TEST(DaemonOptions, DefaultsAreThoseOfTheManual) {
  const auto options = parse({});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->config_file, "/etc/lvsd/lvsd.yaml");
  EXPECT_EQ(options->run_dir, "/run/lvsd");
  EXPECT_EQ(options->log_level, LogLevel::info);
  EXPECT_EQ(options->log_target, LogTarget::automatic);
  EXPECT_FALSE(options->check || options->help || options->version);
}

TEST(DaemonOptions, EachIsRead) {
  const auto options = parse({"--check", "-c", "a.yaml", "--run-dir=/run/b", "--log-level", "debug",
                              "--log-target", "journal"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_TRUE(options->check);
  EXPECT_EQ(options->config_file, std::filesystem::current_path() / "a.yaml");
  EXPECT_EQ(options->run_dir, "/run/b");
  EXPECT_EQ(options->log_level, LogLevel::debug);
  EXPECT_EQ(options->log_target, LogTarget::journal);
  EXPECT_TRUE(parse({"--help"})->help);
  EXPECT_TRUE(parse({"--version"})->version);
}

TEST(DaemonOptions, WhatIsWrongIsNamed) {
  EXPECT_NE(parse({"--chek"}).error().message.find("chek"), std::string::npos);
  EXPECT_FALSE(parse({"-c"}));
  EXPECT_FALSE(parse({"stray"}));
  EXPECT_EQ(parse({"--log-level", "loud"}).error().message,
            "--log-level takes debug, info, warning or error");
  EXPECT_EQ(parse({"--log-target", "mail"}).error().message,
            "--log-target takes auto, stderr, journal, syslog or json");
}

}  // namespace
}  // namespace lvsd
