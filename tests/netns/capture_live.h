// SPDX-License-Identifier: GPL-2.0-or-later
// The capture rules on a real kernel, in each way that they can be there. Nobody listens on the
// queue, so what is captured vanishes, and what is not shows in the counters of the director's own
// stack.
#pragma once

#include "lvsd/io/capture_rules.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "lvsd/io/capture_tool.h"
#include "lvsd/io/process.h"
#include "netns/raw_packets.h"

namespace lvsd::test {

using namespace std::chrono_literals;

inline constexpr std::uint16_t kQueue = 41;
inline constexpr Ipv4Address kVip(Ipv4Address::Bytes{10, 77, 9, 10});
inline constexpr Ipv4Address kClient(Ipv4Address::Bytes{10, 77, 1, 2});
inline constexpr Ipv4Address kDirector(Ipv4Address::Bytes{10, 77, 1, 1});
inline constexpr Ipv4Address kServer(Ipv4Address::Bytes{10, 77, 2, 2});
inline constexpr Ipv4Address kFarClient(Ipv4Address::Bytes{198, 51, 100, 9});
inline constexpr std::uint8_t kTcp = 6, kUdp = 17, kIcmp = 1;

inline VirtualService service(ServiceProtocol protocol, std::uint16_t port,
                              ForwardingMethod method) {
  VirtualService made;
  made.key = {protocol, {kVip, Port(port)}};
  made.destinations = {{{kServer, Port(8080)}, method, Weight(1)}};
  return made;
}

inline CapturePlan plan_of(std::vector<VirtualService> services,
                           CaptureStage stage = CaptureStage::early) {
  Config config;
  config.startup.queue = kQueue;
  config.startup.stage = stage;
  config.services = std::move(services);
  return make_capture_plan(config);
}

inline CapturePlan mixed_plan(CaptureStage stage = CaptureStage::early) {
  return plan_of({service(ServiceProtocol::tcp, 80, Masquerade{}),
                  service(ServiceProtocol::udp, 53, DirectRouting{})},
                 stage);
}

inline CapturePlan dns_plan(CaptureStage stage = CaptureStage::early) {
  return plan_of({service(ServiceProtocol::udp, 53, DirectRouting{})}, stage);
}

// A counter of the calling thread's namespace, as in /proc/net/snmp: ("Udp", "NoPorts").
inline long stack_counter(const std::string& group, const std::string& name) {
  std::ifstream file("/proc/thread-self/net/snmp");
  std::string names;
  std::string values;
  while (std::getline(file, names) && std::getline(file, values)) {
    if (names.rfind(group + ":", 0) != 0) continue;
    std::istringstream keys(names);
    std::istringstream numbers(values);
    std::string key;
    std::string number;
    while (keys >> key && numbers >> number) {
      if (key == name) return std::stol(number);
    }
  }
  return 0;
}

// One way to have rules in the kernel.
struct Way {
  const char* name;
  std::function<Result<std::unique_ptr<CaptureTool>, Error>()> make;
};

inline Result<std::unique_ptr<CaptureTool>, Error> without_sets() {
  IptablesFeatures features;
  features.sets = false;
  return std::unique_ptr<CaptureTool>(std::make_unique<IptablesTool>(features, false));
}

// The legacy programs under the plain names, to be first in PATH.
struct LegacyPrograms {
  explicit LegacyPrograms(const std::string& multi) {
    if (mkdtemp(directory.data()) == nullptr) throw std::runtime_error(directory);
    for (const std::string tool : {"iptables", "ip6tables"}) {
      for (const char* suffix : {"", "-save", "-restore"}) {
        std::filesystem::create_symlink(multi, directory + '/' + tool + suffix);
      }
    }
  }
  LegacyPrograms(const LegacyPrograms&) = delete;
  LegacyPrograms& operator=(const LegacyPrograms&) = delete;
  ~LegacyPrograms() { std::filesystem::remove_all(directory); }
  std::string directory = ::testing::TempDir() + "lvsd-legacy-XXXXXX";
};

inline Result<std::unique_ptr<CaptureTool>, Error> legacy() {
  const std::string multi = find_program("xtables-legacy-multi");
  if (multi.empty()) return fail("no legacy iptables here");
  static const LegacyPrograms programs(multi);
  setenv("PATH", (programs.directory + ":/usr/sbin:/usr/bin:/sbin:/bin").c_str(), 1);
  return IptablesTool::probe();
}

// Without anyone on the queue, `queue` is `drop`: so kernels without it test all but the word.
inline Result<std::unique_ptr<CaptureTool>, Error> nft_with_drop() {
  if (find_program("nft").empty()) return fail("no nft here");
  return std::unique_ptr<CaptureTool>(std::make_unique<NftTool>("drop"));
}

// As on a kernel that has no tables of that kind.
inline Result<std::unique_ptr<CaptureTool>, Error> not_owned() {
  return std::unique_ptr<CaptureTool>(std::make_unique<IptablesTool>(IptablesFeatures{}, false));
}

inline Result<std::unique_ptr<CaptureTool>, Error> owned() {
  auto probed = IptablesTool::probe();
  if (probed && !(*probed)->shielded()) return fail("no tables with owner and persist here");
  return probed;
}

inline const Way kOwned{"iptables_owned", owned};
inline const Way kIptables{"iptables", not_owned};
inline const Way kNoSets{"iptables_without_sets", without_sets};
inline const Way kLegacy{"iptables_legacy", legacy};
inline const Way kNft{"nft", NftTool::probe};
inline const Way kNftDrop{"nft_with_drop", nft_with_drop};

inline void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

class CaptureLive : public ::testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root for network namespaces";
    lab_ = std::make_unique<Lab>();
    lab_->director.run(
        "ip addr add 10.77.9.10/32 dev lo; sysctl -qw net.ipv4.ip_forward=0 "
        "net.ipv4.conf.all.rp_filter=0");
    inside_ = std::make_unique<Inside>(lab_->director);
    auto tool = GetParam().make();
    if (!tool) GTEST_SKIP() << GetParam().name << ": " << tool.error().message;
    rules_ = std::make_unique<CaptureRules>(std::move(*tool));
    client_ = std::make_unique<RawSender>(lab_->client);
    server_ = std::make_unique<RawSender>(lab_->server);
  }
  void TearDown() override {
    inside_.reset();
    setenv("PATH", path_.c_str(), 1);
  }

  std::string ruleset() const {
    if (GetParam().name == kOwned.name) {
      return *run_tool({"nft", "list", "ruleset"}) + *run_tool({"iptables-save", "-c"}) +
             *run_tool({"ip6tables-save", "-c"});
    }
    if (rules_->backend() == "nft") return *run_tool({"nft", "list", "ruleset"});
    return *run_tool({"iptables-save", "-c"}) + *run_tool({"ip6tables-save", "-c"});
  }

  // Packets that our rules have taken since they were loaded.
  long captured() const {
    static const std::regex pattern(
        R"(\[(\d+):\d+\] -A LVSD(?:-OUT)? .*NFQUEUE|counter packets (\d+) bytes \d+ (?:queue|drop))");
    const std::string text = GetParam().name == kOwned.name
                                 ? run_process({"nft", "list", "table", "ip", "lvsd"})->output +
                                       run_process({"nft", "list", "table", "ip6", "lvsd"})->output
                                 : ruleset();
    long sum = 0;
    for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
      sum += std::stol((*it)[1].matched ? (*it)[1].str() : (*it)[2].str());
    }
    return sum;
  }

  long captured_of(const RawSender& sender, const RawPacket& packet) const {
    const long before = captured();
    sender.send(packet);
    return captured() - before;
  }

  void run(const std::string& commands) const { lab_->director.run(commands); }

  std::string path_ = getenv("PATH");
  std::unique_ptr<Lab> lab_;
  std::unique_ptr<Inside> inside_;
  std::unique_ptr<CaptureRules> rules_;
  std::unique_ptr<RawSender> client_, server_;
};

}  // namespace lvsd::test
