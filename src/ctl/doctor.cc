// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl doctor: on the director, live.
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "lvsd/config/load.h"
#include "lvsd/ctl/client.h"
#include "lvsd/ctl/options.h"
#include "lvsd/doctor/examine.h"
#include "lvsd/doctor/judge.h"
#include "lvsd/io/network_monitor.h"

namespace lvsd::ctl {
namespace {

namespace po = boost::program_options;
using doctor::Finding;
using doctor::Severity;
using nlohmann::json;

constexpr int kFaults = 1, kCannotRun = 2;
constexpr std::chrono::seconds kDaemonPatience{3};

po::options_description describe_options() {
  po::options_description described("Options");
  auto add = described.add_options();
  add("config,c", po::value<std::string>()->value_name("FILE"),
      "the file; by default that of the daemon, else /etc/lvsd/lvsd.yaml");
  add("run-dir", po::value<std::string>()->default_value("/run/lvsd")->value_name("DIR"),
      "the daemon's run directory");
  add("client", po::value<std::string>()->value_name("IP"),
      "ask NAT servers as this client; by default one is made up");
  add("patience", po::value<unsigned>()->default_value(2000)->value_name("MS"),
      "how long to wait for who does not answer");
  add("json", "print JSON");
  return described;
}

int refuse(const std::string& message) {
  std::cerr << "lvsctl doctor: " << message << "\n";
  return kCannotRun;
}

// What the daemon says of itself; null where there is none.
json daemon_status(const ParsedOptions& options) {
  const auto reply = ask(options.text("run-dir"), {Command::status}, kDaemonPatience);
  if (!reply || !reply->value("ok", false)) return nullptr;
  return reply->value("status", json());
}

struct Row {
  std::string service, destination, method, result;
};

// What is wrong with this host or with a virtual address is wrong with all of its destinations.
bool concerns(const Finding& finding, const Row& row) {
  if (finding.service == row.service && finding.destination == row.destination) return true;
  return std::find(finding.services.begin(), finding.services.end(), row.service) !=
         finding.services.end();
}

std::size_t count(const std::vector<Finding>& findings, Severity severity) {
  const auto same = [severity](const Finding& finding) { return finding.severity == severity; };
  return static_cast<std::size_t>(std::count_if(findings.begin(), findings.end(), same));
}

// The worst of what was found about each destination.
std::vector<Row> rows(const doctor::Evidence& evidence, const std::vector<Finding>& findings) {
  std::vector<Row> out;
  for (const doctor::DestinationEvidence& seen : evidence.destinations) {
    Row row{seen.service, to_string(seen.destination.endpoint),
            std::string(to_string(seen.destination.method)), "ok"};
    for (const Finding& finding : findings) {
      if (!concerns(finding, row)) continue;
      if (finding.severity == Severity::note || row.result == to_string(Severity::fault)) continue;
      row.result = to_string(finding.severity);
    }
    out.push_back(std::move(row));
  }
  return out;
}

std::string padded(const std::string& text, std::size_t width) {
  return text + std::string(text.size() < width ? width - text.size() : 1, ' ');
}

void print(const std::vector<Row>& table, const std::vector<Finding>& findings) {
  std::size_t services = 8, destinations = 12;
  for (const Row& row : table) {
    services = std::max(services, row.service.size() + 1);
    destinations = std::max(destinations, row.destination.size() + 1);
  }
  std::cout << padded("SERVICE", services) << padded("DESTINATION", destinations)
            << "METHOD  RESULT\n";
  for (const Row& row : table) {
    std::cout << padded(row.service, services) << padded(row.destination, destinations)
              << padded(row.method, 8) << row.result << "\n";
  }
  for (const Finding& finding : findings) {
    std::cout << "\n" << to_string(finding.severity) << ": " << finding.name;
    if (!finding.service.empty())
      std::cout << ": " << finding.service << " " << finding.destination;
    std::cout << "\n  what      " << finding.what << "\n  evidence  " << finding.evidence
              << "\n  remedy    " << finding.remedy << "\n";
  }
  const std::size_t faults = count(findings, Severity::fault);
  const std::size_t unknown = count(findings, Severity::unknown);
  std::cout << "\n" << faults << (faults == 1 ? " fault" : " faults");
  if (unknown > 0) std::cout << ", " << unknown << " cannot be told";
  std::cout << "\n";
}

void print_json(const std::vector<Row>& table, const std::vector<Finding>& findings, bool ok) {
  json checked = json::array(), found = json::array();
  for (const Row& row : table) {
    checked.push_back({{"service", row.service},
                       {"destination", row.destination},
                       {"method", row.method},
                       {"result", row.result}});
  }
  for (const Finding& finding : findings) {
    found.push_back({{"name", finding.name},
                     {"severity", to_string(finding.severity)},
                     {"service", finding.service},
                     {"destination", finding.destination},
                     {"services", finding.services},
                     {"what", finding.what},
                     {"evidence", finding.evidence},
                     {"remedy", finding.remedy}});
  }
  const json report{{"version", 1},
                    {"ok", ok},
                    {"faults", count(findings, Severity::fault)},
                    {"cannot_tell", count(findings, Severity::unknown)},
                    {"notes", count(findings, Severity::note)},
                    {"destinations", checked},
                    {"findings", found}};
  std::cout << report.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
}

}  // namespace

int doctor(const Words& words) {
  const ParsedOptions options =
      parse_options("doctor",
                    "lvsctl doctor [-c FILE] [option ...]\n"
                    "Tests services and destinations with real packets, and names what is wrong.",
                    words, describe_options());
  if (options.exit_status) return *options.exit_status;
  if (::geteuid() != 0) return refuse("it needs root: it sends and hears packets");
  const json daemon = daemon_status(options);
  const bool runs = daemon.is_object();
  std::string file = options.text("config");
  if (file.empty()) file = runs ? daemon.value("config", "") : "/etc/lvsd/lvsd.yaml";
  auto config = load_config(file);
  if (!config) return refuse(to_string(config.error().list.front(), file));
  doctor::Examination wanted{.config = std::move(*config), .daemon = {}, .client = {}};
  if (runs) {
    wanted.daemon = daemon.value("pid", 0);
    wanted.rules_in_place = daemon.value("capture", json::object()).value("in_place", false);
  }
  wanted.patience = std::chrono::milliseconds(options.values["patience"].as<unsigned>());
  if (options.has("client")) {
    wanted.client = IpAddress::parse(options.text("client"));
    if (!wanted.client) return refuse("--client " + options.text("client") + ": not an IP address");
  }
  try {
    const NetworkMonitor monitor;
    const doctor::Evidence evidence = doctor::examine(wanted, *monitor.network());
    const std::vector<Finding> findings = doctor::judge(evidence);
    const bool ok = count(findings, Severity::fault) == 0;
    const std::vector<Row> table = rows(evidence, findings);
    options.has("json") ? print_json(table, findings, ok) : print(table, findings);
    return ok ? kFine : kFaults;
  } catch (const std::system_error& error) {
    return refuse(error.what());
  }
}

}  // namespace lvsd::ctl
