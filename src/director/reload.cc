// SPDX-License-Identifier: GPL-2.0-or-later
// Changes to the configuration, between two packets. What stays keeps its connections, counters and
// scheduler position; what goes is retired and lives until its last connection has ended.
#include <algorithm>
#include <functional>

#include "state.h"

namespace lvsd {

namespace {

bool has_sip(const std::optional<Persistence>& persistence) {
  return persistence && persistence->engine == PersistenceEngine::sip;
}

}  // namespace

void Director::State::apply(const Changes& changes, TimePoint now) {
  loads = changes.loads;
  if (changes.timeouts) {
    timeouts = *changes.timeouts;
    for (const auto& [key, service] : services) {
      service->timeouts = service->own_timeouts.over(timeouts);
    }
  }
  if (changes.recorder) recorder.set_limits(*changes.recorder);
  if (changes.ipvs) {
    take_options(*changes.ipvs);
    defence.schedule(now, ipvs);
  }
  for (const ServiceKey& key : changes.removed) remove_service(key);
  for (const VirtualService& service : changes.added) add_service(service);
  for (const ServiceChange& change : changes.changed) change_service(change);
  const bool removes = !changes.removed.empty() ||
                       std::any_of(changes.changed.begin(), changes.changed.end(),
                                   [](const ServiceChange& c) { return !c.removed.empty(); });
  if (!ipvs.expire_nodest_conn.value_or(false)) orphans.reset();
  if (removes && ipvs.expire_nodest_conn.value_or(false)) {
    orphans = OrphanSweep{};
    sweep_orphans(now);
  }
  loads.reset();
  forget_removed_services();
}

void Director::State::take_options(const IpvsOptions& options) {
  const bool expirations_changed = options.lblc_expiration != ipvs.lblc_expiration ||
                                   options.lblcr_expiration != ipvs.lblcr_expiration;
  ipvs = options;
  defence.judge(ipvs);
  if (!expirations_changed) return;
  for (const auto& [key, service] : services) {
    set_expirations(service->scheduler, ipvs.lblc_expiration, ipvs.lblcr_expiration);
  }
}

// What a running service takes over as it stands.
void Director::State::configure(Service& service, const VirtualService& config) {
  if (has_sip(service.persistence)) --sip_services;
  if (has_sip(config.persistence)) ++sip_services;
  service.name = config.name;
  for (const Destination& destination : config.destinations) {
    masquerades = masquerades || std::holds_alternative<Masquerade>(destination.method);
  }
  service.persistence = config.persistence;
  service.one_packet = config.one_packet;
  service.oversize = config.oversize;
  service.helper = config.helper;
  service.hairpin = config.hairpin;
  service.own_timeouts = config.timeouts;
  service.timeouts = config.timeouts.over(timeouts);
}

// Look-ups beyond the exact one are made only where such a service is (reference 1.5).
void Director::State::count_listener(const ServiceKey& key, int change) {
  const auto difference = static_cast<std::uint32_t>(change);
  if (key.is_any_port()) any_port_services += difference;
  if (key.protocol == ServiceProtocol::tcp && key.listen.port == kFtp) ftp_services += difference;
}

void Director::State::add_service(const VirtualService& config) {
  auto service = std::make_unique<Service>();
  service->key = config.key;
  configure(*service, config);
  count_listener(config.key, 1);
  service->kind = config.scheduler;
  service->flags = config.scheduler_flags;
  service->scheduler = make_scheduler(config.scheduler, scheduler_settings(service->flags));
  for (const Destination& destination : config.destinations) {
    const auto revived = destinations.revive(destination, config.key, service.get());
    service->order.push_back(revived ? *revived
                                     : destinations.add(destination, config.key, service.get(),
                                                        load_of(config.key, destination.endpoint)));
  }
  destinations_changed(service->scheduler, Pool(service->order, destinations.states()), {}, true);
  ++virtual_addresses.edit()[config.key.listen.address];
  probes.configure(config.key, config.name, config.probes);
  services[config.key] = std::move(service);
}

std::shared_ptr<SharedLoad> Director::State::load_of(const ServiceKey& key,
                                                     const Endpoint& endpoint) const {
  if (!loads) return nullptr;
  const auto found = loads->find({key, endpoint});
  return found == loads->end() ? nullptr : found->second;
}

SchedulerSettings Director::State::scheduler_settings(SchedulerFlags flags) {
  return {.flags = flags,
          .seed = scheduler_seed++,
          .lblc_expiration = ipvs.lblc_expiration,
          .lblcr_expiration = ipvs.lblcr_expiration};
}

void Director::State::remove_service(const ServiceKey& key) {
  const auto found = services.find(key);
  if (found == services.end()) return;
  count_listener(key, -1);
  probes.configure(key, {}, {});
  if (has_sip(found->second->persistence)) --sip_services;
  for (const DestinationId id : found->second->order) destinations.retire(id);
  found->second->order.clear();
  found->second->removed = true;
  removed.push_back(std::move(found->second));
  services.erase(found);
  if (!removed.back()->retired.empty()) return;
  release_address(*removed.back());
  removed.pop_back();
}

void Director::State::change_service(const ServiceChange& change) {
  const auto found = services.find(change.next.key);
  if (found == services.end()) return;
  Service& service = *found->second;
  configure(service, change.next);
  probes.configure(change.next.key, change.next.name, change.next.probes);
  const std::vector<DestinationId> old_order = service.order;
  std::vector<DestinationId> order;
  for (const Destination& next : change.next.destinations) {
    const auto old = std::find_if(old_order.begin(), old_order.end(), [&](DestinationId id) {
      return destinations[id].config.endpoint == next.endpoint;
    });
    if (old != old_order.end()) {
      destinations.edit(*old, next);
      order.push_back(*old);
    } else {
      const auto revived = destinations.revive(next, service.key, &service);
      order.push_back(revived ? *revived
                              : destinations.add(next, service.key, &service,
                                                 load_of(service.key, next.endpoint)));
    }
  }
  service.order = std::move(order);
  for (const DestinationId id : old_order) {
    const bool kept =
        std::find(service.order.begin(), service.order.end(), id) != service.order.end();
    if (!kept) destinations.retire(id);
  }
  if (change.scheduler_changed) {
    service.kind = change.next.scheduler;
    service.flags = change.next.scheduler_flags;
    service.scheduler = make_scheduler(service.kind, scheduler_settings(service.flags));
  }
  const bool pool_changed = change.scheduler_changed || change.reordered || !change.added.empty() ||
                            !change.removed.empty() || !change.edited.empty();
  if (pool_changed) {
    destinations_changed(service.scheduler, Pool(service.order, destinations.states()), old_order,
                         !change.edited.empty());
  }
}

void Director::State::release_address(const Service& service) {
  auto& addresses = virtual_addresses.edit();
  const auto address = addresses.find(service.key.listen.address);
  if (address != addresses.end() && --address->second == 0) addresses.erase(address);
}

// One pass for all that went since the last call, and none where nothing did.
void Director::State::forget_removed_services() {
  std::vector<const Service*> gone = destinations.take_abandoned();
  if (gone.empty()) return;
  std::sort(gone.begin(), gone.end(), std::less<>());
  std::erase_if(removed, [&](const std::unique_ptr<Service>& service) {
    if (!std::binary_search(gone.begin(), gone.end(), service.get(), std::less<>())) return false;
    release_address(*service);
    return true;
  });
}

}  // namespace lvsd
