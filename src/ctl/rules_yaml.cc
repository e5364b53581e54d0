// SPDX-License-Identifier: GPL-2.0-or-later
// Rules -> lvsd.yaml, whatever language they were written in.
#include <algorithm>
#include <map>
#include <tuple>

#include "lvsd/config/load.h"
#include "lvsd/config/services.h"
#include "lvsd/config/yaml_text.h"
#include "lvsd/ctl/convert.h"

namespace lvsd::ctl {
namespace {

std::string seconds(std::uint32_t count) { return std::to_string(count) + "s"; }

// A flag of sh or mh as lvsd.yaml calls it, by the scheduler's word or by number (reference section
// 2.6); empty where it is none.
std::string_view flag_key(std::string_view scheduler, std::string_view flag) {
  if (scheduler != "sh" && scheduler != "mh") return {};
  const std::string prefix = std::string(scheduler) + "-";
  if (flag == prefix + "fallback" || flag == "flag-1") return "fallback";
  if (flag == prefix + "port" || flag == "flag-2") return "port";
  return {};
}

std::string scheduler_value(const RuleService& service) {
  if (service.flags.empty()) return scalar(service.scheduler);
  std::string out = "{name: " + scalar(service.scheduler);
  for (const std::string& flag : service.flags) {
    out += ", " + std::string(flag_key(service.scheduler, flag)) + ": true";
  }
  return out + "}";
}

// What this version's file has no place for; empty where there is nothing of the kind.
std::string no_place(const RuleService& service) {
  if (!service.engine.empty() && service.engine != "sip") {
    return "there is no persistence engine " + service.engine;
  }
  for (const std::string& flag : service.flags) {
    if (flag_key(service.scheduler, flag).empty()) {
      return "the scheduler " + service.scheduler + " has no flag " + flag;
    }
  }
  return {};
}

std::string_view method_word(char letter) {
  return letter == 'i' ? "tun" : letter == 'm' ? "nat" : "dr";
}

std::string listen_line(const RuleService& service) {
  if (service.protocol.empty()) {
    const std::string family = service.ipv6_mark ? "\n    family: ipv6" : "";
    return "fwmark: " + std::to_string(service.mark) + family;
  }
  const bool any_port = service.listen.port == Port();
  const std::string where =
      any_port ? to_string(service.listen.address) : to_string(service.listen);
  return "listen: " + scalar(where + "/" + service.protocol);
}

// What ip_vs_ftp does in a kernel that has it loaded; rules do not say whether it is. It is the
// default, and written all the same, for those whose kernel did without.
bool has_ftp_helper(const RuleService& service) {
  constexpr Port kFtpPort{std::uint16_t{21}};
  return service.protocol == "tcp" && service.listen.port == kFtpPort &&
         std::any_of(service.destinations.begin(), service.destinations.end(),
                     [](const RuleDestination& each) { return each.method == 'm'; });
}

// A service's lines before its destinations. Its method is that of the first of them, so that the
// others need to say only what differs.
std::string head(const RuleService& service, char method) {
  std::string out = "  - " + listen_line(service) + "\n";
  out += "    method: " + std::string(method_word(method)) + "\n";
  out += "    scheduler: " + scheduler_value(service) + "\n";
  if (has_ftp_helper(service)) out += "    helper: ftp\n";
  if (service.persistence) {
    out += "    persistence: {timeout: " + seconds(*service.persistence);
    out += ", netmask: " + std::to_string(service.netmask);
    out += service.engine.empty() ? "}\n" : ", engine: " + scalar(service.engine) + "}\n";
  }
  if (service.one_packet) out += "    one_packet: true\n";
  return out;
}

std::string address_text(const RuleService& service, const RuleDestination& destination) {
  const Endpoint& endpoint = destination.endpoint;
  const bool own_port =
      destination.method == 'm' && endpoint.port != Port() && endpoint.port != service.listen.port;
  return own_port ? to_string(endpoint) : to_string(endpoint.address);
}

std::string item(const RuleService& service, const RuleDestination& destination, char method) {
  std::string out = "      - {address: " + scalar(address_text(service, destination));
  out += ", weight: " + std::to_string(destination.weight);
  if (destination.upper_threshold != 0) {
    out += ", thresholds: {upper: " + std::to_string(destination.upper_threshold);
    if (destination.lower_threshold != 0) {
      out += ", lower: " + std::to_string(destination.lower_threshold);
    }
    out += "}";
  }
  if (destination.method != method) {
    out += ", method: " + std::string(method_word(destination.method));
  }
  if (destination.method == 'i' && destination.tunnel != Tunnel{}) {
    out += ", tunnel: " + tunnel_text(destination.tunnel);
  }
  return out;
}

// Why the loader will not have this file; empty where it will.
std::string objection(const std::string& yaml) {
  const auto config = parse_config(yaml);
  return config ? std::string() : config.error().list.front().what;
}

class YamlWriter {
 public:
  explicit YamlWriter(Rules rules) : rules_(std::move(rules)) {
    out_.left_out = std::move(rules_.remarks);
  }

  Converted write() {
    write_timeouts();
    std::string services;
    for (const RuleService& service : rules_.services) services += write_service(service);
    out_.text += services.empty() ? "services: []\n" : "services:\n" + services;
    std::stable_sort(out_.left_out.begin(), out_.left_out.end(),
                     [](const Remark& a, const Remark& b) {
                       return std::tie(a.file, a.line, a.what) < std::tie(b.file, b.line, b.what);
                     });
    // A group of services says the same of each.
    const auto same = std::unique(out_.left_out.begin(), out_.left_out.end());
    out_.left_out.erase(same, out_.left_out.end());
    return std::move(out_);
  }

 private:
  void write_timeouts() {
    const RuleTimeouts& timeouts = rules_.timeouts;
    std::string list;
    const auto add = [&list](std::string_view key, std::uint32_t value) {
      if (value == 0) return;
      list += (list.empty() ? "" : ", ") + std::string(key) + ": " + seconds(value);
    };
    add("tcp", timeouts.tcp);
    add("tcp_fin", timeouts.tcp_fin);
    add("udp", timeouts.udp);
    if (list.empty()) return;
    const std::string line = "timeouts: {" + list + "}\n";
    if (leave_out(timeouts, objection(line + "services: []\n"))) return;
    out_.text += line;
  }

  std::string write_service(const RuleService& service) {
    const auto& all = service.destinations;
    const char method = all.empty() ? 'g' : all.front().method;
    std::string out = head(service, method);
    std::string why = no_place(service);
    if (why.empty()) why = objection_to(service, method);
    if (why.empty()) why = repetition(service);
    if (leave_out(service, why)) {
      for (const RuleDestination& destination : all) {
        leave_out(destination,
                  "its service, of line " + std::to_string(service.line) + ", is left out");
      }
      return {};
    }
    const std::string alone = "services:\n" + out + "    destinations:\n";
    std::vector<Item> items;
    for (const RuleDestination& destination : all) {
      const std::string line = item(service, destination, method);
      why = objection(alone + line + "}\n");
      if (!leave_out(destination, why)) {
        items.push_back({line, health_of(alone + line, destination)});
      }
    }
    const std::string list = write_items(items, out);  // puts what all share into `out`
    return write_extras(service, std::move(out), list);
  }

  // A destination's line without its closing brace, and its check.
  struct Item {
    std::string line, health;
  };

  // What the loader takes of the destination's check; empty: nothing.
  std::string health_of(const std::string& text, const RuleDestination& destination) {
    if (!destination.health) return {};
    const RuleExtra& health = *destination.health;
    const std::string why = objection(text + ", " + health.yaml + "}\n");
    if (leave_out(health, why.empty() ? why : health.what + ": " + why)) return {};
    return health.yaml;
  }

  // The list; a check that all have becomes the service's, and is added to `head`.
  static std::string write_items(const std::vector<Item>& items, std::string& head) {
    if (items.empty()) return "    destinations: []\n";
    const bool same = std::all_of(items.begin(), items.end(), [&](const Item& each) {
      return !each.health.empty() && each.health == items.front().health;
    });
    if (same) head += "    " + items.front().health + "\n";
    std::string out = "    destinations:\n";
    for (const Item& each : items) {
      out += each.line + (same || each.health.empty() ? "" : ", " + each.health) + "}\n";
    }
    return out;
  }

  // Behind the service's own lines, those of its extras that the loader takes with all the rest.
  std::string write_extras(const RuleService& service, std::string head, const std::string& list) {
    for (const RuleExtra& extra : service.extras) {
      const std::string line = "    " + extra.yaml + "\n";
      const std::string why = objection("services:\n" + head + line + list);
      if (!leave_out(extra, why.empty() ? why : extra.what + ": " + why)) head += line;
    }
    return head + list;
  }

  // Another service before it listens there too.
  std::string repetition(const RuleService& service) {
    const auto [first, fresh] = seen_.try_emplace(listen_line(service), service.line);
    return fresh ? "" : "the service exists, since line " + std::to_string(first->second);
  }

  static std::string objection_to(const RuleService& service, char method) {
    const auto judge = [method](const RuleService& judged) {
      return objection("services:\n" + head(judged, method) + "    destinations: []\n");
    };
    std::string why = judge(service);
    if (why.empty() || service.flags.empty()) return why;
    RuleService plain = service;
    plain.flags.clear();
    return judge(plain).empty() ? "scheduler flags (-b) are not in this version of lvsd" : why;
  }

  template <class Rule>
  bool leave_out(const Rule& rule, std::string why) {
    if (why.empty()) return false;
    out_.left_out.push_back({rule.line, std::move(why), rule.file});
    return true;
  }

  Rules rules_;
  Converted out_;
  std::map<std::string, std::size_t> seen_;
};

}  // namespace

Converted rules_to_lvsd(Rules rules) { return YamlWriter(std::move(rules)).write(); }

}  // namespace lvsd::ctl
