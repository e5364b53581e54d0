// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "lvsd/config/load.h"
#include "lvsd/config/services.h"
#include "lvsd/config/yaml_text.h"
#include "lvsd/ctl/convert.h"

namespace lvsd::ctl {
namespace {

// --- ipvsadm -> lvsd.yaml

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

std::string item(const RuleService& service, const RuleDestination& destination, char method) {
  const bool own_port = destination.method == 'm' && destination.endpoint.port != Port() &&
                        destination.endpoint.port != service.listen.port;
  const Endpoint& endpoint = destination.endpoint;
  std::string out = "      - {address: ";
  out += scalar(own_port ? to_string(endpoint) : to_string(endpoint.address));
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
  return out + "}\n";
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
                     [](const Remark& a, const Remark& b) { return a.line < b.line; });
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
    if (leave_out(timeouts.line, objection(line + "services: []\n"))) return;
    out_.text += line;
  }

  std::string write_service(const RuleService& service) {
    const auto& all = service.destinations;
    const char method = all.empty() ? 'g' : all.front().method;
    std::string out = head(service, method);
    std::string why = no_place(service);
    if (why.empty()) why = objection_to(service, method);
    if (leave_out(service.line, why)) {
      for (const RuleDestination& destination : all) {
        leave_out(destination.line,
                  "its service, of line " + std::to_string(service.line) + ", is left out");
      }
      return {};
    }
    const std::string alone = "services:\n" + out + "    destinations:\n";
    std::string list;
    for (const RuleDestination& destination : all) {
      const std::string line = item(service, destination, method);
      why = objection(alone + line);
      if (!leave_out(destination.line, why)) list += line;
    }
    return out + (list.empty() ? "    destinations: []\n" : "    destinations:\n" + list);
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

  bool leave_out(std::size_t line, std::string why) {
    if (why.empty()) return false;
    out_.left_out.push_back({line, std::move(why)});
    return true;
  }

  Rules rules_;
  Converted out_;
};

// --- lvsd.yaml -> ipvsadm

std::string key_words(const ServiceKey& key) {
  if (key.is_by_mark()) {
    return "-f " + std::to_string(key.mark) + (key.listen.address.is_v4() ? "" : " -6");
  }
  const std::string_view protocol = to_string(key.protocol);
  const std::string option = protocol == "tcp"   ? "-t"
                             : protocol == "udp" ? "-u"
                                                 : "--" + std::string(protocol) + "-service";
  return option + " " + to_string(key.listen);
}

std::string method_words(const ForwardingMethod& method) {
  const std::string_view name = to_string(method);
  return name == "tun" ? "-i" : name == "nat" ? "-m" : "-g";
}

std::string threshold_words(Thresholds thresholds) {
  if (thresholds == Thresholds{}) return {};
  return " -x " + std::to_string(thresholds.upper) + " -y " + std::to_string(thresholds.lower);
}

std::string tunnel_words(const ForwardingMethod& method) {
  const Tunnel* const tunnel = std::get_if<Tunnel>(&method);
  if (tunnel == nullptr) return {};
  std::string out = " --tun-type " + std::string(to_string(tunnel->encapsulation));
  if (tunnel->encapsulation == Encapsulation::gue) out += " --tun-port " + to_string(tunnel->port);
  if (tunnel->checksum == TunnelChecksum::present) out += " --tun-csum";
  if (tunnel->checksum == TunnelChecksum::remote) out += " --tun-remcsum";
  return out;
}

// A netmask as ipvsadm wants it: dotted for IPv4, a prefix length for IPv6.
std::string netmask_words(const VirtualService& service) {
  const unsigned length = service.persistence->netmask;
  if (!service.key.listen.address.is_v4()) {
    return length == 128 ? std::string() : " -M " + std::to_string(length);
  }
  if (length == 32) return {};
  const IpAddress all(0xff, 0xff, 0xff, 0xff);
  return " -M " + to_string(masked(all, static_cast<std::uint8_t>(length)));
}

std::string flag_words(const VirtualService& service) {
  const std::string name(to_string(service.scheduler));
  std::string list;
  if (service.scheduler_flags.fallback) list = name + "-fallback";
  if (service.scheduler_flags.port) list += (list.empty() ? "" : ",") + name + "-port";
  return list.empty() ? list : " -b " + list;
}

// Fractions of a second get lost here; says_all() then finds that the lines are not the service.
std::string settings_words(const VirtualService& service) {
  std::string out = flag_words(service);
  if (const auto& persistence = service.persistence) {
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(persistence->timeout);
    out += " -p " + std::to_string(whole.count()) + netmask_words(service);
    if (persistence->engine == PersistenceEngine::sip) out += " --pe sip";
  }
  if (service.one_packet) out += " -o";
  return out;
}

std::string rule_lines(const VirtualService& service) {
  const std::string key = key_words(service.key);
  std::string out = "-A " + key + " -s " + std::string(to_string(service.scheduler));
  out += settings_words(service) + "\n";
  for (auto each = service.destinations.rbegin(); each != service.destinations.rend(); ++each) {
    const std::string method = method_words(each->method);
    out += "-a " + key + " -r " + to_string(each->endpoint) + " " + method;
    out += " -w " + std::to_string(each->weight.value());
    out += threshold_words(each->thresholds) + tunnel_words(each->method) + "\n";
  }
  return out;
}

// Whether the lines say all that the service is: read back, they give it again.
bool says_all(const VirtualService& service, const std::string& lines) {
  const Converted back = ipvsadm_to_lvsd(lines);
  const auto config = parse_config(back.text);
  if (!config || config->services.size() != 1) return false;
  VirtualService same = config->services.front();
  same.name = service.name;
  return back.left_out.empty() && same == service;
}

// `ipvsadm --set`, where the timeouts are not ipvsadm's own; empty where they are.
std::string set_line(const Timeouts& timeouts, std::vector<Remark>& left_out) {
  if (timeouts == Timeouts{}) return {};
  std::string out = "--set";
  for (const Duration timeout : {timeouts.tcp, timeouts.tcp_fin, timeouts.udp}) {
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(timeout);
    if (whole != timeout) {
      left_out.push_back({0, "timeouts: " + duration_text(timeout) +
                                 " is not in whole seconds, which ipvsadm wants"});
      return {};
    }
    out += " " + std::to_string(whole.count());
  }
  return out + "\n";
}

}  // namespace

Converted ipvsadm_to_lvsd(std::string_view text) { return YamlWriter(read_rules(text)).write(); }

Converted lvsd_to_ipvsadm(const Config& config) {
  Converted out;
  out.text = set_line(config.timeouts, out.left_out);
  for (const VirtualService& service : config.services) {
    const std::string lines = rule_lines(service);
    if (says_all(service, lines)) {
      out.text += lines;
    } else {
      out.left_out.push_back({0, "service " + service.name + ": has what ipvsadm cannot say"});
    }
  }
  return out;
}

}  // namespace lvsd::ctl
