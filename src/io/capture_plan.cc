// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <array>

#include "lvsd/io/capture_rules.h"

namespace lvsd {
namespace {

constexpr std::uint8_t kTcp = 6, kUdp = 17, kSctp = 132;
constexpr Port kFtp{std::uint16_t{21}};
constexpr Port kIke{std::uint16_t{500}};

template <class T>
void sort_unique(std::vector<T>& values) {
  if (!std::is_sorted(values.begin(), values.end())) std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

void sort_unique(CaptureSide& side) {
  sort_unique(side.ports);
  for (auto* list : {&side.tcp, &side.udp, &side.sctp, &side.ipsec, &side.addresses}) {
    sort_unique(*list);
  }
}

FamilyPlan& family_of(CapturePlan& plan, const IpAddress& address) {
  return address.is_v4() ? plan.v4 : plan.v6;
}

std::uint8_t number_of(ServiceProtocol protocol) { return static_cast<std::uint8_t>(protocol); }

// One port of an address, or all that the protocol has.
void add(CaptureSide& side, const ServiceKey& key) {
  const IpAddress& address = key.listen.address;
  const std::uint8_t protocol = number_of(key.protocol);
  if (key.listen.port != Port()) {
    side.ports.push_back(key);
  } else {
    (protocol == kTcp ? side.tcp : protocol == kUdp ? side.udp : side.sctp).push_back(address);
  }
  // AH and ESP belong to the connection that negotiated them (reference 3.4).
  const bool any = key.listen.port == Port();
  if (protocol == kUdp && (any || key.listen.port == kIke)) side.ipsec.push_back(address);
}

// What a mark selects may be of any protocol.
std::vector<ServiceProtocol> protocols_of(const ServiceKey& key) {
  if (!key.is_by_mark()) return {key.protocol};
  return {ServiceProtocol{kTcp}, ServiceProtocol{kUdp}, ServiceProtocol{kSctp}};
}

// Data connections: announced to the helper, or placed by the persistence of port 21.
bool has_ftp_data(const VirtualService& service) {
  return service.helper == Helper::ftp ||
         (service.key.protocol == ServiceProtocol::tcp && service.key.listen.port == kFtp);
}

void add_nat(CapturePlan& plan, const VirtualService& service, const Destination& destination) {
  FamilyPlan& family = family_of(plan, destination.endpoint.address);
  Endpoint source = destination.endpoint;
  if (source.port == Port()) source.port = service.key.listen.port;  // none of its own
  for (const ServiceProtocol protocol : protocols_of(service.key)) {
    add(family.replies, {protocol, source});
  }
  family.replies.addresses.push_back(source.address);
  // Data connections leave from ports of the real server's choice.
  if (has_ftp_data(service)) family.replies.tcp.push_back(source.address);
}

void add_probes(CapturePlan& plan, const VirtualService& service) {
  for (const ProbeTarget& target : service.probes.targets) {
    const IpAddress& address = service.key.listen.address;
    family_of(plan, address).answers.push_back({target.protocol, {address, target.port}});
  }
}

void add_service(CapturePlan& plan, const VirtualService& service) {
  const ServiceKey& key = service.key;
  FamilyPlan& family = family_of(plan, key.listen.address);
  if (key.is_by_mark()) {
    family.marks.push_back(key.mark);
    family.sctp = family.every_icmp_error = true;
    return;
  }
  add(family.requests, key);
  family.requests.addresses.push_back(key.listen.address);
  family.sctp = family.sctp || number_of(key.protocol) == kSctp;
  if (has_ftp_data(service)) {
    family.ftp.push_back(key.listen.address);
  }
}

}  // namespace

std::vector<AssignedQueue> CapturePlan::queues() const {
  std::vector<AssignedQueue> out;
  for (const QueueRole role : {QueueRole::datagrams, QueueRole::streams, QueueRole::openers}) {
    if (role == QueueRole::streams && !super_packets) continue;
    if (role == QueueRole::openers && !openers) continue;
    for (unsigned worker = 0; worker < steering.workers; ++worker) {
      out.push_back({queue_of(role, worker), role, worker});
    }
  }
  return out;
}

CapturePlan make_capture_plan(const Config& config, const SteeringHash& hash) {
  CapturePlan plan;
  plan.stage = config.startup.stage;
  plan.queue = config.startup.queue;
  plan.steering = hash;
  plan.openers = config.startup.overload == Overload::drop_new;
  plan.super_packets = config.startup.super_packets;
  plan.bypass = config.startup.queue_bypass;
  plan.probe_marks = config.startup.probe_marks;
  for (const VirtualService& service : config.services) {
    add_service(plan, service);
    add_probes(plan, service);
    for (const Destination& destination : service.destinations) {
      const bool nat = std::holds_alternative<Masquerade>(destination.method);
      const bool tunnel = std::holds_alternative<Tunnel>(destination.method);
      if (nat || tunnel) family_of(plan, destination.endpoint.address).every_icmp_error = true;
      if (nat) add_nat(plan, service, destination);
    }
  }
  for (FamilyPlan* family : {&plan.v4, &plan.v6}) {
    sort_unique(family->requests);
    sort_unique(family->replies);
    sort_unique(family->ftp);
    sort_unique(family->marks);
    sort_unique(family->answers);
    const bool requests = !family->marks.empty() || !family->requests.addresses.empty();
    family->own_requests = requests && (!config.announce.enabled || !family->marks.empty());
  }
  return plan;
}

}  // namespace lvsd
