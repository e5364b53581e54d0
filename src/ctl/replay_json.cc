// SPDX-License-Identifier: GPL-2.0-or-later
#include <nlohmann/json.hpp>

#include "lvsd/control/connection_list.h"
#include "lvsd/control/listing.h"
#include "lvsd/ctl/capture_time.h"
#include "lvsd/ctl/replay_report.h"

namespace lvsd::ctl {
namespace {

using Json = nlohmann::ordered_json;  // keys stay in the order written here

std::string text(TimePoint time) { return to_string(time.time_since_epoch()); }

template <class Reason, std::size_t N>
Json reasons(const std::array<std::uint64_t, N>& counts) {
  Json out = Json::object();
  for (std::size_t i = 0; i < N; ++i) {
    if (counts[i] != 0) out[std::string(to_string(static_cast<Reason>(i)))] = counts[i];
  }
  return out;
}

std::string_view text(Direction direction) {
  return direction == Direction::request ? "request" : "reply";
}

Json destination(const NamedDestination& named) {
  return {{"service", named.service},
          {"listen", to_string(named.key)},
          {"destination", to_string(named.destination.endpoint)},
          {"method", to_string(named.destination.method)}};
}

Json packet(const PacketRecord& record) {
  Json out{{"frame", record.frame}, {"time", text(record.time)}};
  if (!record.interface.empty()) out["interface"] = record.interface;
  out["packet"] = record.packet;
  out["verdict"] = record.verdict;
  if (!record.reason.empty()) out["reason"] = record.reason;
  if (record.destination) {
    out.update(destination(*record.destination));
    out["direction"] = text(record.direction);
    out["new_connection"] = record.new_connection;
  }
  if (record.cut) out["cut"] = true;
  return out;
}

Json emission(const EmissionRecord& record) {
  Json out{{"number", record.number}, {"time", text(record.time)}};
  if (record.cause != 0) out["frame"] = record.cause;
  if (!record.interface.empty()) out["interface"] = record.interface;
  if (record.routed) out["routed"] = true;
  out["packet"] = record.packet;
  return out;
}

Json event(const EventRecord& record) {
  return {{"time", text(record.time)},
          {"kind", record.kind},
          {"file", record.file},
          {"result", record.applied ? "applied" : "refused"},
          {"messages", record.messages}};
}

Json summary(const ReplayReport& report) {
  Json held_dropped = Json::object();
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<DropReason>(i);
    if (const std::uint64_t count = report.held_dropped(reason); count != 0) {
      held_dropped[std::string(to_string(reason))] = count;
    }
  }
  return {{"frames", report.frames},
          {"first", text(report.first)},
          {"last", text(report.last)},
          {"skipped", reasons<Skip>(report.skipped)},
          {"packets", report.packets},
          {"cut", report.cut},
          {"forwarded", report.forwarded},
          {"held",
           {{"packets", report.held},
            {"sent_later", report.held_sent()},
            {"dropped", held_dropped},
            {"waiting", report.held_waiting()}}},
          {"accepted", reasons<AcceptReason>(report.accepted)},
          {"dropped", reasons<DropReason>(report.dropped)},
          {"emitted", report.emitted},
          {"originated", report.director.counters.originated},
          {"probes", report.director.counters.probes},
          {"routed", report.routed},
          {"neighbors_asked_for", report.resolves},
          {"neighbors_refreshed", report.refreshes}};
}

Json statistics(const Statistics& counts) {
  return {{"connections", counts.connections},
          {"packets_in", counts.packets_in},
          {"packets_out", counts.packets_out},
          {"bytes_in", counts.bytes_in},
          {"bytes_out", counts.bytes_out}};
}

Json connections(const ReplayReport& report) {
  Json out = Json::array();
  for (const ConnectionSnapshot& each : report.connections) out.push_back(Json(to_json(each)));
  return out;
}

Json services(const ReplayReport& report) {
  Json out = Json::array();
  for (const ServiceSnapshot& service : report.director.services) {
    Json destinations = Json::array();
    for (const DestinationSnapshot& d : service.destinations) {
      destinations.push_back({{"destination", to_string(d.config.endpoint)},
                              {"method", to_string(d.config.method)},
                              {"weight", d.config.weight.value()},
                              {"retired", d.retired},
                              {"active", d.active},
                              {"inactive", d.inactive},
                              {"statistics", statistics(d.statistics)}});
    }
    out.push_back({{"name", service.name},
                   {"listen", to_string(service.key)},
                   {"scheduler", to_string(service.scheduler, service.scheduler_flags)},
                   {"removed", service.removed},
                   {"statistics", statistics(service.statistics)},
                   {"destinations", std::move(destinations)}});
  }
  return out;
}

// As the daemon's reply to `list` at that moment.
Json listing(const ReplayReport& report) {
  Config shown;
  shown.timeouts = report.director.timeouts;
  for (const ServiceSnapshot& service : report.director.services) {
    if (!service.removed) shown.services.emplace_back().key = service.key;
  }
  return Json(to_json(make_listing({report.director}, shown)));
}

Json tallies(const ReplayReport& report) {
  Json out = Json::array();
  for (const Tally& tally : report.tallies) {
    Json entry = destination(tally.destination);
    entry["connections"] = tally.connections;
    entry["requests"] = tally.requests;
    entry["replies"] = tally.replies;
    out.push_back(std::move(entry));
  }
  return out;
}

Json fields(const Decoded& decoded) {
  Json out = Json::array();
  for (const Field& field : decoded.fields) out.push_back({field.name, field.value});
  return out;
}

Json comparison(const ComparisonResult& result) {
  Json out{{"result", result.difference ? "different" : "equal"},
           {"compared", result.compared},
           {"not_compared", result.not_compared}};
  if (!result.difference) return out;
  const Difference& d = *result.difference;
  out["difference"] = {{"expected_packet", d.expected_number},
                       {"emitted_packet", d.got_number},
                       {"field", d.field},
                       {"expected_value", d.expected_value},
                       {"got_value", d.got_value},
                       {"expected", fields(d.expected)},
                       {"got", fields(d.got)}};
  return out;
}

template <class Records, class One>
Json all(const Records& records, One one) {
  Json out = Json::array();
  for (const auto& record : records) out.push_back(one(record));
  return out;
}

}  // namespace

std::string report_json(const ReplayReport& report, const std::optional<ComparisonResult>& result) {
  Json out{{"version", 1}, {"summary", summary(report)}};
  out["services"] = services(report);
  out["listing"] = listing(report);
  if (!report.connections.empty()) out["connections"] = connections(report);
  out["destinations"] = tallies(report);
  out["events"] = all(report.events, event);
  out["packets"] = all(report.packet_records, packet);
  out["emitted"] = all(report.emission_records, emission);
  if (result) out["comparison"] = comparison(*result);
  if (!report.damage.empty()) out["damage"] = report.damage;
  // File names and quoted file contents may hold any bytes.
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace lvsd::ctl
