// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/config/workers.h"

#include <algorithm>

namespace lvsd {
namespace {

constexpr unsigned kMostCpu = 1023;  // of a cpu_set_t
constexpr std::string_view kCpusRemedy = "write CPU numbers and ranges, such as 0-3,8";

bool goes_by_address(const Persistence& persistence) {
  return persistence.engine == PersistenceEngine::none;
}

// "2" or "0-3"; nothing, and reported, where it is neither.
std::optional<Range> read_cpu_range(const Item& item, std::string_view text) {
  const std::size_t dash = text.find('-');
  const Digits first = parse_digits(text.substr(0, dash), {0, kMostCpu});
  if (!first.number) {
    item.refuse(first.what, std::string(kCpusRemedy));
    return std::nullopt;
  }
  if (dash == std::string_view::npos) return Range{*first.number, *first.number};
  const Digits last = parse_digits(text.substr(dash + 1), {*first.number, kMostCpu});
  if (last.number) return Range{*first.number, *last.number};
  item.refuse(last.what, std::string(kCpusRemedy));
  return std::nullopt;
}

}  // namespace

void read_workers(const Item& item, StartupConfig& startup) {
  constexpr std::string_view kRemedy = "write a number of workers, or auto: one per CPU";
  const std::optional<std::string_view> text = read_text(item, kRemedy);
  if (!text) return;
  if (*text == "auto") {
    startup.workers = 0;
    return;
  }
  const Digits digits = parse_digits(*text, {1, kMostWorkers});
  if (!digits.number) return item.refuse(digits.what, std::string(kRemedy));
  startup.workers = static_cast<unsigned>(*digits.number);
}

void read_cpus(const Item& item, StartupConfig& startup) {
  const std::optional<std::string_view> text = read_text(item, kCpusRemedy);
  if (!text) return;
  std::string_view rest = *text;
  std::vector<unsigned> cpus;
  while (true) {
    const std::size_t comma = rest.find(',');
    const auto range = read_cpu_range(item, rest.substr(0, comma));
    if (!range) return;
    for (std::uint64_t cpu = range->least; cpu <= range->most; ++cpu) {
      if (std::ranges::find(cpus, cpu) != cpus.end()) {
        return item.refuse("CPU " + std::to_string(cpu) + " is named twice", "name each CPU once");
      }
      cpus.push_back(static_cast<unsigned>(cpu));
    }
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  startup.cpus = std::move(cpus);
}

void check_queues(const Item& item, const StartupConfig& startup) {
  // As many as there are CPUs is at least one; of more, as many as have queues (count_workers()).
  const unsigned workers = std::max(startup.workers, 1U);
  if (startup.queue + workers * kQueuesPerWorker <= kQueueNumbers) return;
  item.refuse("the queues of " + std::to_string(workers) +
                  (workers == 1 ? " worker, three, from " : " workers, three each, from ") +
                  std::to_string(startup.queue) + " on, end beyond 65535",
              "set a lower director.capture.queue");
}

SteeringPrefix steering_prefix(const std::vector<VirtualService>& services) {
  SteeringPrefix prefix;
  for (const VirtualService& service : services) {
    if (!service.persistence) continue;
    const bool v4 = service.key.listen.address.is_v4();
    std::uint8_t& shortest = v4 ? prefix.v4 : prefix.v6;
    const std::uint8_t netmask =
        goes_by_address(*service.persistence) ? service.persistence->netmask : std::uint8_t{0};
    shortest = std::min(shortest, netmask);
  }
  return prefix;
}

std::vector<Problem> check_steering(const Config& config) {
  std::vector<Problem> found;
  if (config.startup.workers == 1) return found;
  for (std::size_t i = 0; i < config.services.size(); ++i) {
    const auto& persistence = config.services[i].persistence;
    if (!persistence || (goes_by_address(*persistence) && persistence->netmask != 0)) continue;
    const bool v4 = config.services[i].key.listen.address.is_v4();
    const std::string path = step(step("services", i), "persistence");
    found.push_back({0, 0, path,
                     std::string(goes_by_address(*persistence) ? "netmask 0" : "the SIP engine") +
                         " keeps all clients together, so that one worker serves all of " +
                         (v4 ? "IPv4" : "IPv6"),
                     goes_by_address(*persistence) ? "set a longer netmask, or 'workers: 1'"
                                                   : "set 'workers: 1'"});
  }
  return found;
}

}  // namespace lvsd
