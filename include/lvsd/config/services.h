// SPDX-License-Identifier: GPL-2.0-or-later
// The `services` list of lvsd.yaml, and the endpoints in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/config/fields.h"
#include "lvsd/model/health.h"
#include "lvsd/model/service.h"

namespace lvsd {

// What could be read, and how it is checked; the rest is in the item's report. `oversize` is the
// file's default.
std::vector<VirtualService> read_services(const Item& item, Oversize oversize,
                                          std::vector<ServiceHealth>& health);

// "192.0.2.10:80/tcp", or "192.0.2.10/tcp" for every port
std::optional<ServiceKey> read_listen(const Item& item);

// "10.0.0.11" or "172.16.0.2:2121": the port only where the text has one.
struct DestinationAddress {
  IpAddress address;
  std::optional<Port> port;
};
std::optional<Endpoint> read_metrics(const Item& item);  // none: off, or refused
std::optional<DestinationAddress> read_destination_address(const Item& item);

std::optional<ForwardingMethod> read_method(const Item& item);

// The key `tunnel` of a service or destination, where it has one, into its method.
void read_tunnel(const Mapping& map, std::optional<ForwardingMethod>& method);
std::string tunnel_text(const Tunnel& tunnel);  // {type: gue, port: 6080}

// "up", "drain", or {name: drain, connections: reset}: nothing of "up". As written by show_config.
std::optional<Drain> read_state(const Item& item);
std::string drain_text(const Drain& drain);

// "none", or {masquerade: 10.0.0.1}. To be read behind what cannot be together with it.
std::optional<IpAddress> read_hairpin(const Item& item, const VirtualService& service, bool v4);

std::optional<Oversize> read_oversize(const Item& item);

// {timeout: 300s, netmask: 32, engine: sip}, or "300s". `key` says which family the netmask is of.
std::optional<Persistence> read_persistence(const Item& item, const std::optional<ServiceKey>& key);

// {tcp: 900s, tcp_fin: 120s, udp: 300s}, each of them optional
ServiceTimeouts read_service_timeouts(const Item& item);

// "mh", or {name: mh, fallback: true, port: true}
struct SchedulerChoice {
  SchedulerKind kind = SchedulerKind::wlc;
  SchedulerFlags flags = {};
};
std::optional<SchedulerChoice> read_scheduler(const Item& item);

}  // namespace lvsd
