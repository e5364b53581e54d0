// SPDX-License-Identifier: GPL-2.0-or-later
// Services and destinations as `lvsctl list` shows them: the workers' snapshots added up, as JSON
// on the control socket, and as the tables of `ipvsadm -Ln` (reference 8.3), blanks included,
// because eyes and scripts know those columns.
//
// What was removed from the configuration but still has connections is retired. ipvsadm has nothing
// like it, so the tables leave it out; it is in the JSON. Neither has it checks: the usual table
// says behind the last column which destinations are not up.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/director/director.h"
#include "lvsd/net/result.h"

namespace lvsd {

struct ListedService {
  ServiceSnapshot service;
  bool retired = false;  // no longer configured
  // What checks say of its destinations: up, down, checking; of those that are checked.
  std::map<Endpoint, std::string> health = {};
};

struct Listing {
  std::uint64_t size = 0;  // connections that the table can hold
  std::vector<ListedService> services;
  Timeouts timeouts = {};  // the file's, which services may override
};

// One snapshot per worker; `config` says which services are retired.
Listing make_listing(std::vector<DirectorSnapshot> workers, const Config& config);

// As JSON on one line, its keys in their order.
void append_json(std::string& out, const ListedService& listed);
nlohmann::json to_json(const ListedService& listed);
nlohmann::json to_json(const Listing& listing);
Result<Listing, Error> parse_listing(const nlohmann::json& reply);

enum class ListForm : std::uint8_t {
  connections,
  statistics,
  rates,
  thresholds,
  persistent,
  tunnels
};
struct ListOptions {
  ListForm form = ListForm::connections;
  bool exact = false;  // statistics and rates without K, M, G, T
};
std::string format_list(const Listing& listing, const ListOptions& options);
// As a request for a text has it: "connections", "stats", "stats-exact", "thresholds", ...
std::string to_string(const ListOptions& options);
std::optional<ListOptions> parse_list_options(std::string_view name);
std::string format_timeouts(const Timeouts& timeouts);  // as ipvsadm -L --timeout

// "2 retired destinations still have 7 connections", or nothing.
std::string describe_retired(const Listing& listing);

}  // namespace lvsd
