// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl: the table of commands, and nothing else. Offline commands need no daemon, root or
// network; live ones speak to the daemon's control socket.
#include <algorithm>
#include <array>
#include <exception>
#include <iostream>
#include <numeric>
#include <string_view>
#include <utility>

#include "lvsd/ctl/commands.h"

namespace {

struct Command {
  std::string_view name;
  int (*run)(const lvsd::ctl::Words&);
  std::string_view summary;
};
constexpr std::array kCommands{
    Command{"replay", lvsd::ctl::replay, "run the director on a capture and compare what it emits"},
    Command{"check", lvsd::ctl::check, "validate a configuration file"},
    Command{"convert", lvsd::ctl::convert, "rules of ipvsadm, keepalived, ldirectord to lvsd.yaml"},
    Command{"explain", lvsd::ctl::explain, "what becomes of a packet, and why"},
    Command{"plan", lvsd::ctl::plan, "what a reload would do, and to which connections"},
    Command{"list", lvsd::ctl::list, "services and destinations, as ipvsadm -Ln shows them"},
    Command{"top", lvsd::ctl::top, "a live view of rates, connections and reasons"},
    Command{"status", lvsd::ctl::status, "how the daemon is: counters, reasons, workers"},
    Command{"rules", lvsd::ctl::rules, "the capture rules of the daemon"},
    Command{"network", lvsd::ctl::network, "the network as the daemon sees it"},
    Command{"health", lvsd::ctl::health, "what the checks of destinations found out"},
    Command{"zero", lvsd::ctl::zero, "set counters and rates to zero"},
    Command{"doctor", lvsd::ctl::doctor,
            "test everything with real packets, and name what is wrong"},
    Command{"realserver", lvsd::ctl::realserver, "set a real server up: plan, apply, check, undo"},
    Command{"trace", lvsd::ctl::trace, "explain packets as they pass"},
    Command{"capture", lvsd::ctl::capture, "write packets with their reasons as pcapng"},
    Command{"drain", lvsd::ctl::drain, "give a destination no new connections"},
    Command{"undrain", lvsd::ctl::undrain, "end a drain"},
    Command{"weight", lvsd::ctl::weight, "give a destination another weight than the file"},
    Command{"drift", lvsd::ctl::drift, "what was changed at run time and is not in the file"},
    Command{"reload", lvsd::ctl::reload, "read the configuration again, and wait for the result"},
};

void print_usage(std::ostream& out) {
  out << "usage: lvsctl COMMAND [option ...]\n\n";
  for (const Command& command : kCommands) {
    out << "  " << command.name << std::string(12 - command.name.size(), ' ') << command.summary
        << "\n";
  }
  out << "\nlvsctl COMMAND --help says more, lvsctl --version which release this is; see "
         "lvsctl(8).\n";
}

// Levenshtein distance: insertions, deletions and replacements from `a` to `b`.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row[b.size()];
}

int unknown(std::string_view word) {
  const auto nearest = std::min_element(kCommands.begin(), kCommands.end(),
                                        [word](const Command& a, const Command& b) {
                                          return distance(word, a.name) < distance(word, b.name);
                                        });
  std::cerr << "lvsctl: there is no command " << word;
  if (distance(word, nearest->name) <= 2) std::cerr << "; did you mean " << nearest->name << "?";
  std::cerr << "\n";
  return lvsd::ctl::kUsage;
}

int run(const lvsd::ctl::Words& words) {
  if (words.empty()) {
    print_usage(std::cerr);
    return lvsd::ctl::kUsage;
  }
  const std::string& word = words.front();
  if (word == "--help" || word == "-h" || word == "help") {
    print_usage(std::cout);
    return lvsd::ctl::kFine;
  }
  if (word == "--version") {
    std::cout << "lvsctl " << LVSD_VERSION << "\n";
    return lvsd::ctl::kFine;
  }
  for (const Command& command : kCommands) {
    if (command.name == word) return command.run({words.begin() + 1, words.end()});
  }
  return unknown(word);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {  // out of memory and the like: nothing else throws
    std::cerr << "lvsctl: " << error.what() << "\n";
    return lvsd::ctl::kNo;
  }
}
