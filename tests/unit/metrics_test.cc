// SPDX-License-Identifier: GPL-2.0-or-later
// What is worth an alert and could go missing. That the page is well-formed: tests/netns.
#include "lvsd/daemon/metrics.h"

#include <gtest/gtest.h>

#include "lvsd/config/file.h"
#include "lvsd/health/pool.h"

namespace lvsd {
namespace {

DirectorSnapshot snapshot_of(const Config& config) {
  DirectorSnapshot out;
  for (const VirtualService& service : config.services) {
    ServiceSnapshot& one = out.services.emplace_back();
    one.name = service.name;
    one.key = service.key;
    for (const Destination& each : service.destinations) {
      one.destinations.emplace_back().config = each;
    }
  }
  return out;
}

// The gauge of each service, "web=2 mail=0 ".
std::string usable(const Config& running, const DirectorSnapshot& director) {
  const std::vector<WorkerSnapshot> workers{{director, {}}, {director, {}}};
  const std::array<std::uint64_t, kReloadOutcomes> reloads{};
  const std::optional<ReloadResult> last;
  const Network network = Network::assumed();
  const std::string page = metrics_text({workers, running, network, {}, {}, reloads, last});
  std::string out;
  const std::string name = "lvsd_service_usable_destinations{service=\"";
  for (std::size_t at = page.find(name); at != page.npos; at = page.find(name, at + 1)) {
    const std::size_t begin = at + name.size(), value = page.find("} ", begin) + 2;
    out += page.substr(begin, page.find('"', begin) - begin) + "=" +
           page.substr(value, page.find('\n', value) - value) + " ";
  }
  return out;
}

constexpr std::string_view kFile =
    "services:\n"
    "  - name: web\n    listen: 192.0.2.1:80/tcp\n"
    "    health: {type: tcp, on_failure: remove}\n"
    "    sorry_server: {address: 10.0.0.9}\n"
    "    destinations: [{address: 10.0.0.1}, {address: 10.0.0.2}]\n"
    "  - name: mail\n    listen: 192.0.2.1:25/tcp\n"
    "    destinations: [{address: 10.0.0.1}, {address: 10.0.0.2, weight: 0}]\n"
    "  - name: empty\n    listen: 192.0.2.1:81/tcp\n    destinations: []\n";

// Those too that no kernel lets through to us, which tests/netns cannot provoke beside a daemon.
TEST(Metrics, CountEveryReason) {
  WorkerSnapshot worker;
  for (std::size_t i = 0; i < kDropReasons; ++i) worker.director.counters.dropped[i] = 100 + i;
  const std::array<std::uint64_t, kReloadOutcomes> reloads{};
  const std::optional<ReloadResult> last;
  const Network network = Network::assumed();
  const Config running;
  const std::vector<WorkerSnapshot> workers{worker};
  const std::string page = metrics_text({workers, running, network, {}, {}, reloads, last});
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const std::string reason(to_string(static_cast<DropReason>(i)));
    EXPECT_NE(page.find("lvsd_dropped_packets_total{reason=\"" + reason + "\"} " +
                        std::to_string(100 + i) + "\n"),
              page.npos)
        << reason;
  }
}

TEST(Metrics, CountUsableDestinationsAlsoWhereNoneIsLeft) {
  const auto file = parse_file(kFile);
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(usable(file->config, snapshot_of(file->config)), "web=2 mail=1 empty=0 ");

  Config composed = file->config;
  ServiceOutcome outcome;
  outcome.destinations[composed.services[0].destinations[0].endpoint] = {.removed = true};
  compose(composed.services[0], outcome);
  EXPECT_EQ(usable(composed, snapshot_of(composed)), "web=1 mail=1 empty=0 ");

  composed = file->config;
  outcome.destinations[composed.services[0].destinations[1].endpoint] = {.removed = true};
  compose(composed.services[0], outcome);
  ASSERT_TRUE(composed.services[0].destinations.empty());
  EXPECT_EQ(usable(composed, snapshot_of(composed)), "web=0 mail=1 empty=0 ");

  composed = file->config;
  outcome.sorry_server = file->health.front().sorry_server;
  compose(composed.services[0], outcome);
  EXPECT_EQ(usable(composed, snapshot_of(composed)), "web=1 mail=1 empty=0 ");
}

TEST(Metrics, CountNoDestinationThatIsGone) {
  const auto file = parse_file(kFile);
  ASSERT_TRUE(file.has_value());
  DirectorSnapshot director = snapshot_of(file->config);
  director.services[0].destinations[0].retired = true;
  director.services[1].removed = true;
  EXPECT_EQ(usable(file->config, director), "web=1 empty=0 ");
}

}  // namespace
}  // namespace lvsd
