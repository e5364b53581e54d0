// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/realserver/persist.h"

#include <algorithm>
#include <array>
#include <map>

#include "lvsd/io/text_file.h"

namespace lvsd::realserver {
namespace {

constexpr const char* kApplyUnit = "/etc/systemd/system/lvsd-realserver.service";
constexpr const char* kDecapUnit = "/etc/systemd/system/lvsd-decap-realserver.service";
constexpr const char* kSettings = "/etc/sysctl.d/60-lvsd-realserver.conf";
constexpr const char* kLoopback = "/etc/systemd/network/60-lvsd-realserver-lo.network";
constexpr const char* kIfUp = "/etc/network/if-up.d/lvsd-realserver";

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
  step.before = read_text_file(step.what).value_or("");
  step.done = step.before == step.value;
  return step;
}

std::string settings(const Lasting& lasting) {
  std::string text = kMade;
  for (const Step& step : lasting.steps) {
    if (step.kind == StepKind::sysctl) text += step.what + " = " + step.value + "\n";
  }
  return text;
}

// lvsctl itself, at boot: whatever the host's network is configured by.
std::string apply_unit(const Lasting& lasting) {
  std::string text =
      std::string(kMade) +
      "[Unit]\nDescription=What a real server of lvsd needs\n"
      "Documentation=man:lvsctl(8)\nWants=network-online.target\nAfter=network-online.target\n\n"
      "[Service]\nType=oneshot\nRemainAfterExit=yes\n";
  // One that fails must not keep the others from their addresses; only the last one's failure is
  // the unit's, the rest is in the journal.
  for (const auto& command : lasting.commands) {
    text += &command == &lasting.commands.back() ? "ExecStart=" : "ExecStart=-";
    text += joined(command, quote_for_systemd) + "\n";
  }
  // The decapsulator that it starts goes on by itself.
  return text + "KillMode=process\n\n[Install]\nWantedBy=multi-user.target\n";
}

std::string decap_unit(const Step& step) {
  return std::string(kMade) +
         "[Unit]\nDescription=The end of lvsd's tunnels\nDocumentation=man:lvsd-decap(8)\n"
         "After=network.target\n\n[Service]\nType=notify\nExecStart=" +
         joined(step.undo, quote_for_systemd) +
         "\nRestart=on-failure\n\n[Install]\nWantedBy=multi-user.target\n";
}

// networkd keeps the addresses of lo, and routing rules, in files of its own.
std::string loopback_network(const Lasting& lasting) {
  std::string text = std::string(kMade) + "[Match]\nName=lo\n\n[Network]\n";
  bool any = false;
  for (const Step& step : lasting.steps) {
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
std::string if_up_script(const Lasting& lasting) {
  std::map<std::string, std::string> by_interface;
  for (const Step& step : lasting.steps) {
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

bool has_other_commands(const Lasting& lasting) {
  for (const Step& step : lasting.steps) {
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

std::vector<Step> persist(const Lasting& lasting, Persistence how, const std::string& root) {
  std::vector<Step> files;
  const bool others = has_other_commands(lasting);
  if (how == Persistence::systemd || (how == Persistence::networkd && others)) {
    files.push_back(file(root, kApplyUnit, apply_unit(lasting)));
    if (how == Persistence::systemd) return files;
  }
  files.push_back(file(root, kSettings, settings(lasting)));
  if (how == Persistence::ifupdown) {
    files.push_back(file(root, kIfUp, if_up_script(lasting)));
    return files;
  }
  if (std::string text = loopback_network(lasting); !text.empty()) {
    files.push_back(file(root, kLoopback, std::move(text)));
  }
  for (const Step& step : lasting.steps) {
    // The unit that applies the plan starts the decapsulator itself.
    if (step.kind != StepKind::decapsulator || others) continue;
    files.push_back(file(root, kDecapUnit, decap_unit(step)));
  }
  return files;
}

bool is_persisted(const std::string& path, const std::string& root) {
  constexpr std::array kAll{kApplyUnit, kDecapUnit, kSettings, kLoopback, kIfUp};
  return std::any_of(kAll.begin(), kAll.end(), [&](const char* one) { return path == root + one; });
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
