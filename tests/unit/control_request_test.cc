// SPDX-License-Identifier: GPL-2.0-or-later
// Control requests: what is understood, and that nothing else does any harm.
#include "lvsd/control/request.h"

#include <gtest/gtest.h>

namespace lvsd {
namespace {

const std::string kKnown =
    "list, connections, status, rules, network, reload, zero, plan, explain, drops, trace, drain, "
    "undrain, weight, drift, decisions, health";

std::string refusal(std::string_view line) {
  const auto request = parse_request(line);
  return request ? "accepted" : request.error().message;
}

TEST(ControlRequest, EveryCommandIsUnderstoodAsWritten) {
  for (const Command command : kCommands) {
    Request asked{command};
    if (command == Command::plan) asked.config = "services: []";
    if (command == Command::explain) asked.packet = "45";
    const bool named =
        command == Command::drain || command == Command::undrain || command == Command::weight;
    if (named) asked.override.destination = "10.0.0.1";
    std::string line = request_line(asked);
    ASSERT_EQ(line.back(), '\n');
    line.pop_back();
    const auto read = parse_request(line);
    ASSERT_TRUE(read) << line;
    EXPECT_EQ(read->command, command);
  }
}

TEST(ControlRequest, OnlyConnectionsHaveACursor) {
  std::string line = request_line({Command::connections, {3, 2048}});
  line.pop_back();
  const auto request = parse_request(line);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->cursor.worker, 3U);
  EXPECT_EQ(request->cursor.place, 2048U);
  EXPECT_EQ(refusal(R"({"command": "list", "cursor": 1})"), "the command list takes no 'cursor'");
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
  EXPECT_EQ(refusal(R"({"command": "status", "service": "web"})"),
            "the command status takes no 'service'");
}

TEST(ControlRequest, AsksWithoutChanging) {
  Request asked{Command::explain};
  asked.packet = "45";
  asked.mark = 7;
  const auto explain = parse_request(std::string_view(request_line(asked)));
  ASSERT_TRUE(explain);
  EXPECT_EQ(explain->packet, "45");
  EXPECT_EQ(explain->mark, 7U);
  EXPECT_EQ(refusal(R"({"command": "explain"})"), "the command explain needs a \"packet\"");
  EXPECT_EQ(refusal(R"({"command": "plan"})"), "the command plan needs a \"config\"");
  EXPECT_EQ(refusal(R"({"command": "list", "mark": 1})"), "the command list takes no 'mark'");
  EXPECT_EQ(refusal(R"({"command": "list", "config": "x"})"), "the command list takes no 'config'");
  Request tap{Command::trace};
  tap.id = 9;
  tap.client = "10.0.0.0/8";
  const auto trace = parse_request(std::string_view(request_line(tap)));
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->id, 9U);
  EXPECT_EQ(trace->client, "10.0.0.0/8");
}

TEST(ControlRequest, OverridesAsWritten) {
  Request request{.command = Command::drain, .service = "web"};
  request.override = {.destination = "[2001:db8::11]:80",
                      .deadline = 1800,
                      .on_deadline = Ending::reset,
                      .keeps_clients = false};
  const auto drain = parse_request(std::string_view(request_line(request)));
  ASSERT_TRUE(drain);
  EXPECT_EQ(drain->service, "web");
  EXPECT_EQ(drain->override.destination, "[2001:db8::11]:80");
  EXPECT_EQ(drain->override.deadline, 1800U);
  EXPECT_EQ(drain->override.on_deadline, Ending::reset);
  EXPECT_FALSE(drain->override.keeps_clients);
  EXPECT_EQ(parse_request(R"({"command":"weight","destination":"10.0.0.1"})")->override.weight,
            std::nullopt);
  EXPECT_TRUE(parse_request(R"({"command":"reload","discard_overrides":true})")->discard_overrides);
}

TEST(ControlRequest, OverridesThatAreRefused) {
  EXPECT_EQ(refusal(R"({"command": "drain"})"), "the command drain needs a \"destination\"");
  EXPECT_EQ(refusal(R"({"command": "drain", "destination": "web1"})"),
            "\"destination\" is not an address, or an address and a port");
  EXPECT_EQ(refusal(R"({"command": "drain", "destination": "10.0.0.1:99999"})"),
            "\"destination\" is not an address, or an address and a port");
  EXPECT_EQ(refusal(R"({"command": "weight", "destination": "10.0.0.1", "weight": 65536})"),
            "\"weight\" is not a number from 0 to 65535");
  EXPECT_EQ(refusal(R"({"command": "drain", "destination": "10.0.0.1", "weight": 1})"),
            "the command drain takes no 'weight'");
  EXPECT_EQ(refusal(R"({"command": "drain", "destination": "10.0.0.1", "deadline": -1})"),
            "\"deadline\" is not a number of seconds within a year");
  EXPECT_EQ(refusal(R"({"command": "drain", "destination": "10.0.0.1", "on_deadline": "kill"})"),
            "\"on_deadline\" is none of keep, reset and move");
  EXPECT_EQ(refusal(R"({"command": "reload", "discard_overrides": 1})"),
            "\"discard_overrides\" is neither true nor false");
}

TEST(ControlRequest, NamedEndpoints) {
  EXPECT_TRUE(parse_named_endpoint("10.0.0.1")
                  ->matches({*IpAddress::parse("10.0.0.1"), Port(std::uint16_t{7})}));
  EXPECT_FALSE(parse_named_endpoint("10.0.0.1:8")
                   ->matches({*IpAddress::parse("10.0.0.1"), Port(std::uint16_t{7})}));
  EXPECT_TRUE(parse_named_endpoint("2001:db8::1"));
  EXPECT_TRUE(parse_named_endpoint("[2001:db8::1]:80"));
  for (const char* wrong : {"", ":", "10.0.0.1:", "10.0.0.1:x", "10.0.0.1:80 ", "a:1", "[]:1"}) {
    EXPECT_FALSE(parse_named_endpoint(wrong)) << wrong;
  }
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
  EXPECT_EQ(refusal("{}"), "request has no \"command\"; known: " + kKnown);
  EXPECT_EQ(refusal(R"({"command": 7})"), "\"command\" is not a string");
  EXPECT_EQ(refusal(R"({"command": "lisst"})"), "unknown command 'lisst'; known: " + kKnown);
  EXPECT_EQ(refusal(R"({"command": "list", "services": 1})"),
            "unknown key 'services' in the request");
  EXPECT_EQ(refusal(R"({"command": "list", "version": 2})"),
            "this daemon speaks version 1 of the control protocol only");
  EXPECT_EQ(refusal(R"({"command": "list", "version": 1})"), "accepted");
}

TEST(ControlRequest, WhatIsQuotedCannotGarbleATerminal) {
  EXPECT_EQ(refusal(R"({"command": "\u001b[2Jlist"})"),
            "unknown command '?[2Jlist'; known: " + kKnown);
  const std::string message = refusal(R"({"command": ")" + std::string(5000, 'x') + R"("})");
  EXPECT_LT(message.size(), kKnown.size() + 100);
}

TEST(ControlRequest, LongAndDeepLinesAreRefused) {
  EXPECT_EQ(refusal(std::string(kMaxShort + 1, ' ')), "request is longer than 65536 bytes");
  EXPECT_EQ(refusal(std::string(kMaxShort, '[')), "request is not a JSON object on one line");
  std::string nested;
  for (int i = 0; i < 10'000; ++i) nested += R"({"a":)";
  EXPECT_EQ(refusal(nested + "1" + std::string(10'000, '}')), "unknown key 'a' in the request");
}

TEST(ControlRequest, OnlyAPlanMayBeLong) {
  Request asked{Command::plan};
  asked.config = std::string(2 * kMaxShort, '#');
  const auto plan = parse_request(std::string_view(request_line(asked)));
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->config, asked.config);
  EXPECT_EQ(refusal(R"({"command": "plan"})" + std::string(kMaxRequest, ' ')),
            "request is longer than 8388608 bytes");
}

TEST(ControlRequest, AnErrorReplyIsJsonWhateverTheSentence) {
  EXPECT_EQ(error_reply("no \"such\"\n\xff"),
            "{\"error\":\"no \\\"such\\\"\\n\xef\xbf\xbd\",\"ok\":false,\"version\":1}");
}

TEST(ControlRequest, AListingMayBeAskedForAsText) {
  Request request{Command::list};
  request.form = "stats-exact";
  const auto back = parse_request(request_line(request));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->form, request.form);
  EXPECT_FALSE(parse_request(R"({"command": "status", "form": "stats"})"));
  EXPECT_FALSE(parse_request(R"({"command": "list", "form": 1})"));
}

}  // namespace
}  // namespace lvsd
