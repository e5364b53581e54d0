// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "lvsd/io/capture_rules.h"

namespace lvsd {
namespace {

template <class T>
void sort_unique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

bool is_direct(const ForwardingMethod& method) {
  return std::holds_alternative<DirectRouting>(method);
}

void add_destination(CapturePlan& plan, const ServiceKey& service, const Destination& destination) {
  plan.every_icmp_error = plan.every_icmp_error || !is_direct(destination.method);
  if (!std::holds_alternative<Masquerade>(destination.method)) return;
  Endpoint source = destination.endpoint;
  if (source.port == Port()) source.port = service.listen.port;  // none of its own: the service's
  plan.nat_sources.push_back({service.protocol, source});
  plan.nat_addresses.push_back(source.address);
}

}  // namespace

CapturePlan make_capture_plan(const Config& config) {
  CapturePlan plan;
  plan.stage = config.startup.stage;
  plan.queue = config.startup.queue;
  plan.workers = config.startup.workers;
  plan.bypass = config.startup.queue_bypass;
  for (const VirtualService& service : config.services) {
    plan.services.push_back(service.key);
    plan.virtual_addresses.push_back(service.key.listen.address);
    for (const Destination& destination : service.destinations) {
      add_destination(plan, service.key, destination);
    }
  }
  sort_unique(plan.services);
  sort_unique(plan.virtual_addresses);
  sort_unique(plan.nat_sources);
  sort_unique(plan.nat_addresses);
  return plan;
}

}  // namespace lvsd
