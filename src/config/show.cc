// SPDX-License-Identifier: GPL-2.0-or-later
// Config -> the file that gives it, with every default written out.
#include "lvsd/config/load.h"
#include "lvsd/config/services.h"
#include "lvsd/config/yaml_text.h"

namespace lvsd {
namespace {

std::string_view boolean(bool value) { return value ? "true" : "false"; }

std::string show_announce(const Announce& announce) {
  if (!announce.enabled || announce.interface.empty())
    return std::string(boolean(announce.enabled));
  return "{interface: " + scalar(announce.interface) + "}";
}

std::string show_director(const Config& config) {
  const StartupConfig& startup = config.startup;
  std::string out = "director:\n";
  out += "  workers: " + std::to_string(startup.workers) + "\n";
  out += "  capture: {backend: " + std::string(to_string(startup.backend));
  out += ", stage: " + std::string(to_string(startup.stage));
  out += ", queue: " + std::to_string(startup.queue);
  out += ", queue_bypass: " + std::string(boolean(startup.queue_bypass)) + "}\n";
  out += "  announce: " + show_announce(config.announce) + "\n";
  out += "  connections: {limit: " + std::to_string(startup.connection_limit) + "}\n";
  return out;
}

// `method` is what the service says; only a destination that differs says so itself.
void show_destination(std::string& out, const VirtualService& service,
                      const Destination& destination, const ForwardingMethod& method) {
  const bool own_port = destination.endpoint.port != service.key.listen.port;
  out += "      - {address: ";
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
  if (destination.thresholds != Thresholds{}) {
    out += ", thresholds: {upper: " + std::to_string(destination.thresholds.upper);
    out += ", lower: " + std::to_string(destination.thresholds.lower) + "}";
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

// A service's own method lives on in its destinations alone: the first one's stands for it.
void show_service(std::string& out, const VirtualService& service) {
  const ForwardingMethod method =
      service.destinations.empty() ? ForwardingMethod{} : service.destinations.front().method;
  out += "  - name: " + scalar(service.name) + "\n";
  out += "    listen: " + scalar(to_string(service.key)) + "\n";
  out += "    method: " + std::string(to_string(method)) + "\n";
  if (const Tunnel* const tunnel = std::get_if<Tunnel>(&method)) {
    out += "    tunnel: " + tunnel_text(*tunnel) + "\n";
  }
  if (service.oversize == Oversize::fragment) out += "    oversize: fragment\n";
  out += "    scheduler: " + show_scheduler(service) + "\n";
  out += service.destinations.empty() ? "    destinations: []\n" : "    destinations:\n";
  for (const Destination& destination : service.destinations) {
    show_destination(out, service, destination, method);
  }
}

}  // namespace

std::string show_config(const Config& config) {
  const Timeouts& timeouts = config.timeouts;
  std::string out = show_director(config);
  out += "timeouts: {tcp: " + duration_text(timeouts.tcp);
  out += ", tcp_fin: " + duration_text(timeouts.tcp_fin);
  out += ", udp: " + duration_text(timeouts.udp) + "}\n";
  out += config.services.empty() ? "services: []\n" : "services:\n";
  for (const VirtualService& service : config.services) show_service(out, service);
  return out;
}

}  // namespace lvsd
