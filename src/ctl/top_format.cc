// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/top_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lvsd/ctl/drift_format.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;

std::string scaled(double number) {
  constexpr std::string_view kUnits = " KMGT";
  std::size_t unit = 0;
  while (number >= 9999.5 && unit + 1 < kUnits.size()) {
    number /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f}", number) : fmt::format("{:.0f}{}", number, kUnits[unit]);
}

double count(const json& object, const char* key) {
  return object.is_null() ? 0 : object.at(key).get<double>();
}

double packets(const json& status, const char* key) {
  return status.is_null() ? 0 : count(status.at("packets"), key);
}

double sum_of(const json& status, const char* key) {
  double sum = 0;
  if (status.is_null()) return sum;
  for (const json& worker : status.at("workers")) {
    if (worker.contains(key)) sum += count(worker, key);  // an older daemon has not all of them
  }
  return sum;
}

double lost(const json& status) {
  return sum_of(status, "queue_dropped") + sum_of(status, "user_dropped") +
         sum_of(status, "openers_dropped") + sum_of(status, "openers_undelivered") +
         sum_of(status, "overruns") + sum_of(status, "truncated");
}

double packets_for(const json& status, const char* verdict, const std::string& reason) {
  if (status.is_null()) return 0;
  for (const json& each : status.at("packets").at(verdict)) {
    if (each.at("reason") == reason) return count(each, "packets");
  }
  return 0;
}

std::string rate(double now, double before, double seconds) {
  return seconds <= 0 ? "-" : scaled(std::max(0.0, now - before) / seconds);
}

std::string service_line(const ListedService& listed) {
  const ServiceSnapshot& service = listed.service;
  return fmt::format("{} {}{}", service.name, to_string(service.key),
                     listed.retired ? " (retired)" : "");
}

std::string row(const std::string& name, std::string_view weight, std::uint64_t active,
                std::uint64_t inactive, const Statistics& rates) {
  return fmt::format("{:<30.30} {:>6} {:>7} {:>7} {:>6} {:>6} {:>6} {:>5}", name, weight,
                     scaled(static_cast<double>(active)), scaled(static_cast<double>(inactive)),
                     scaled(static_cast<double>(rates.connections)),
                     scaled(static_cast<double>(rates.packets_in)),
                     scaled(static_cast<double>(rates.bytes_in) * 8),
                     scaled(static_cast<double>(rates.bytes_out) * 8));
}

std::vector<std::string> head(const json& status, const json& before, double seconds) {
  const json& packets_now = status.at("packets");
  return {fmt::format("lvsd {}, up {}, {:.0f} of {:.0f} connections, q quits",
                      status.at("program").get<std::string>(),
                      format_span(status.at("uptime_seconds").get<std::int64_t>()),
                      count(status, "connections"), count(status, "connection_limit")),
          fmt::format("packets/s: {} forwarded, {} received; waiting {:.0f}, lost/s {}",
                      rate(count(packets_now, "forwarded"), packets(before, "forwarded"), seconds),
                      rate(sum_of(status, "received"), sum_of(before, "received"), seconds),
                      sum_of(status, "queue_waiting") + sum_of(status, "openers_waiting"),
                      rate(lost(status), lost(before), seconds))};
}

std::vector<std::string> reasons(const json& status, const json& before, double seconds) {
  std::vector<std::string> lines;
  for (const char* verdict : {"dropped", "accepted"}) {
    for (const json& each : status.at("packets").at(verdict)) {
      const auto reason = each.at("reason").get<std::string>();
      lines.push_back(fmt::format(
          "{:<9} {:<22} {:>12} {:>8}/s", verdict, reason, scaled(count(each, "packets")),
          rate(count(each, "packets"), packets_for(before, verdict, reason), seconds)));
    }
  }
  return lines;
}

// The busiest first; a service stays together with its destinations.
std::vector<std::string> table(const Listing& listing) {
  std::vector<const ListedService*> order;
  for (const ListedService& each : listing.services) order.push_back(&each);
  std::stable_sort(order.begin(), order.end(), [](const ListedService* a, const ListedService* b) {
    return a->service.rates.packets_in > b->service.rates.packets_in;
  });
  std::vector<std::string> lines;
  for (const ListedService* each : order) {
    lines.push_back(service_line(*each));
    for (const DestinationSnapshot& destination : each->service.destinations) {
      lines.push_back(row("  " + to_string(destination.config.endpoint),
                          std::to_string(destination.config.weight.value()), destination.active,
                          destination.inactive, destination.rates));
    }
  }
  return lines;
}

}  // namespace

std::vector<std::string> top_lines(const Listing& listing, const json& status, const json& before,
                                   double seconds, Screen screen) {
  std::vector<std::string> lines = head(status, before, seconds);
  lines.push_back(fmt::format("{:<30} {:>6} {:>7} {:>7} {:>6} {:>6} {:>6} {:>5}", "", "weight",
                              "active", "inact", "conn/s", "pkt/s", "bit/s", "out"));
  const std::vector<std::string> below = reasons(status, before, seconds);
  std::vector<std::string> middle = table(listing);
  // Both parts get half of what is left, and what the other does not need.
  const std::size_t left = screen.rows > lines.size() ? screen.rows - lines.size() : 0;
  const std::size_t for_reasons =
      std::min(below.size(), std::max(left / 2, left - std::min(left, middle.size())));
  if (middle.size() > left - for_reasons) middle.resize(left - for_reasons);
  lines.insert(lines.end(), middle.begin(), middle.end());
  lines.insert(lines.end(), below.begin(),
               below.begin() + static_cast<std::ptrdiff_t>(for_reasons));
  if (lines.size() > screen.rows) lines.resize(screen.rows);
  for (std::string& line : lines) {
    if (line.size() > screen.columns) line.resize(screen.columns);
  }
  return lines;
}

}  // namespace lvsd::ctl
