// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "lvsd/control/listing.h"
#include "lvsd/daemon/status.h"

namespace lvsd {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
double unix_time(std::chrono::system_clock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

// Families in the order in which they are begun; values go to the one begun last. The others are
// text by then: of 100,000 destinations, all families at once are a gigabyte.
class Page {
 public:
  Page& counter(const char* name, const char* help) {
    return begin(name, help, MetricType::Counter);
  }
  Page& gauge(const char* name, const char* help) { return begin(name, help, MetricType::Gauge); }
  Page& add(double value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    MetricFamily& family = family_.front();
    (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    family.metric.push_back(std::move(metric));
    return *this;
  }
  void histogram(const char* name, const char* help, const LatencyHistogram& from) {
    begin(name, help, MetricType::Histogram);
    ClientMetric metric;
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < LatencyHistogram::kBounds.size(); ++i) {
      below += from.counts[i];
      metric.histogram.bucket.push_back({below, seconds(LatencyHistogram::kBounds[i])});
    }
    metric.histogram.sample_count = from.total();
    metric.histogram.sample_sum = seconds(from.sum);
    family_.front().metric.push_back(std::move(metric));
  }
  std::string text() {
    write();
    return std::move(text_).str();
  }

 private:
  Page& begin(const char* name, const char* help, MetricType type) {
    write();
    family_.front() = {name, help, type, {}};
    return *this;
  }
  void write() {
    if (!family_.front().name.empty()) prometheus::TextSerializer().Serialize(text_, family_);
  }

  std::vector<MetricFamily> family_ = std::vector<MetricFamily>(1);
  std::ostringstream text_;
};

Labels labels_of(const std::string& name, const ServiceKey& key) {
  return {{"service", name},
          {"local_address", to_string(key.listen.address)},
          {"local_port", std::to_string(key.listen.port.host())},
          {"local_mark", std::to_string(key.mark)},
          {"proto", std::string(to_string(key.protocol))}};
}
Labels labels_of(const ServiceSnapshot& service) { return labels_of(service.name, service.key); }

Labels labels_of(const std::string& name, const ServiceKey& key, const Endpoint& destination) {
  Labels labels = labels_of(name, key);
  labels.push_back({"remote_address", to_string(destination.address)});
  labels.push_back({"remote_port", std::to_string(destination.port.host())});
  return labels;
}

template <class Value>
void each_service(Page& page, const Listing& listing, Value value) {
  for (const ListedService& listed : listing.services) {
    page.add(static_cast<double>(value(listed.service)), labels_of(listed.service));
  }
}

// Retired ones would come twice where one is configured again; they have no future to alert on.
template <class Value>
void each_destination(Page& page, const Listing& listing, Value value) {
  for (const ListedService& listed : listing.services) {
    for (const DestinationSnapshot& each : listed.service.destinations) {
      if (each.retired) continue;
      page.add(static_cast<double>(value(each)),
               labels_of(listed.service.name, listed.service.key, each.config.endpoint));
    }
  }
}

struct Column {
  const char* name;
  const char* help;
  std::uint64_t Statistics::*value;
};
constexpr std::array<Column, 5> kServiceColumns{
    {{"lvsd_connections_total", "Connections opened.", &Statistics::connections},
     {"lvsd_incoming_packets_total", "Packets from clients.", &Statistics::packets_in},
     {"lvsd_outgoing_packets_total", "Packets to clients.", &Statistics::packets_out},
     {"lvsd_incoming_bytes_total", "Bytes from clients, IP headers included.",
      &Statistics::bytes_in},
     {"lvsd_outgoing_bytes_total", "Bytes to clients, IP headers included.",
      &Statistics::bytes_out}}};
constexpr std::array<Column, 5> kDestinationColumns{
    {{"lvsd_backend_connections_total", "Connections opened to a destination.",
      &Statistics::connections},
     {"lvsd_backend_incoming_packets_total", "Packets from clients to a destination.",
      &Statistics::packets_in},
     {"lvsd_backend_outgoing_packets_total", "Packets to clients from a destination.",
      &Statistics::packets_out},
     {"lvsd_backend_incoming_bytes_total", "Bytes from clients to a destination.",
      &Statistics::bytes_in},
     {"lvsd_backend_outgoing_bytes_total", "Bytes to clients from a destination.",
      &Statistics::bytes_out}}};

// A series for each service, also where the destinations' own are gone: a destination that health
// has removed has no weight that an alert could add up. Health is in the weights already.
void add_usable(Page& page, const Listing& listing) {
  page.gauge("lvsd_service_usable_destinations",
             "Destinations of a service that get new connections, a sorry server that serves too.");
  for (const ListedService& listed : listing.services) {
    if (listed.service.removed) continue;
    const auto usable =
        std::ranges::count_if(listed.service.destinations, [](const DestinationSnapshot& each) {
          return !each.retired && each.config.weight != Weight(0);
        });
    page.add(static_cast<double>(usable), labels_of(listed.service));
  }
}

void add_services(Page& page, const Listing& listing) {
  for (const Column& column : kServiceColumns) {
    page.counter(column.name, column.help);
    each_service(page, listing, [&](const auto& each) { return each.statistics.*column.value; });
  }
  for (const Column& column : kDestinationColumns) {
    page.counter(column.name, column.help);
    each_destination(page, listing,
                     [&](const auto& each) { return each.statistics.*column.value; });
  }
  page.gauge("lvsd_backend_connections_active", "Active connections of a destination.");
  each_destination(page, listing, [](const auto& each) { return each.active; });
  page.gauge("lvsd_backend_connections_inactive", "Inactive connections of a destination.");
  each_destination(page, listing, [](const auto& each) { return each.inactive; });
  page.gauge("lvsd_backend_weight", "Weight of a destination, 0 while it is drained.");
  each_destination(page, listing, [](const auto& each) { return each.config.weight.value(); });
  page.gauge("lvsd_backend_overloaded", "Whether a destination is above its upper threshold.");
  each_destination(page, listing, [](const auto& each) { return each.overloaded ? 1 : 0; });
}

// Also of destinations that health has taken out of their service.
void add_health(Page& page, const MetricsFacts& facts) {
  std::map<ServiceKey, std::string> names;
  for (const VirtualService& service : facts.running.services) names[service.key] = service.name;
  const auto each = [&](const auto& add) {
    for (const CheckedView& one : facts.health.destinations) {
      add(one, labels_of(names[one.key], one.key, one.endpoint));
    }
  };
  page.gauge("lvsd_backend_up", "Whether a destination that is checked is up.");
  each([&page](const CheckedView& one, Labels labels) {
    page.add(one.state == HealthState::up ? 1 : 0, std::move(labels));
  });
  page.counter("lvsd_backend_checks_total", "Checks of a destination, by result.");
  each([&page](const CheckedView& one, Labels labels) {
    Labels failed = labels;
    labels.push_back({"result", "success"});
    failed.push_back({"result", "failure"});
    page.add(static_cast<double>(one.succeeded), std::move(labels));
    page.add(static_cast<double>(one.failed), std::move(failed));
  });
  page.gauge("lvsd_backend_check_duration_seconds", "How long its last check took.");
  each([&page](const CheckedView& one, Labels labels) {
    page.add(seconds(one.took), std::move(labels));
  });
  page.gauge("lvsd_backend_certificate_expiry_timestamp_seconds",
             "When the certificate that its last check saw expires, since 1970.");
  each([&page](const CheckedView& one, Labels labels) {
    if (one.expires != 0) page.add(static_cast<double>(one.expires), std::move(labels));
  });
}

template <class Reason, std::size_t N>
void add_reasons(Page& page, const std::array<std::uint64_t, N>& counts) {
  for (std::size_t i = 0; i < N; ++i) {
    page.add(static_cast<double>(counts[i]),
             {{"reason", std::string(to_string(static_cast<Reason>(i)))}});
  }
}

void add_packets(Page& page, const std::vector<WorkerSnapshot>& workers) {
  const Counters sum = total_counters(workers);
  page.counter("lvsd_forwarded_packets_total", "Packets sent on.")
      .add(static_cast<double>(sum.forwarded));
  page.counter("lvsd_held_packets_total", "Packets that waited for a neighbour to answer.")
      .add(static_cast<double>(sum.held));
  page.counter("lvsd_originated_packets_total", "ICMP errors and resets made here.")
      .add(static_cast<double>(sum.originated));
  page.counter("lvsd_probe_packets_total",
               "Packets of checks sent on by the data path of their service.")
      .add(static_cast<double>(sum.probes));
  page.counter("lvsd_accepted_packets_total", "Packets left to the local stack, by reason.");
  add_reasons<AcceptReason>(page, sum.accepted);
  page.counter("lvsd_dropped_packets_total", "Packets dropped, by reason.");
  add_reasons<DropReason>(page, sum.dropped);
}

struct EdgeColumn {
  const char* label;
  std::uint64_t EdgeCounters::*value;
};

template <std::size_t N>
void add_edges(Page& page, const std::vector<WorkerSnapshot>& workers, const char* label,
               const std::array<EdgeColumn, N>& columns) {
  for (std::size_t i = 0; i < workers.size(); ++i) {
    for (const EdgeColumn& column : columns) {
      Labels labels{{"worker", std::to_string(i)}};
      if (label != nullptr) labels.push_back({label, column.label});
      page.add(static_cast<double>(workers[i].edge.*column.value), std::move(labels));
    }
  }
}

void add_workers(Page& page, const std::vector<WorkerSnapshot>& workers) {
  using Edge = EdgeCounters;
  page.gauge("lvsd_queue_waiting_packets", "Packets in the kernel's queues right now.");
  for (std::size_t i = 0; i < workers.size(); ++i) {
    const Edge& edge = workers[i].edge;
    page.add(static_cast<double>(edge.queue_waiting + edge.openers_waiting),
             {{"worker", std::to_string(i)}});
  }
  page.counter("lvsd_queue_received_packets_total", "Packets that the kernel handed over.");
  add_edges<1>(page, workers, nullptr, {{{"", &Edge::received}}});
  page.counter("lvsd_queue_dropped_packets_total", "Packets lost before a verdict, by cause.");
  add_edges<6>(page, workers, "cause",
               {{{"queue-full", &Edge::queue_dropped},
                 {"not-handed-over", &Edge::user_dropped},
                 {"new-connections-queue-full", &Edge::openers_dropped},
                 {"new-connections-not-handed-over", &Edge::openers_undelivered},
                 {"overrun", &Edge::overruns},
                 {"too-long", &Edge::truncated}}});
  page.counter("lvsd_sent_packets_total", "Packets handed to the kernel, by kind of socket.");
  add_edges<2>(page, workers, "socket",
               {{{"packet", &Edge::sent_frames}, {"raw", &Edge::sent_routed}}});
  page.counter("lvsd_send_errors_total", "Packets that the kernel would not send.");
  add_edges<1>(page, workers, nullptr, {{{"", &Edge::send_errors}}});
  LatencyHistogram latency;
  for (const WorkerSnapshot& worker : workers) latency.add(worker.edge.latency);
  page.histogram("lvsd_verdict_latency_seconds",
                 "Time from the turn that received a packet to its verdict.", latency);
  page.gauge("lvsd_connection_table_entries", "Entries of the connection table, templates too.");
  for (std::size_t i = 0; i < workers.size(); ++i) {
    page.add(workers[i].director.connections, {{"worker", std::to_string(i)}});
  }
  page.gauge("lvsd_connection_table_limit", "Entries that the connection table can hold.");
  for (std::size_t i = 0; i < workers.size(); ++i) {
    page.add(workers[i].director.connection_limit, {{"worker", std::to_string(i)}});
  }
}

// Next hops of destinations, each once. One without a neighbour entry is asked for by the first
// packet; one that stays unresolved while packets wait is what lvsd_dropped_packets_total shows.
void add_neighbors(Page& page, const Config& running, const Network& network) {
  std::set<IpAddress> seen;
  std::set<std::pair<InterfaceIndex, IpAddress>> hops;
  std::uint64_t resolved = 0, unresolved = 0, unreachable = 0;
  for (const VirtualService& service : running.services) {
    for (const Destination& each : service.destinations) {
      if (!seen.insert(each.endpoint.address).second) continue;
      const auto hop = network.route(each.endpoint.address);
      if (!hop) {
        ++unreachable;
      } else if (hop->kind == RouteKind::unicast &&
                 hops.insert({hop->interface, hop->gateway}).second) {
        ++(network.neighbor(hop->interface, hop->gateway) ? resolved : unresolved);
      }
    }
  }
  page.gauge("lvsd_neighbors", "Next hops of destinations, by what is known of their MACs.")
      .add(static_cast<double>(resolved), {{"state", "resolved"}})
      .add(static_cast<double>(unresolved), {{"state", "unresolved"}})
      .add(static_cast<double>(unreachable), {{"state", "no-route"}});
}

void add_daemon(Page& page, const MetricsFacts& facts) {
  page.gauge("lvsd_build_info", "Always 1; the version is a label.")
      .add(1, {{"version", LVSD_VERSION}});
  page.gauge("lvsd_start_time_seconds", "When the daemon started, since 1970.")
      .add(unix_time(facts.started));
  page.counter("lvsd_reloads_total", "Reloads, by result.");
  for (std::size_t i = 0; i < kReloadOutcomes; ++i) {
    page.add(static_cast<double>(facts.reloads[i]),
             {{"result", std::string(to_string(static_cast<ReloadOutcome>(i)))}});
  }
  const bool refused = facts.last_reload && facts.last_reload->outcome != ReloadOutcome::applied;
  page.gauge("lvsd_last_reload_successful", "Whether what runs is what was last loaded.")
      .add(refused ? 0 : 1);
  page.gauge("lvsd_last_reload_timestamp_seconds", "When, since 1970: the start, or a reload.")
      .add(unix_time(facts.last_reload ? facts.last_reload->time : facts.started));
  page.gauge("lvsd_capture_rules_in_place", "Whether the kernel has the capture rules.")
      .add(facts.exposure.rules_in_place ? 1 : 0);
  page.gauge("lvsd_addresses_in_place", "Whether all virtual addresses are where they should be.")
      .add(facts.exposure.addresses_in_place ? 1 : 0);
  page.counter("lvsd_capture_restored_total", "Times that another program's change was undone.")
      .add(static_cast<double>(facts.exposure.restored));
}

}  // namespace

std::string metrics_text(MetricsFacts facts) {
  Page page;
  add_daemon(page, facts);
  add_packets(page, facts.workers);
  add_workers(page, facts.workers);
  add_neighbors(page, facts.running, facts.network);
  const Listing listing = make_listing(directors(std::move(facts.workers)), facts.running);
  add_usable(page, listing);
  add_services(page, listing);
  add_health(page, facts);
  return page.text();
}

}  // namespace lvsd
