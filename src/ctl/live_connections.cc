// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl list --connections: page after page, printed as it comes, since a table may hold millions.
#include <iostream>

#include "lvsd/control/connection_list.h"
#include "lvsd/control/listing.h"
#include "lvsd/ctl/connection_filter.h"
#include "lvsd/ctl/connections_json.h"
#include "lvsd/ctl/live.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;

// Calls `show` with each page; false where one is missing.
template <class Show>
bool each_page(LiveCommand& command, Show&& show) {
  std::optional<Cursor> at = Cursor{};
  while (at) {
    const auto reply = command.ask(Request{Command::connections, *at});
    if (!reply) return false;
    const auto page = parse_connections(*reply);
    if (!page) {
      std::cerr << "lvsctl: " << page.error().message << "\n";
      return false;
    }
    show(*page);
    at = page->next;
  }
  return true;
}

int print_json(LiveCommand& command, const ConnectionFilter& filter) {
  ConnectionsPrinter printer(std::cout, filter);
  std::optional<Cursor> at = Cursor{};
  while (at) {
    const auto reply = command.ask_for_text(Request{Command::connections, *at});
    if (!reply || command.status() != kFine) {
      if (printer.begun()) printer.end("the daemon did not answer for the rest");
      if (reply && !printer.begun()) JsonPrinter(std::cout).value(*reply).raw("\n");
      return command.failure();
    }
    const auto next = printer.add(*reply);
    if (!next) {
      std::cerr << "lvsctl: " << next.error().message << "\n";
      if (printer.begun()) printer.end(next.error().message);
      return kNo;
    }
    at = *next;
  }
  printer.end();
  return kFine;
}

// The key of a service by its name, as the daemon knows it.
std::optional<ServiceKey> find_service(LiveCommand& command, const std::string& name) {
  const auto reply = command.ask(Request{Command::list});
  if (!reply) return std::nullopt;
  const auto listing = parse_listing(*reply);
  if (listing) {
    for (const ListedService& each : listing->services) {
      const ServiceKey& key = each.service.key;
      if (each.service.name != name && to_string(key) != name) continue;
      if (!key.is_by_mark()) return key;
      command.refuse("connections do not tell the mark that they came with: " + name +
                     " is a service by mark");
      return std::nullopt;
    }
  }
  command.refuse(listing ? "there is no service called " + name : listing.error().message);
  return std::nullopt;
}

// Nothing where an option is wrong, which is said.
std::optional<ConnectionFilter> read_filter(LiveCommand& command) {
  ConnectionFilter filter;
  if (command.given("client")) {
    filter.client = parse_prefix(command.text("client"));
    if (!filter.client) command.refuse("--client takes 10.1.0.7 or 10.1.0.0/16");
  }
  if (command.given("destination")) {
    filter.destination = parse_named_endpoint(command.text("destination"));
    if (!filter.destination) command.refuse("--destination takes 10.0.0.11 or 10.0.0.11:80");
  }
  if (command.given("state")) {
    filter.state = command.text("state");
    for (char& letter : filter.state) {
      if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
    }
  }
  if (command.status() == kFine && command.given("service")) {
    filter.service = find_service(command, command.text("service"));
    if (!filter.service) return std::nullopt;
  }
  return command.status() == kFine ? std::optional(filter) : std::nullopt;
}

}  // namespace

int list_connections(LiveCommand& command) {
  const auto filter = read_filter(command);
  if (!filter) return command.failure();
  if (command.given("json")) return print_json(command, *filter);
  const bool with_engine = command.given("persistent-conn");
  bool titled = false;
  const bool complete = each_page(command, [&](const ListedConnections& page) {
    if (!titled) std::cout << connections_title(with_engine);
    titled = true;
    for (const ConnectionSnapshot& connection : page.connections) {
      if (filter->matches(connection)) std::cout << format_connection(connection, with_engine);
    }
  });
  return complete ? kFine : command.failure();
}

}  // namespace lvsd::ctl
