// SPDX-License-Identifier: GPL-2.0-or-later
// What a large configuration costs: config_scale [SERVICES DESTINATIONS] makes a file of so many
// services with so many destinations each (10,000 with 10 where nothing is said), reads it with
// yaml-cpp alone and as lvsd does, in turns, and then takes one changed weight through all that a
// reload does but for the kernel. CPU time, so that other load of the machine does not count.
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>

#include "lvsd/config/diff.h"
#include "lvsd/config/load.h"
#include "lvsd/director/director.h"
#include "lvsd/io/capture_rules.h"

namespace {

using namespace lvsd;  // NOLINT: a program of one file

std::string octets(unsigned first, unsigned number) {
  return std::to_string(first + number / 62500) + '.' + std::to_string(number / 250 % 250) + '.' +
         std::to_string(number % 250 + 1);
}

std::string configuration(unsigned services, unsigned each) {
  std::string text = "director: {announce: false}\nservices:\n";
  unsigned number = 0;
  for (unsigned service = 0; service < services; ++service) {
    text += "  - name: s" + std::to_string(service) + "\n    listen: 10." + octets(100, service) +
            ":80/tcp\n    method: nat\n    scheduler: wlc\n    destinations:\n";
    for (unsigned i = 0; i < each; ++i) {
      text += "      - {address: 10." + octets(0, number++) + ":8080, weight: 1}\n";
    }
  }
  return text;
}

template <class Work>
double seconds(Work&& work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

double resident_megabytes() {
  std::ifstream file("/proc/self/statm");
  double all = 0, pages = 0;
  file >> all >> pages;
  return pages * 4096 / 1e6;
}

int read_in_turns(const std::string& text) {
  double alone = 1e9, ours = 1e9;
  for (int round = 0; round < 3; ++round) {
    alone = std::min(alone, seconds([&] { YAML::Load(text); }));
    bool good = false;
    ours = std::min(ours, seconds([&] { good = parse_config(text).has_value(); }));
    if (!good) return 1;
  }
  std::printf("read and checked: %.0f ms, by yaml-cpp alone %.0f ms: %.2f times\n", ours * 1e3,
              alone * 1e3, ours / alone);
  return ours <= 1.5 * alone ? 0 : 1;
}

void change_one(const Config& config) {
  Config next = config;
  VirtualService& service = next.services[next.services.size() / 2];
  service.destinations.front().weight = Weight(3);
  Emissions out;
  Director director({}, std::make_shared<const Network>(Network::assumed()));
  const double filled = resident_megabytes();
  const double first = seconds([&] { director.apply(diff({}, config), TimePoint{}, out); });
  std::printf("a worker takes all: %.1f ms, %.0f MB\n", first * 1e3, resident_megabytes() - filled);
  Changes changes;
  std::printf("one weight changed: diff %.1f ms, ",
              seconds([&] { changes = diff(config, next); }) * 1e3);
  std::printf("a worker takes it %.2f ms, ",
              seconds([&] { director.apply(changes, TimePoint{}, out); }) * 1e3);
  std::printf("capture plan %.1f ms, ", seconds([&] { make_capture_plan(next); }) * 1e3);
  std::printf("snapshot %.1f ms\n", seconds([&] { director.snapshot(); }) * 1e3);
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i, unsigned otherwise) {
    return argc > i ? static_cast<unsigned>(std::strtoul(argv[i], nullptr, 10)) : otherwise;
  };
  const std::string text = configuration(number(1, 10000), number(2, 10));
  const double before = resident_megabytes();
  const auto config = parse_config(text);
  if (!config) {
    std::fputs("config_scale: the configuration is refused\n", stderr);
    return 1;
  }
  std::printf("%.1f MB of YAML, %.0f MB in memory\n", static_cast<double>(text.size()) / 1e6,
              resident_megabytes() - before);
  change_one(*config);
  return read_in_turns(text);
}
