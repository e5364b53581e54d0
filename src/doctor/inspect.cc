// SPDX-License-Identifier: GPL-2.0-or-later
// This host: its daemon, queues, rules and settings.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "lvsd/doctor/examine.h"
#include "lvsd/io/capture_rules.h"
#include "lvsd/io/host_settings.h"
#include "lvsd/io/process.h"
#include "lvsd/io/worker_count.h"
#include "ruleset.h"

namespace lvsd::doctor {
namespace {

std::uint64_t number_in(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  file >> value;
  return file ? value : 0;
}

std::uint64_t setting(const std::string& path) { return number_in("/proc/sys/net/" + path); }

// Netlink port -> inode of its socket, of NFNETLINK sockets in this network namespace.
std::map<std::uint32_t, std::string> netlink_inodes() {
  constexpr int kNetfilter = 12;
  std::map<std::uint32_t, std::string> inodes;
  std::ifstream file("/proc/net/netlink");
  std::string line;
  std::getline(file, line);  // the heading
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string socket, inode, word;
    int family = 0;
    std::int64_t port = 0;
    if (!(words >> socket >> family >> port) || family != kNetfilter) continue;
    while (words >> word) inode = word;
    inodes[static_cast<std::uint32_t>(port)] = inode;
  }
  return inodes;
}

// The process that has this socket open; 0 where there is none to be seen.
int owner_of(const std::string& inode) {
  const std::string wanted = "socket:[" + inode + "]";
  std::error_code error;
  for (const auto& process : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = process.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::error_code gone;
    std::filesystem::directory_iterator files(process.path() / "fd", gone);
    if (gone) continue;
    for (const auto& file : files) {
      const auto target = std::filesystem::read_symlink(file.path(), gone);
      if (!gone && target == wanted) return std::stoi(name);
    }
  }
  return 0;
}

std::string program_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

// `daemon`: its process, which knows how many workers `auto` means; 0: it does not run.
std::vector<QueueEvidence> queues(Config config, int daemon) {
  count_workers(config.startup, daemon);
  std::vector<QueueEvidence> out;
  const CapturePlan plan = make_capture_plan(config, {.workers = config.startup.workers});
  for (const AssignedQueue& queue : plan.queues()) out.push_back({queue.number, false, 0, {}});
  const auto inodes = netlink_inodes();
  std::ifstream file("/proc/net/netfilter/nfnetlink_queue");
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    unsigned number = 0;
    std::int64_t port = 0;
    if (!(words >> number >> port)) continue;
    for (QueueEvidence& queue : out) {
      if (queue.number != number) continue;
      queue.bound = true;
      const auto inode = inodes.find(static_cast<std::uint32_t>(port));
      if (inode != inodes.end()) queue.pid = owner_of(inode->second);
      queue.program = program_of(queue.pid);
    }
  }
  return out;
}

struct Looked {
  RulesetView view;
  bool nft = false, iptables_nft = false, legacy = false;  // what has answered
};

void take(Looked& looked, RulesetView&& view) {
  looked.view.captured.merge(view.captured);
  looked.view.unnumbered = looked.view.unnumbered || view.unnumbered;
  std::move(view.shadows.begin(), view.shadows.end(), std::back_inserter(looked.view.shadows));
}

// iptables-nft's rules are in what nft lists, but for what nft does not understand of them. So
// iptables is asked, too, where nft is not there, or does not know which queue is meant.
void look_at_iptables(const Sought& sought, bool v4, Looked& looked) {
  const std::string ip = v4 ? "iptables" : "ip6tables";
  if (const auto text = run_tool({ip + "-legacy-save"})) {
    looked.legacy = true;
    take(looked, view_saved_rules(*text, v4, sought));
  }
  if (looked.nft && !looked.view.unnumbered) return;
  auto text = run_tool({ip + "-nft-save"});
  if (!text && !looked.legacy) text = run_tool({ip + "-save"});
  if (!text) return;
  looked.iptables_nft = true;
  RulesetView view = view_saved_rules(*text, v4, sought, "iptables");
  if (looked.nft) view.shadows.clear();  // nft has told of them
  take(looked, std::move(view));
}

void look_at_rules(const Examination& wanted, HostEvidence& host) {
  const Config& config = wanted.config;
  Sought sought{config, {}};
  for (const QueueEvidence& queue : host.queues) sought.queues.insert(queue.number);
  Looked looked;
  if (const auto text = run_tool({"nft", "-j", "list", "ruleset"})) {
    if (auto view = view_ruleset(*text, sought)) {
      looked.nft = true;
      take(looked, std::move(*view));
    }
  }
  for (const bool v4 : {true, false}) look_at_iptables(sought, v4, looked);
  host.rules_known = looked.nft && (!looked.view.unnumbered || looked.iptables_nft);
  // lvsd has a table of its own, which nft alone shows; but it watches that.
  const bool own = config.startup.backend != CaptureBackend::manual && wanted.rules_in_place;
  if (!looked.nft && own) {
    for (const bool v4 : {true, false}) capture_all(looked.view, config, v4);
  }
  host.shadows = std::move(looked.view.shadows);
  for (const VirtualService& service : config.services) {
    if (!looked.view.captured.contains(service.name)) host.uncaptured.push_back(service.name);
  }
}

HostEvidence::Neighbors neighbors(bool v4) {
  HostEvidence::Neighbors table;
  table.limit = setting(std::string(v4 ? "ipv4" : "ipv6") + "/neigh/default/gc_thresh3");
  std::ifstream file(v4 ? "/proc/net/stat/arp_cache" : "/proc/net/stat/ndisc_cache");
  std::string heading;
  std::getline(file, heading);
  file >> std::hex >> table.entries;  // the whole table's, the same for every CPU
  return table;
}

// Either is enough for redirects.
std::vector<std::string> redirecting(const Config& config, const Network& network) {
  const std::string base = "net/ipv4/conf/", key = "/send_redirects";
  const bool all = setting("ipv4/conf/all/send_redirects") != 0;
  std::vector<std::string> names;
  for (const auto& wanted : settings_for(config, network)) {
    const std::string& path = wanted.first;
    const std::string name = path.substr(base.size(), path.size() - base.size() - key.size());
    if (name == "all") continue;
    if (all || number_in("/proc/sys/" + path) != 0) names.push_back(name);
  }
  return names;
}

void look_at_settings(const Config& config, const Network& network, HostEvidence& host) {
  host.forwards_v4 = setting("ipv4/ip_forward") != 0;
  host.forwards_v6 = setting("ipv6/conf/all/forwarding") != 0;
  host.redirecting = redirecting(config, network);
  const std::uint64_t all_filter = setting("ipv4/conf/all/rp_filter");
  for (const Interface& interface : network.interfaces()) {
    if (interface.loopback || !interface.mac) continue;
    const std::string base = "ipv4/conf/" + interface.name + "/";
    // The larger value counts.
    if (std::max(all_filter, setting(base + "rp_filter")) == 1)
      host.strict.push_back(interface.name);
  }
}

}  // namespace

HostEvidence inspect(const Examination& wanted, const Network& network) {
  HostEvidence host;
  host.daemon = wanted.daemon.has_value();
  host.daemon_pid = wanted.daemon.value_or(0);
  host.queues = queues(wanted.config, host.daemon_pid);
  look_at_rules(wanted, host);
  look_at_settings(wanted.config, network, host);
  host.neighbors_v4 = neighbors(true);
  host.neighbors_v6 = neighbors(false);
  return host;
}

}  // namespace lvsd::doctor
