// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "lvsd/config/load.h"
#include "lvsd/config/services.h"
#include "lvsd/config/yaml_text.h"
#include "lvsd/ctl/convert.h"

namespace lvsd::ctl {
namespace {

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

Converted ipvsadm_to_lvsd(std::string_view text) { return rules_to_lvsd(read_rules(text)); }

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
