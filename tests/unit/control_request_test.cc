// SPDX-License-Identifier: GPL-2.0-or-later
// Control requests: what is understood, and that nothing else does any harm.
#include "lvsd/control/request.h"

#include <gtest/gtest.h>

namespace lvsd {
namespace {

std::string refusal(std::string_view line) {
  const auto request = parse_request(line);
  return request ? "accepted" : request.error().message;
}

TEST(ControlRequest, EveryCommandIsUnderstoodAsWritten) {
  for (const Command command : kCommands) {
    std::string line = request_line({command});
    ASSERT_EQ(line.back(), '\n');
    line.pop_back();
    const auto request = parse_request(line);
    ASSERT_TRUE(request) << line;
    EXPECT_EQ(request->command, command);
  }
}

TEST(ControlRequest, OnlyConnectionsHaveACursor) {
  std::string line = request_line({Command::connections, {3, 2048}});
  line.pop_back();
  const auto request = parse_request(line);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->cursor.worker, 3U);
  EXPECT_EQ(request->cursor.place, 2048U);
  EXPECT_EQ(refusal(R"({"command": "list", "cursor": 1})"),
            "only the command connections takes a \"worker\" and a \"cursor\"");
  EXPECT_EQ(refusal(R"({"command": "connections", "cursor": -1})"),
            "\"cursor\" is not a number from 0 to 4294967295");
  EXPECT_EQ(refusal(R"({"command": "connections", "worker": 4294967296})"),
            "\"worker\" is not a number from 0 to 4294967295");
}

TEST(ControlRequest, ZeroMayNameAService) {
  EXPECT_EQ(parse_request(R"({"command": "zero"})")->service, std::nullopt);
  const std::string line = request_line({Command::zero, {}, "web"});
  EXPECT_EQ(parse_request(std::string_view(line))->service, "web");
  EXPECT_EQ(refusal(R"({"command": "zero", "service": 7})"), "\"service\" is not a string");
  EXPECT_EQ(refusal(R"({"command": "list", "service": "web"})"),
            "only the command zero takes a \"service\"");
}

TEST(ControlRequest, EveryPrefixIsRefused) {
  std::string line = request_line({Command::reload});
  line.pop_back();
  for (std::size_t size = 0; size < line.size(); ++size) {
    EXPECT_FALSE(parse_request(std::string_view(line).substr(0, size))) << size;
  }
}

TEST(ControlRequest, RefusalsNameWhatIsWrong) {
  EXPECT_EQ(refusal(""), "request is not a JSON object on one line");
  EXPECT_EQ(refusal("[1, 2]"), "request is not a JSON object on one line");
  EXPECT_EQ(refusal("\xff\xfe garbage"), "request is not a JSON object on one line");
  EXPECT_EQ(
      refusal("{}"),
      "request has no \"command\"; known: list, connections, status, rules, network, reload, zero");
  EXPECT_EQ(refusal(R"({"command": 7})"), "\"command\" is not a string");
  EXPECT_EQ(
      refusal(R"({"command": "lisst"})"),
      "unknown command 'lisst'; known: list, connections, status, rules, network, reload, zero");
  EXPECT_EQ(refusal(R"({"command": "list", "services": 1})"),
            "unknown key 'services' in the request");
  EXPECT_EQ(refusal(R"({"command": "list", "version": 2})"),
            "this daemon speaks version 1 of the control protocol only");
  EXPECT_EQ(refusal(R"({"command": "list", "version": 1})"), "accepted");
}

TEST(ControlRequest, WhatIsQuotedCannotGarbleATerminal) {
  EXPECT_EQ(
      refusal(R"({"command": "\u001b[2Jlist"})"),
      "unknown command '?[2Jlist'; known: list, connections, status, rules, network, reload, zero");
  const std::string message = refusal(R"({"command": ")" + std::string(5000, 'x') + R"("})");
  EXPECT_LT(message.size(), 150U);
}

TEST(ControlRequest, LongAndDeepLinesAreRefused) {
  EXPECT_EQ(refusal(std::string(kMaxRequest + 1, ' ')), "request is longer than 65536 bytes");
  EXPECT_EQ(refusal(std::string(kMaxRequest, '[')), "request is not a JSON object on one line");
  std::string nested;
  for (int i = 0; i < 10'000; ++i) nested += R"({"a":)";
  EXPECT_EQ(refusal(nested + "1" + std::string(10'000, '}')), "unknown key 'a' in the request");
}

TEST(ControlRequest, AnErrorReplyIsJsonWhateverTheSentence) {
  EXPECT_EQ(error_reply("no \"such\"\n\xff"),
            "{\"error\":\"no \\\"such\\\"\\n\xef\xbf\xbd\",\"ok\":false,\"version\":1}");
}

}  // namespace
}  // namespace lvsd
