// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/realserver/persist.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>

namespace lvsd::realserver {
namespace {

constexpr const char* kMade =
    "# Made by lvsctl realserver; lvsctl realserver undo takes it away.\n";

bool is_plain(std::string_view word) {
  return !word.empty() && word.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                              "_./:=@+,-") == std::string_view::npos;
}

std::string joined(const std::vector<std::string>& words,
                   std::string (*quote)(const std::string&)) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : " ") + (is_plain(word) ? word : quote(word));
  }
  return text;
}

std::string quote_for_shell(const std::string& word) {
  std::string text = "'";
  for (const char one : word) text += one == '\'' ? std::string("'\\''") : std::string(1, one);
  return text + "'";
}

Step file(const std::string& root, const std::string& path, std::string text) {
  Step step{.kind = StepKind::file,
            .what = root + path,
            .value = std::move(text),
            .before = {},
            .apply = {},
            .undo = {},
            .why = "brings it back after a reboot"};
  std::ifstream old(step.what);
  step.before.assign(std::istreambuf_iterator<char>(old), std::istreambuf_iterator<char>());
  step.done = step.before == step.value;
  return step;
}

std::string settings(const Plan& plan) {
  std::string text = kMade;
  for (const Step& step : plan.steps) {
    if (step.kind == StepKind::sysctl) text += step.what + " = " + step.value + "\n";
  }
  return text;
}

// lvsctl itself, at boot: whatever the host's network is configured by.
std::string apply_unit(const std::vector<std::string>& again) {
  return std::string(kMade) +
         "[Unit]\nDescription=What a real server of lvsd needs\n"
         "Documentation=man:lvsctl(8)\nWants=network-online.target\nAfter=network-online.target\n\n"
         "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=" +
         joined(again, quote_for_systemd) +
         "\n"
         // The decapsulator that it starts goes on by itself.
         "KillMode=process\n\n[Install]\nWantedBy=multi-user.target\n";
}

std::string decap_unit(const Step& step) {
  return std::string(kMade) +
         "[Unit]\nDescription=The end of lvsd's tunnels\nDocumentation=man:lvsd-decap(8)\n"
         "After=network.target\n\n[Service]\nType=notify\nExecStart=" +
         joined(step.undo, quote_for_systemd) +
         "\nRestart=on-failure\n\n[Install]\nWantedBy=multi-user.target\n";
}

// networkd keeps the addresses of lo, and routing rules, in files of its own.
std::string loopback_network(const Plan& plan) {
  std::string text = std::string(kMade) + "[Match]\nName=lo\n\n[Network]\n";
  bool any = false;
  for (const Step& step : plan.steps) {
    if (step.kind != StepKind::command || step.apply.size() < 6) continue;
    if (step.apply[1] != "addr" || step.apply[2] != "add" || step.apply[5] != "lo") continue;
    text += "Address=" + step.apply[3] + "\n";
    any = true;
  }
  return any ? text : std::string();
}

// The interface that has to be up for a step: that of a route, or whose own address it takes away.
// All else, the devices of tunnels included, needs none and is hung on lo, which is always brought
// up.
std::string interface_for(const Step& step) {
  const auto& words = step.apply;
  const auto device = std::find(words.begin(), words.end(), "dev");
  const bool own = step.kind == StepKind::command &&
                   (std::find(words.begin(), words.end(), "route") != words.end() ||
                    std::find(words.begin(), words.end(), "del") != words.end());
  return own && device != words.end() && device + 1 != words.end() ? *(device + 1) : "lo";
}

// A hook of ifup's. What is there already when an interface is brought up again is no mistake.
std::string if_up_script(const Plan& plan) {
  std::map<std::string, std::string> by_interface;
  for (const Step& step : plan.steps) {
    if (step.kind != StepKind::command && step.kind != StepKind::decapsulator) continue;
    by_interface[interface_for(step)] +=
        "    " + joined(step.apply, quote_for_shell) + " || true\n";
  }
  std::string text = std::string("#!/bin/sh\n") + kMade + "case \"$IFACE\" in\n";
  for (const auto& [interface, commands] : by_interface) {
    text += "  " + joined({interface}, quote_for_shell) + ")\n" + commands + "    ;;\n";
  }
  return text + "esac\n";
}

bool has_other_commands(const Plan& plan) {
  for (const Step& step : plan.steps) {
    if (step.kind != StepKind::command) continue;
    if (step.apply.size() < 6 || step.apply[1] != "addr" || step.apply[5] != "lo") return true;
  }
  return false;
}

}  // namespace

std::string quote_for_systemd(const std::string& word) {
  if (is_plain(word)) return word;
  std::string text = "\"";
  for (const char one : word) {
    if (one == '"' || one == '\\') text += '\\';
    if (one == '%' || one == '$') text += one;
    text += one == '\n' ? std::string("\\n") : std::string(1, one);
  }
  return text + "\"";
}

std::optional<Persistence> parse_persistence(std::string_view name) {
  if (name == "systemd") return Persistence::systemd;
  if (name == "networkd") return Persistence::networkd;
  if (name == "ifupdown") return Persistence::ifupdown;
  return std::nullopt;
}

std::vector<Step> persist(const Plan& plan, Persistence how, const std::string& root,
                          const std::vector<std::string>& again) {
  const std::string units = "/etc/systemd/system/";
  std::vector<Step> files;
  if (how == Persistence::systemd || (how == Persistence::networkd && has_other_commands(plan))) {
    files.push_back(file(root, units + "lvsd-realserver.service", apply_unit(again)));
    if (how == Persistence::systemd) return files;
  }
  files.push_back(file(root, "/etc/sysctl.d/60-lvsd-realserver.conf", settings(plan)));
  if (how == Persistence::ifupdown) {
    files.push_back(file(root, "/etc/network/if-up.d/lvsd-realserver", if_up_script(plan)));
    return files;
  }
  if (std::string text = loopback_network(plan); !text.empty()) {
    files.push_back(
        file(root, "/etc/systemd/network/60-lvsd-realserver-lo.network", std::move(text)));
  }
  for (const Step& step : plan.steps) {
    // The unit that applies the plan starts the decapsulator itself.
    if (step.kind != StepKind::decapsulator || has_other_commands(plan)) continue;
    files.push_back(file(root, units + "lvsd-decap-realserver.service", decap_unit(step)));
  }
  return files;
}

std::string activation(Persistence how) {
  switch (how) {
    case Persistence::systemd:
      return "now: systemctl enable lvsd-realserver.service";
    case Persistence::networkd:
      return "now: systemctl enable the units among these files; sysctl --system and networkctl "
             "reload read the others";
    case Persistence::ifupdown:
      return "run by ifup at the next boot";
  }
  return {};
}

}  // namespace lvsd::realserver
