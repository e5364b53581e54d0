// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/control/connection_list.h"

#include <fmt/format.h>

#include "lvsd/control/json_reader.h"
#include "lvsd/control/json_text.h"

namespace lvsd {
namespace {

using nlohmann::json;

void append(std::string& out, std::string_view before, const Endpoint& endpoint) {
  append_json(out.append(before), "{\"address\":", to_string(endpoint.address));
  append_json(out, ",\"port\":", endpoint.port.host());
  out += '}';
}

ConnectionSnapshot parse_connection(const json& object) {
  ConnectionSnapshot out;
  out.protocol = number<std::uint8_t>(object, "protocol");
  out.state = object.at("state").get<std::string>();
  out.client = endpoint_of(object.at("client"));
  out.virtual_end = endpoint_of(object.at("virtual"));
  out.destination = endpoint_of(object.at("destination"));
  out.expires = std::chrono::seconds(number<std::uint32_t>(object, "expires"));
  out.is_template = object.at("template").get<bool>();
  out.engine = object.value("engine", "");
  out.engine_data = object.value("engine_data", "");
  return out;
}

std::string protocol_name(std::uint8_t protocol) {
  switch (static_cast<IpProtocol>(protocol)) {
    case IpProtocol::tcp:
      return "TCP";
    case IpProtocol::udp:
      return "UDP";
    case IpProtocol::sctp:
      return "SCTP";
    case IpProtocol::ah:
      return "AH";
    case IpProtocol::esp:
      return "ESP";
    default:
      return "IP";  // a template of a service by mark
  }
}

void append(std::string& out, const ConnectionSnapshot& connection) {
  append(out, "{\"client\":", connection.client);
  append(out, ",\"destination\":", connection.destination);
  if (!connection.engine.empty()) {
    append_json(out, ",\"engine\":", connection.engine);
    append_json(out, ",\"engine_data\":", connection.engine_data);
  }
  append_json(out, ",\"expires\":", connection.expires.count());
  append_json(out, ",\"protocol\":", connection.protocol);
  append_json(out, ",\"state\":", connection.state);
  append_json(out, ",\"template\":", connection.is_template);
  append(out, ",\"virtual\":", connection.virtual_end);
  out += '}';
}

}  // namespace

json to_json(const ConnectionSnapshot& connection) {
  std::string text;
  append(text, connection);
  return json::parse(text);
}

// Its keys in their order (control/json_text.h).
std::string connections_reply(const ListedConnections& page) {
  std::string text = "{\"connections\":[";
  for (const ConnectionSnapshot& each : page.connections) {
    append(text, each);
    text += ',';
  }
  if (!page.connections.empty()) text.pop_back();
  text += ']';
  if (page.next) {
    append_json(text, ",\"next\":{\"cursor\":", page.next->place);
    append_json(text, ",\"worker\":", page.next->worker);
    text += '}';
  }
  append_json(text, ",\"ok\":true,\"version\":", kControlVersion);
  return text + "}";
}

Result<ListedConnections, Error> parse_connections(const json& reply) {
  try {
    ListedConnections page;
    for (const json& each : reply.at("connections")) {
      page.connections.push_back(parse_connection(each));
    }
    if (reply.contains("next")) {
      const json& next = reply.at("next");
      page.next = {number<std::uint32_t>(next, "worker"), number<std::uint32_t>(next, "cursor")};
    }
    return page;
  } catch (const json::exception& wrong) {
    return fail(std::string("the daemon's connections cannot be read: ") + wrong.what());
  }
}

std::string connections_title(bool with_engine) {
  std::string title = "IPVS connection entries\n";
  if (!with_engine) {
    return title + "pro expire state       source             virtual            destination\n";
  }
  return title + fmt::format("pro expire {:<11} {:<18} {:<18} {:<18} {:<16} {}\n", "state",
                             "source", "virtual", "destination", "pe name", "pe_data");
}

std::string format_connection(const ConnectionSnapshot& connection, bool with_engine) {
  const auto seconds = connection.expires.count();
  const std::string head =
      fmt::format("{:<3} {:02}:{:02}  {:<11} {:<18} {:<18}", protocol_name(connection.protocol),
                  seconds / 60, seconds % 60, connection.state, to_string(connection.client),
                  to_string(connection.virtual_end));
  const std::string destination = to_string(connection.destination);
  if (!with_engine || connection.engine.empty()) return head + " " + destination + "\n";
  std::string data = connection.engine_data;  // a client's bytes, on a terminal
  for (char& c : data) {
    if (c < ' ' || c > '~') c = '?';
  }
  return fmt::format("{} {:<16} {:<18} {}\n", head, destination, connection.engine, data);
}

}  // namespace lvsd
