// SPDX-License-Identifier: GPL-2.0-or-later
// Every reason has its sentences, an explanation survives the control socket, and what is asked
// beforehand changes nothing.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "lvsd/control/explanation.h"
#include "support/director_fixture.h"

namespace lvsd {
namespace {

using namespace test;

std::string text(const Explanation& explanation) {
  std::string all;
  for (const std::string& sentence : explanation.sentences) all += sentence + "\n";
  return all;
}

Explanation explain_drop(DropReason reason) {
  Decision decision;
  decision.verdict = Drop{reason};
  return explain(decision, {}, Network(director_network()));
}

TEST(Explanation, HasASentenceForEveryReason) {
  std::set<std::string> reasons;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<DropReason>(i);
    EXPECT_FALSE(advice(reason).empty()) << to_string(reason);
    const Explanation explanation = explain_drop(reason);
    EXPECT_EQ(explanation.reason, to_string(reason));
    EXPECT_NE(text(explanation).find(lvsd::explain(reason)), std::string::npos);
    reasons.insert(explanation.reason);
  }
  for (std::size_t i = 0; i < kAcceptReasons; ++i) {
    const auto reason = static_cast<AcceptReason>(i);
    EXPECT_FALSE(advice(reason).empty()) << to_string(reason);
    Decision decision;
    decision.verdict = Accept{reason};
    const Explanation explanation = explain(decision, {}, Network(director_network()));
    EXPECT_NE(text(explanation).find(lvsd::explain(reason)), std::string::npos);
    reasons.insert(explanation.reason);
  }
  EXPECT_EQ(reasons.size(), kDropReasons + kAcceptReasons);
  for (std::size_t i = 0; i < kSchedulerKinds; ++i) {
    EXPECT_FALSE(rule_of(static_cast<SchedulerKind>(i)).empty());
  }
}

struct Asked {
  Explanation explanation;
  Verdict verdict;
};

Asked ask(const DirectorFixture& fixture, View packet) {
  std::vector<std::byte> storage(kPacketHeadroom + packet.size());
  std::copy(packet.begin(), packet.end(), storage.begin() + kPacketHeadroom);
  PacketBuffer buffer(storage, kPacketHeadroom, packet.size());
  Emissions out;
  Decision decision;
  const Verdict verdict = fixture.director.explain(buffer, fixture.now, out, decision);
  return {explain(decision, out.list(), Network(director_network())), verdict};
}

Destination server(std::string_view address, std::uint16_t weight = 1) {
  return {endpoint(address, 0), DirectRouting{}, Weight(weight)};
}

Bytes syn(std::uint16_t client_port) {
  return tcp_packet({.source = "10.1.0.1", .destination = "10.0.3.100"}, {.source = client_port});
}

TEST(Explanation, NamesCandidatesAndTheChosen) {
  DirectorFixture fixture({tcp_service(
      80, DirectRouting{}, {server("10.0.2.11", 0), server("10.0.2.12")}, SchedulerKind::wlc)});
  const Explanation said = ask(fixture, syn(4000)).explanation;
  EXPECT_EQ(said.verdict, "forwarded");
  EXPECT_EQ(said.reason, "scheduled");
  EXPECT_NE(text(said).find("10.0.2.11:0: weight 0, 0 active, 0 inactive, overhead 0; quiesced"),
            std::string::npos)
      << text(said);
  EXPECT_NE(text(said).find("It chose 10.0.2.12:0."), std::string::npos) << text(said);
  EXPECT_NE(text(said).find("at 02:00:00:00:02:12"), std::string::npos) << text(said);
  ASSERT_EQ(said.emitted.size(), 1U);
  EXPECT_EQ(said.emitted[0].destination, mac_of("10.0.2.12"));
}

TEST(Explanation, SaysWhatChecksFound) {
  DirectorFixture fixture(
      {tcp_service(80, DirectRouting{}, {server("10.0.2.11", 0), server("10.0.2.12")})});
  const Bytes packet = syn(4000);
  std::vector<std::byte> storage(kPacketHeadroom + packet.size());
  std::copy(packet.begin(), packet.end(), storage.begin() + kPacketHeadroom);
  PacketBuffer buffer(storage, kPacketHeadroom, packet.size());
  Emissions out;
  Decision decision;
  fixture.director.explain(buffer, fixture.now, out, decision);
  const auto word = [](const ServiceKey& key, const Endpoint& of) -> std::string {
    EXPECT_EQ(key.listen.port, Port(80));
    return of == endpoint("10.0.2.11", 0) ? "down" : "up";
  };
  const std::string said = text(explain(decision, out.list(), Network(director_network()), word));
  EXPECT_NE(said.find("10.0.2.11:0: weight 0, 0 active, 0 inactive, overhead 0; quiesced; its "
                      "checks say that it is down\n"),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("10.0.2.12:0: weight 1, 0 active, 0 inactive, overhead 0\n"),
            std::string::npos)
      << said;
}

// Asked a hundred times, a director is as one that nobody asked: counters, connections, and whose
// turn it is.
TEST(Explanation, ChangesNothing) {
  const std::vector<VirtualService> services{tcp_service(
      80, DirectRouting{}, {server("10.0.2.11"), server("10.0.2.12"), server("10.0.2.13")})};
  DirectorFixture asked(services), silent(services);
  for (std::uint16_t port = 4000; port < 4020; ++port) {
    for (int i = 0; i < 5; ++i) ask(asked, syn(port));
    const Verdict said = ask(asked, syn(port)).verdict;
    const Verdict one = asked.handle(syn(port)), other = silent.handle(syn(port));
    EXPECT_EQ(std::get<Forwarded>(said).destination, std::get<Forwarded>(one).destination);
    EXPECT_EQ(std::get<Forwarded>(one).destination, std::get<Forwarded>(other).destination);
  }
  const DirectorSnapshot a = asked.director.snapshot(), b = silent.director.snapshot();
  EXPECT_EQ(a.connections, 20U);
  EXPECT_EQ(a.counters.statistics, b.counters.statistics);
  EXPECT_EQ(a.counters.forwarded, b.counters.forwarded);
  EXPECT_EQ(a.services[0].statistics, b.services[0].statistics);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(a.services[0].destinations[i].inactive, b.services[0].destinations[i].inactive);
  }
}

TEST(Explanation, NamesWhatARealServerGoesOnAs) {
  VirtualService web = tcp_service(80, Masquerade{}, {server("10.0.2.11"), server("10.0.2.12")});
  web.hairpin = address("10.0.2.1");
  DirectorFixture fixture({web});
  const Bytes request = tcp_packet({.source = "10.0.2.11", .destination = "10.0.3.100"}, {});
  EXPECT_NE(text(ask(fixture, request).explanation).find("source becomes 10.0.2.1:61000."),
            std::string::npos);
  fixture.handle(request);
  fixture.handle(request);
  const Bytes answer = tcp_packet({.source = "10.0.2.11", .destination = "10.0.2.1"},
                                  {.source = 80, .destination = 61000});
  const Explanation said = ask(fixture, answer).explanation;
  EXPECT_EQ(said.reason, "reply");
  EXPECT_NE(text(said).find("10.0.2.1:61000, which stood for"), std::string::npos) << text(said);
}

TEST(Explanation, KnowsThatTheTableIsFull) {
  DirectorFixture fixture({tcp_service(80, DirectRouting{}, {server("10.0.2.11")})},
                          director_network(), 1);
  fixture.handle(syn(4000));
  EXPECT_EQ(ask(fixture, syn(4001)).explanation.reason, "connection-table-full");
  EXPECT_EQ(ask(fixture, syn(4000)).explanation.reason, "known-connection");
}

TEST(Explanation, PassesTheControlSocket) {
  DirectorFixture fixture({tcp_service(80, DirectRouting{}, {server("10.0.2.11")})});
  const Explanation said = ask(fixture, syn(4000)).explanation;
  const auto read = parse_explanation(to_json(said));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(to_json(*read), to_json(said));
  EXPECT_FALSE(parse_explanation({{"verdict", 1}}).has_value());
  EXPECT_FALSE(from_hex("0").has_value());
  EXPECT_FALSE(from_hex("0g").has_value());
}

}  // namespace
}  // namespace lvsd
