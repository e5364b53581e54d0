// SPDX-License-Identifier: GPL-2.0-or-later
// A service as JSON, key by key in their order (control/json_text.h).
#include "lvsd/control/json_text.h"
#include "lvsd/control/listing.h"

namespace lvsd {
namespace {

void append(std::string& out, std::string_view before, const Statistics& statistics) {
  append_json(out.append(before), "{\"bytes_in\":", statistics.bytes_in);
  append_json(out, ",\"bytes_out\":", statistics.bytes_out);
  append_json(out, ",\"connections\":", statistics.connections);
  append_json(out, ",\"packets_in\":", statistics.packets_in);
  append_json(out, ",\"packets_out\":", statistics.packets_out);
  out += '}';
}

void append(std::string& out, const Tunnel& tunnel) {
  append_json(out, ",\"tunnel\":{\"checksum\":", static_cast<unsigned>(tunnel.checksum));
  append_json(out, ",\"port\":", tunnel.port.host());
  append_json(out, ",\"type\":", to_string(tunnel.encapsulation));
  out += '}';
}

void append(std::string& out, const Persistence& persistence) {
  const double timeout = std::chrono::duration<double>(persistence.timeout).count();
  append_json(out, ",\"persistence\":{\"engine\":", to_string(persistence.engine));
  append_json(out, ",\"netmask\":", persistence.netmask);
  out.append(",\"timeout\":").append(text_of(timeout)).append(1, '}');
}

void append(std::string& out, const DestinationSnapshot& destination, const std::string* health) {
  const Destination& config = destination.config;
  append_json(out, "{\"active\":", destination.active);
  append_json(out, ",\"address\":", to_string(config.endpoint.address));
  if (health != nullptr) append_json(out, ",\"health\":", *health);
  append_json(out, ",\"inactive\":", destination.inactive);
  append_json(out, ",\"method\":", to_string(config.method));
  append_json(out, ",\"overloaded\":", destination.overloaded);
  append_json(out, ",\"persistent\":", destination.persistent);
  append_json(out, ",\"port\":", config.endpoint.port.host());
  append(out, ",\"rates\":", destination.rates);
  append_json(out, ",\"retired\":", destination.retired);
  append(out, ",\"statistics\":", destination.statistics);
  append_json(out, ",\"thresholds\":{\"lower\":", config.thresholds.lower);
  append_json(out, ",\"upper\":", config.thresholds.upper);
  out += '}';
  if (const auto* const tunnel = std::get_if<Tunnel>(&config.method)) append(out, *tunnel);
  append_json(out, ",\"weight\":", config.weight.value());
  out += '}';
}

void append_destinations(std::string& out, const ListedService& listed) {
  char before = '[';
  if (listed.service.destinations.empty()) out += before;
  for (const DestinationSnapshot& destination : listed.service.destinations) {
    const auto found = listed.health.find(destination.config.endpoint);
    const bool checked = found != listed.health.end() && !destination.retired;
    out += before;
    append(out, destination, checked ? &found->second : nullptr);
    before = ',';
  }
  out += ']';
}

}  // namespace

void append_json(std::string& out, const ListedService& listed) {
  const ServiceSnapshot& service = listed.service;
  append_json(out, "{\"address\":", to_string(service.key.listen.address));
  out += ",\"destinations\":";
  append_destinations(out, listed);
  append_json(out, ",\"mark\":", service.key.mark);
  append_json(out, ",\"name\":", service.name);
  append_json(out, ",\"one_packet\":", service.one_packet);
  if (service.persistence) append(out, *service.persistence);
  append_json(out, ",\"port\":", service.key.listen.port.host());
  append_json(out, ",\"protocol\":", to_string(service.key.protocol));
  append(out, ",\"rates\":", service.rates);
  append_json(out, ",\"retired\":", listed.retired);
  append_json(out, ",\"scheduler\":", to_string(service.scheduler));
  append_json(out, ",\"scheduler_flags\":{\"fallback\":", service.scheduler_flags.fallback);
  append_json(out, ",\"port\":", service.scheduler_flags.port);
  out += '}';
  append(out, ",\"statistics\":", service.statistics);
  out += '}';
}

}  // namespace lvsd
