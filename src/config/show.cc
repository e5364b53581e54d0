// SPDX-License-Identifier: GPL-2.0-or-later
// Config -> the file that gives it, with every default written out.
#include <array>

#include "lvsd/config/file.h"
#include "lvsd/config/health.h"
#include "lvsd/config/services.h"
#include "lvsd/config/yaml_text.h"

namespace lvsd {
namespace {

std::string_view boolean(bool value) { return value ? "true" : "false"; }

std::string show_announce(const Announce& announce) {
  if (!announce.enabled) return "false";
  std::string out = "{";
  if (!announce.interface.empty()) out += "interface: " + scalar(announce.interface) + ", ";
  const bool never = announce.defend == Duration::zero();
  return out + "defend: " + (never ? "never" : duration_text(announce.defend)) + "}";
}

std::string show_director(const ConfigFile& file) {
  const Config& config = file.config;
  const StartupConfig& startup = config.startup;
  std::string out = "director:\n";
  out += "  workers: " + (startup.workers == 0 ? "auto" : std::to_string(startup.workers)) + "\n";
  if (!startup.cpus.empty()) {
    out += "  cpus: ";
    for (std::size_t i = 0; i < startup.cpus.size(); ++i) {
      out += (i == 0 ? "" : ",") + std::to_string(startup.cpus[i]);
    }
    out += '\n';
  }
  out += "  overload: " + std::string(to_string(startup.overload)) + "\n";
  out += "  capture: {backend: " + std::string(to_string(startup.backend));
  out += ", stage: " + std::string(to_string(startup.stage));
  out += ", queue: " + std::to_string(startup.queue);
  out += ", queue_length: " + std::to_string(startup.queue_length);
  out += ", queue_bypass: " + std::string(boolean(startup.queue_bypass));
  out += ", super_packets: " + std::string(boolean(startup.super_packets));
  out += ", probe_marks: " + std::to_string(startup.probe_marks) + "}\n";
  out += "  announce: " + show_announce(config.announce) + "\n";
  out += "  connections: {limit: " + std::to_string(startup.connection_limit) + "}\n";
  const RecorderLimits& recorder = config.recorder;
  out += "  recorder: {drops: " + std::to_string(recorder.drops);
  out += ", bytes: " + std::to_string(recorder.bytes);
  out += ", decisions: " + std::to_string(recorder.decisions) + "}\n";
  out += "  metrics: " + (file.metrics ? scalar(to_string(*file.metrics)) : "false") + "\n";
  return out;
}

// `method` is what the service says; only a destination that differs says so itself.
void show_destination(std::string& out, const VirtualService& service,
                      const Destination& destination, const ForwardingMethod& method,
                      const ServiceHealth* health, std::string_view before = "      - ") {
  const bool own_port = destination.endpoint.port != service.key.listen.port;
  out.append(before).append("{address: ");
  out +=
      scalar(own_port ? to_string(destination.endpoint) : to_string(destination.endpoint.address));
  out += ", weight: " + std::to_string(destination.weight.value());
  if (destination.method.index() != method.index()) {
    out += ", method: " + std::string(to_string(destination.method));
  }
  const Tunnel* const tunnel = std::get_if<Tunnel>(&destination.method);
  const Tunnel* const inherited = std::get_if<Tunnel>(&method);
  if (tunnel != nullptr && *tunnel != (inherited != nullptr ? *inherited : Tunnel{})) {
    out += ", tunnel: " + tunnel_text(*tunnel);
  }
  if (destination.drain) out += ", state: " + drain_text(*destination.drain);
  if (destination.thresholds != Thresholds{}) {
    out += ", thresholds: {upper: " + std::to_string(destination.thresholds.upper);
    out += ", lower: " + std::to_string(destination.thresholds.lower) + "}";
  }
  const Health* const check = health != nullptr ? health->of(destination.endpoint) : nullptr;
  if (health != nullptr && check != (health->health ? &*health->health : nullptr)) {
    out += ", health: " + (check != nullptr ? show_check(*check) : "off");
  }
  out += "}\n";
}

std::string show_scheduler(const VirtualService& service) {
  const std::string name(to_string(service.scheduler));
  if (!takes_flags(service.scheduler)) return name;
  std::string out = "{name: " + name;
  out += ", fallback: " + std::string(boolean(service.scheduler_flags.fallback));
  return out + ", port: " + std::string(boolean(service.scheduler_flags.port)) + "}";
}

std::string show_key(const ServiceKey& key) {
  if (!key.is_by_mark()) return "    listen: " + scalar(to_string(key)) + "\n";
  return "    fwmark: " + std::to_string(key.mark) +
         "\n    family: " + (key.listen.address.is_v4() ? "ipv4" : "ipv6") + "\n";
}

std::string show_settings(const VirtualService& service) {
  std::string out;
  if (const auto& persistence = service.persistence) {
    out += "    persistence: {timeout: " + duration_text(persistence->timeout);
    out += ", netmask: " + std::to_string(persistence->netmask);
    if (persistence->engine == PersistenceEngine::sip) out += ", engine: sip";
    out += "}\n";
  }
  if (service.one_packet) out += "    one_packet: true\n";
  if (service.hairpin) {
    out += "    hairpin: {masquerade: " + scalar(to_string(*service.hairpin)) + "}\n";
  }
  std::string timeouts;
  const auto add = [&timeouts](std::string_view key, const std::optional<Duration>& value) {
    if (!value) return;
    timeouts += (timeouts.empty() ? "" : ", ") + std::string(key) + ": " + duration_text(*value);
  };
  add("tcp", service.timeouts.tcp);
  add("tcp_fin", service.timeouts.tcp_fin);
  add("udp", service.timeouts.udp);
  if (!timeouts.empty()) out += "    timeouts: {" + timeouts + "}\n";
  return out;
}

// A service's own method lives on in its destinations alone: the first one's stands for it.
void show_service(std::string& out, const VirtualService& service, const ServiceHealth* health) {
  const ForwardingMethod method =
      service.destinations.empty() ? ForwardingMethod{} : service.destinations.front().method;
  out += "  - name: " + scalar(service.name) + "\n";
  out += show_key(service.key);
  out += "    method: " + std::string(to_string(method)) + "\n";
  if (const Tunnel* const tunnel = std::get_if<Tunnel>(&method)) {
    out += "    tunnel: " + tunnel_text(*tunnel) + "\n";
  }
  if (service.oversize != Oversize::split) {
    out += "    oversize: " + std::string(to_string(service.oversize)) + '\n';
  }
  out += "    scheduler: " + show_scheduler(service) + "\n";
  if (service.key.protocol == ServiceProtocol::tcp) {
    out += "    helper: " + std::string(to_string(service.helper)) + "\n";
  }
  out += show_settings(service);
  if (health != nullptr) out += show_health(*health, "    ");
  if (health != nullptr && health->sorry_server) {
    show_destination(out, service, *health->sorry_server, method, nullptr, "    sorry_server: ");
  }
  out += service.destinations.empty() ? "    destinations: []\n" : "    destinations:\n";
  for (const Destination& destination : service.destinations) {
    show_destination(out, service, destination, method, health);
  }
}

// An option of ours that the kernel has not is left out: it has no other value to write down.
std::string show_ipvs(const IpvsOptions& ipvs) {
  constexpr std::array<std::string_view, 3> kModes{"off", "auto", "on"};
  std::string out = "ipvs:\n";
  const auto add = [&out](std::string_view key, std::string_view value) {
    out.append("  ").append(key).append(": ").append(value).append("\n");
  };
  const auto mode = [&](DefenceMode value) { return kModes[static_cast<std::size_t>(value)]; };
  if (ipvs.expire_nodest_conn) add("expire_nodest_conn", boolean(*ipvs.expire_nodest_conn));
  add("expire_quiescent_template", boolean(ipvs.expire_quiescent_template));
  add("conn_reuse_mode", std::to_string(ipvs.conn_reuse_mode));
  add("sloppy_tcp", boolean(ipvs.sloppy_tcp));
  add("sloppy_sctp", boolean(ipvs.sloppy_sctp));
  add("schedule_icmp", boolean(ipvs.schedule_icmp));
  add("cache_bypass", boolean(ipvs.cache_bypass));
  add("nat_icmp_send", boolean(ipvs.nat_icmp_send));
  add("snat_reroute", boolean(ipvs.snat_reroute));
  add("drop_entry", mode(ipvs.drop_entry));
  add("drop_packet", mode(ipvs.drop_packet));
  add("secure_tcp", mode(ipvs.secure_tcp));
  add("amemthresh", std::to_string(ipvs.amemthresh));
  add("am_droprate", std::to_string(ipvs.am_droprate));
  add("lblc_expiration", duration_text(ipvs.lblc_expiration));
  add("lblcr_expiration", duration_text(ipvs.lblcr_expiration));
  return out;
}

}  // namespace

std::string show_config(const Config& config) { return show_file({config, {}}); }

std::string show_file(const ConfigFile& file) {
  const Config& config = file.config;
  const Timeouts& timeouts = config.timeouts;
  std::string out = show_director(file);
  out += "timeouts: {tcp: " + duration_text(timeouts.tcp);
  out += ", tcp_fin: " + duration_text(timeouts.tcp_fin);
  out += ", udp: " + duration_text(timeouts.udp) + "}\n";
  out += show_ipvs(config.ipvs);
  out += config.services.empty() ? "services: []\n" : "services:\n";
  const HealthIndex checks(file.health);
  for (const VirtualService& service : config.services) {
    show_service(out, service, checks.find(service.key));
  }
  return out;
}

}  // namespace lvsd
