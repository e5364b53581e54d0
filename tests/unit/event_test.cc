// SPDX-License-Identifier: GPL-2.0-or-later
// Log lines about services and destinations: their text, their JSON, and how many there are.
#include "lvsd/daemon/event.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

namespace lvsd {
namespace {

using namespace std::chrono_literals;

const EventLimit::Time kStart{100h};

TEST(Event, NamesServiceAndDestination) {
  Event event{.kind = "drain",
              .service = "web",
              .destination = "10.0.0.11:80",
              .reason = "operator",
              .text = "drained"};
  EXPECT_EQ(to_string(event), "service web, destination 10.0.0.11:80: drained (operator)");
  event.destination = event.reason = {};
  EXPECT_EQ(to_string(event), "service web: drained");
  event.service = {};
  EXPECT_EQ(to_string(event), "drained");
}

TEST(EventLimit, ABurstPassesAndTheRestIsCounted) {
  EventLimit limit;
  int passed = 0;
  for (int i = 0; i < 80; ++i) passed += limit.pass("drain", kStart) ? 1 : 0;
  EXPECT_EQ(passed, 50);
  EXPECT_EQ(limit.pass("other", kStart), 0U);  // kinds do not count together
  EXPECT_EQ(limit.pass("drain", kStart + 500ms), std::nullopt);
  EXPECT_EQ(limit.pass("drain", kStart + 1s), 31U);
  EXPECT_EQ(limit.pass("drain", kStart + 1s), std::nullopt);
  EXPECT_EQ(limit.pass("drain", kStart + 2s), 1U);
  EXPECT_EQ(limit.pass("drain", kStart + 1h), 0U);
}

std::string written(const Event& event) {
  testing::internal::CaptureStderr();
  open_log(LogLevel::info, LogTarget::json);
  log(event);
  std::string line = testing::internal::GetCapturedStderr();
  open_log(LogLevel::info, LogTarget::standard_error);
  return line;
}

TEST(Event, JsonHasTheFields) {
  const std::string line = written({.level = LogLevel::warning,
                                    .kind = "drain",
                                    .service = "web\"\xff",
                                    .destination = "10.0.0.11:80",
                                    .reason = "operator",
                                    .text = "drained"});
  ASSERT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
  const auto json = nlohmann::json::parse(line, nullptr, false);
  ASSERT_TRUE(json.is_object()) << line;
  EXPECT_EQ(json.at("level"), "warning");
  EXPECT_EQ(json.at("event"), "drain");
  EXPECT_EQ(json.at("destination"), "10.0.0.11:80");
  EXPECT_EQ(json.at("reason"), "operator");
  EXPECT_NE(json.at("service").get<std::string>().find("web\""), std::string::npos);
}

TEST(Event, ALineWithoutFieldsIsJsonToo) {
  testing::internal::CaptureStderr();
  open_log(LogLevel::info, LogTarget::json);
  spdlog::info("ready");
  const auto json = nlohmann::json::parse(testing::internal::GetCapturedStderr(), nullptr, false);
  open_log(LogLevel::info, LogTarget::standard_error);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json.at("message"), "ready");
  EXPECT_FALSE(json.contains("service"));
}

}  // namespace
}  // namespace lvsd
