// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/health/agent.h"

#include <gtest/gtest.h>

namespace lvsd {
namespace {

TEST(Agent, ReadsWhatHaproxysAgentsSay) {
  EXPECT_EQ(parse_agent("75%\n"), (AgentReport{75, {}, {}, {}}));
  EXPECT_EQ(parse_agent("ready up 100%\r\n"), (AgentReport{100, true, true, {}}));
  EXPECT_EQ(parse_agent("drain"), (AgentReport{{}, false, {}, {}}));
  EXPECT_EQ(parse_agent("maint\nup"), (AgentReport{{}, false, {}, {}}));
  EXPECT_EQ(parse_agent("down#disk full, again\n"),
            (AgentReport{{}, {}, false, "disk full, again"}));
  EXPECT_EQ(parse_agent("up,50%\tmaxconn:30"), (AgentReport{50, {}, true, {}}));
}

TEST(Agent, RefusesWhatItDoesNotKnow) {
  for (const char* line : {"", "\n", "#", "%", "-5%", "300%", "5 %", "UP", "upp",
                           "maxconn:", "maxconn:x", "up 99999999999%", "HTTP/1.1 200 OK"}) {
    EXPECT_FALSE(parse_agent(line)) << line;
  }
}

TEST(Agent, WhatIsNotMentionedStays) {
  AgentState state;
  state.take(*parse_agent("50% drain"));
  state.take(*parse_agent("down"));
  EXPECT_EQ(state, (AgentState{50, false, false}));
  state.take(*parse_agent("up"));
  state.take(*parse_agent("ready"));
  EXPECT_EQ(state, (AgentState{50, true, true}));
}

}  // namespace
}  // namespace lvsd
