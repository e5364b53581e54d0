// SPDX-License-Identifier: GPL-2.0-or-later
#include <iostream>

#include "lvsd/control/listing.h"
#include "lvsd/ctl/live.h"

namespace lvsd::ctl {

int list(const Words& words) {
  LiveCommand command(Command::list, "Lists services and destinations as ipvsadm -Ln does.");
  command.add_options()("numeric,n",
                        "addresses and ports as numbers: always so, for ipvsadm's users")(
      "stats", "packets and bytes since the start instead of weights and connections")(
      "rate", "the same per second, over the last seconds")(
      "exact", "with --stats and --rate: no K, M, G, T")(
      "thresholds", "upper and lower thresholds instead of methods and weights")(
      "persistent-conn", "how many clients are remembered")(
      "connections,c", "the connections one by one, as ipvsadm -Lnc does")(
      "client", po::value<std::string>()->value_name("ADDRESS[/LENGTH]"),
      "with -c: of this client")("service", po::value<std::string>()->value_name("NAME"),
                                 "with -c: of this service")(
      "destination", po::value<std::string>()->value_name("ADDRESS[:PORT]"),
      "with -c: to this destination")("state", po::value<std::string>()->value_name("STATE"),
                                      "with -c: in this state, as ESTABLISHED")(
      "list,L", "nothing: for ipvsadm's users, who write -Ln")("tun-info",
                                                               "how tunnels encapsulate")(
      "timeout", "the timeouts of TCP, of TCP after a FIN, and of UDP, and nothing else");
  if (!command.parse(words)) return command.status();
  if (command.given("connections")) return list_connections(command);
  const auto reply = command.ask();
  if (!reply) return command.status();
  const auto listing = parse_listing(*reply);
  if (!listing) {
    std::cerr << "lvsctl: " << listing.error().message << "\n";
    return kNo;
  }
  if (command.given("timeout")) {
    std::cout << format_timeouts(listing->timeouts);
    return command.status();
  }
  // Where several are given, the first of ipvsadm's order counts.
  ListForm form = ListForm::connections;
  if (command.given("tun-info")) form = ListForm::tunnels;
  if (command.given("persistent-conn")) form = ListForm::persistent;
  if (command.given("thresholds")) form = ListForm::thresholds;
  if (command.given("rate")) form = ListForm::rates;
  if (command.given("stats")) form = ListForm::statistics;
  const ListOptions options{.form = form, .exact = command.given("exact")};
  std::cout << format_list(*listing, options);
  // Not part of the table that scripts read.
  const std::string retired = describe_retired(*listing);
  if (!retired.empty()) std::cerr << retired << " (see lvsctl list --json)\n";
  return command.status();
}

}  // namespace lvsd::ctl
