// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl check: what it prints where, and its exit status.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lvsd/config/load.h"
#include "lvsd/ctl/commands.h"

namespace lvsd::ctl {
namespace {

const std::string kFiles = LVSD_SOURCE_DIR "/tests/config/";

struct Outcome {
  int status = 0;
  std::string out, err;
};

Outcome run(const Words& words) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.status = check(words);
  outcome.out = testing::internal::GetCapturedStdout();
  outcome.err = testing::internal::GetCapturedStderr();
  return outcome;
}

TEST(Check, AGoodFile) {
  const std::string file = kFiles + "good/design.yaml";
  for (const Words& words : {Words{file}, Words{"-c", file}, Words{"--config", file}}) {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.status, kFine);
    EXPECT_EQ(outcome.out, file + ": ok, 3 services, 4 destinations\n");
    EXPECT_EQ(outcome.err, "");
  }
}

TEST(Check, ABrokenFile) {
  const std::string file = kFiles + "broken/weight_too_large.yaml";
  const Outcome outcome = run({file});
  EXPECT_EQ(outcome.status, kNo);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, file +
                             ":4:48: services[0].destinations[0].weight: 70000 is not in 0..65535; "
                             "a weight is 0 (no new connections) to 65535\n");
}

TEST(Check, ShowPrintsAFileThatIsTheSame) {
  const std::string file = kFiles + "good/design.yaml";
  const Outcome outcome = run({"--show", file});
  EXPECT_EQ(outcome.status, kFine);
  const Result<Config, Problems> shown = parse_config(outcome.out), given = load_config(file);
  ASSERT_TRUE(shown.has_value() && given.has_value());
  EXPECT_EQ(*shown, *given);
}

TEST(Check, ANetworkThatDoesNotFitWarns) {
  const Outcome outcome =
      run({"-c", kFiles + "good/design.yaml", "--network", kFiles + "good/network.yaml"});
  EXPECT_EQ(outcome.status, kFine);
  EXPECT_NE(outcome.err.find("director.announce.interface: warning: there is no interface 'eth0'"),
            std::string::npos)
      << outcome.err;
}

TEST(Check, ABrokenNetworkFileIsRefused) {
  const std::string network = kFiles + "broken_network/bad_mac.yaml";
  const Outcome outcome = run({"-c", kFiles + "good/design.yaml", "--network", network});
  EXPECT_EQ(outcome.status, kNo);
  EXPECT_TRUE(outcome.err.starts_with(network + ":3:23: interfaces[0].mac: ")) << outcome.err;
}

TEST(Check, Json) {
  const nlohmann::json good =
      nlohmann::json::parse(run({kFiles + "good/design.yaml", "--json"}).out);
  EXPECT_EQ(good["version"], 1);
  EXPECT_EQ(good["ok"], true);
  EXPECT_EQ(good["services"], 3);
  EXPECT_EQ(good["destinations"], 4);
  EXPECT_TRUE(good["problems"].empty());

  const Outcome refused = run({kFiles + "broken/weight_too_large.yaml", "--json"});
  EXPECT_EQ(refused.status, kNo);
  const nlohmann::json bad = nlohmann::json::parse(refused.out);
  EXPECT_EQ(bad["ok"], false);
  ASSERT_EQ(bad["problems"].size(), 1U);
  EXPECT_EQ(bad["problems"][0]["line"], 4);
  EXPECT_EQ(bad["problems"][0]["column"], 48);
  EXPECT_EQ(bad["problems"][0]["path"], "services[0].destinations[0].weight");
  EXPECT_EQ(bad["problems"][0]["what"], "70000 is not in 0..65535");
}

TEST(Check, Usage) {
  EXPECT_EQ(run({"--nonsense"}).status, kUsage);
  EXPECT_EQ(run({"--sho"}).status, kUsage);
  EXPECT_EQ(run({"a.yaml", "b.yaml"}).status, kUsage);
  const Outcome help = run({"--help"});
  EXPECT_EQ(help.status, kFine);
  EXPECT_NE(help.out.find("--network"), std::string::npos);
}

}  // namespace
}  // namespace lvsd::ctl
