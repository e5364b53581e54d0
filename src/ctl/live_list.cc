// SPDX-License-Identifier: GPL-2.0-or-later
#include <fstream>
#include <iostream>

#include "lvsd/control/listing.h"
#include "lvsd/control/reason_json.h"
#include "lvsd/ctl/live.h"
#include "lvsd/ctl/status_format.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;

// Of 100,000 destinations, on a machine that has other work for its CPUs.
constexpr std::chrono::seconds kPatience{60};

// Where several are given, the first of ipvsadm's order counts.
ListOptions options_of(const LiveCommand& command) {
  ListForm form = ListForm::connections;
  if (command.given("tun-info")) form = ListForm::tunnels;
  if (command.given("persistent-conn")) form = ListForm::persistent;
  if (command.given("thresholds")) form = ListForm::thresholds;
  if (command.given("rate")) form = ListForm::rates;
  if (command.given("stats")) form = ListForm::statistics;
  return {.form = form, .exact = command.given("exact")};
}

// As lvsd names it, from a name, or from what ipvsadm calls it by.
std::optional<std::string> service_of(const LiveCommand& command) {
  if (command.given("service")) return command.text("service");
  if (command.given("tcp-service")) return command.text("tcp-service") + "/tcp";
  if (command.given("udp-service")) return command.text("udp-service") + "/udp";
  if (command.given("sctp-service")) return command.text("sctp-service") + "/sctp";
  if (command.given("fwmark-service")) return "fwmark:" + command.text("fwmark-service");
  return std::nullopt;
}

// False where options are given that one another leave without a meaning, which is said.
bool agree(LiveCommand& command) {
  const auto first = [&](std::initializer_list<const char*> names) -> const char* {
    for (const char* name : names) {
      if (command.given(name)) return name;
    }
    return nullptr;
  };
  const auto refuse = [&](const std::string& what, const char* option) {
    return option == nullptr || command.refuse(what + " has no --" + option);
  };
  const auto services = {"tcp-service", "udp-service", "sctp-service", "fwmark-service"};
  if (command.given("from")) {
    const bool drops = command.given("drops");
    return refuse("--from", first({"connections", "json", "service"})) &&
           refuse("--from", first(services)) &&
           (!drops || refuse("--drops", first({"stats", "rate", "thresholds", "timeout"})));
  }
  if (command.given("connections")) {
    return refuse("--connections", first({"stats", "rate", "thresholds", "timeout", "drops"})) &&
           refuse("--connections", first(services));
  }
  if (!refuse("a listing without --connections", first({"client", "destination", "state"}))) {
    return false;
  }
  if (!command.given("drops") && !command.given("timeout")) return true;
  const std::string what = command.given("drops") ? "--drops" : "--timeout";
  return refuse(what, first({"stats", "rate", "thresholds", "service"})) &&
         refuse(what, first(services));
}

int say(const Error& error) {
  std::cerr << "lvsctl: " << error.message << "\n";
  return kNo;
}

Result<json, Error> read_json(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(file + ": cannot be read");
  return json::parse(in, nullptr, /*allow_exceptions=*/false);
}

Result<Listing, Error> read_listing(const std::string& file) {
  const auto read = read_json(file);
  if (!read) return Unexpected{read.error()};
  const json& whole = *read;
  const bool report = whole.is_object() && whole.contains("listing");
  auto listing = parse_listing(report ? whole.at("listing") : whole);
  if (!listing) return fail(file + ": " + listing.error().message);
  return listing;
}

// The daemon lays it out itself: what is sent and read is a tenth of the JSON.
int print_text(LiveCommand& command) {
  Request request{Command::list};
  if (!command.given("json")) request.form = to_string(options_of(command));
  request.service = service_of(command);
  const auto reply = command.ask_and_print(request);
  if (!reply) return command.status();
  std::cout << reply->value("text", "");
  // Not part of the table that scripts read.
  const std::string retired = reply->value("retired", "");
  if (!retired.empty()) std::cerr << retired << " (see lvsctl list --json)\n";
  return command.status();
}

int print_timeouts(LiveCommand& command) {
  const auto reply = command.ask_and_print(Request{Command::list});
  if (!reply) return command.status();
  const auto listing = parse_listing(*reply);
  if (!listing) return say(listing.error());
  std::cout << format_timeouts(listing->timeouts);
  return command.status();
}

int print_drops(LiveCommand& command) {
  const auto reply = command.ask_and_print(Request{Command::status});
  if (!reply) return command.status();
  try {
    std::cout << format_packets(reply->at("status").at("packets"));
  } catch (const json::exception& wrong) {
    return say({std::string("the daemon's status cannot be read: ") + wrong.what()});
  }
  return command.status();
}

// A report counts by name; the reply to status has a sentence for each reason, too.
template <class Reason>
json with_meanings(const json& counts, std::size_t reasons) {
  json all = json::array();
  for (std::size_t i = 0; i < reasons; ++i) {
    const auto reason = static_cast<Reason>(i);
    const std::string name(to_string(reason));
    if (counts.contains(name)) all.push_back(reason_json(reason, counts.at(name)));
  }
  return all;
}

int print_drops_of(const std::string& file) {
  const auto read = read_json(file);
  if (!read) return say(read.error());
  try {
    const json& summary = read->at("summary");
    json packets{{"forwarded", summary.at("forwarded")},
                 {"held", summary.at("held").at("packets")},
                 {"originated", summary.at("originated")},
                 {"probes", summary.at("probes")}};
    packets["accepted"] = with_meanings<AcceptReason>(summary.at("accepted"), kAcceptReasons);
    packets["dropped"] = with_meanings<DropReason>(summary.at("dropped"), kDropReasons);
    std::cout << format_packets(packets);
  } catch (const json::exception& wrong) {
    return say({file + ": is no report of lvsctl replay: " + wrong.what()});
  }
  return kFine;
}

int print_file(LiveCommand& command) {
  if (command.given("drops")) return print_drops_of(command.text("from"));
  const auto listing = read_listing(command.text("from"));
  if (!listing) return say(listing.error());
  if (command.given("timeout")) {
    std::cout << format_timeouts(listing->timeouts);
  } else {
    std::cout << format_list(*listing, options_of(command));
  }
  return kFine;
}

}  // namespace

int list(const Words& words) {
  LiveCommand command(Command::list, "Lists services and destinations as ipvsadm -Ln does.");
  command.add_options()("numeric,n",
                        "addresses and ports as numbers: always so, for ipvsadm's users")(
      "stats", "packets and bytes since the start instead of weights and connections")(
      "rate", "the same per second, over the last seconds")(
      "exact,X", "with --stats and --rate: no K, M, G, T")(
      "thresholds", "upper and lower thresholds instead of methods and weights")(
      "persistent-conn", "how many clients are remembered")(
      "connections,c", "the connections one by one, as ipvsadm -Lnc does")(
      "client", po::value<std::string>()->value_name("ADDRESS[/LENGTH]"),
      "with -c: of this client")("service", po::value<std::string>()->value_name("NAME"),
                                 "of this service, by its name or as 192.0.2.10:80/tcp")(
      "tcp-service,t", po::value<std::string>()->value_name("ADDRESS:PORT"),
      "of this service, as ipvsadm's users name it")(
      "udp-service,u", po::value<std::string>()->value_name("ADDRESS:PORT"), "the same")(
      "sctp-service", po::value<std::string>()->value_name("ADDRESS:PORT"), "the same")(
      "fwmark-service,f", po::value<std::string>()->value_name("MARK"), "the same")(
      "destination", po::value<std::string>()->value_name("ADDRESS[:PORT]"),
      "with -c: to this destination")("state", po::value<std::string>()->value_name("STATE"),
                                      "with -c: in this state, as ESTABLISHED")(
      "list,L", "nothing: for ipvsadm's users, who write -Ln")("sort", "nothing: as it is")(
      "nosort", "nothing: a listing is always sorted")("tun-info", "how tunnels encapsulate")(
      "timeout", "the timeouts of TCP, of TCP after a FIN, and of UDP, and nothing else")(
      "drops", "what became of packets instead: how many were dropped, and why")(
      "from", po::value<std::string>()->value_name("FILE"),
      "of this report of 'lvsctl replay --json', or saved reply, instead of a daemon");
  command.patience(kPatience);
  if (!command.parse(words)) return command.status();
  if (!agree(command)) return command.status();
  if (command.given("from")) return print_file(command);
  if (command.given("connections")) return list_connections(command);
  if (command.given("drops")) return print_drops(command);
  return command.given("timeout") ? print_timeouts(command) : print_text(command);
}

}  // namespace lvsd::ctl
