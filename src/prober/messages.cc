// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/prober/messages.h"

#include <nlohmann/json.hpp>

#include "lvsd/config/health.h"

namespace lvsd {
namespace {

using nlohmann::json;

std::string text_of(const json& message) {
  return message.dump(-1, ' ', false, json::error_handler_t::replace);
}

// Whatever `read` finds missing or of another type is an exception of the library's.
template <class Read>
auto guarded(Read read) -> std::optional<decltype(read())> {
  try {
    return read();
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

json to_json(const Agent& agent) {
  return {{"port", agent.port.host()},
          {"interval", agent.interval.count()},
          {"timeout", agent.timeout.count()},
          {"send", escape(agent.send)}};
}

Agent parse_agent_of(const json& object) {
  Agent agent;
  agent.port = Port(object.at("port").get<std::uint16_t>());
  agent.interval = Duration(object.at("interval").get<std::int64_t>());
  agent.timeout = Duration(object.at("timeout").get<std::int64_t>());
  agent.send = unescape(object.at("send").get<std::string>()).value_or("");
  return agent;
}

}  // namespace

// The check itself goes as it would stand in the file: one form, one reader, one set of rules.
std::string to_message(const Order& order) {
  Health health = order.health;
  health.agent.reset();
  json message = {{"set", order.id},
                  {"check", show_check(health)},
                  {"address", to_string(order.target.address)},
                  {"port", order.target.port.host()},
                  {"service", order.service},
                  {"destination", order.destination}};
  if (order.agent) message["agent"] = to_json(*order.health.agent);
  return text_of(message);
}

std::string to_message(const Telling& telling) {
  return text_of({{"tell",
                   {{"command", telling.hooks.command},
                    {"url", telling.hooks.url},
                    {"variables", telling.variables}}}});
}

std::string to_message(const std::vector<ProbeResult>& results) {
  json list = json::array();
  for (const ProbeResult& result : results) {
    list.push_back({result.id, result.success, result.took.count(), result.text, result.expires});
  }
  return text_of({{"results", std::move(list)}});
}

std::string to_message(const SocketNeed& need) {
  return text_of(
      {{"need", need.number}, {"v4", need.v4}, {"stream", need.stream}, {"mark", need.mark}});
}

std::optional<json> parse_message(std::string_view text) {
  json message = json::parse(text, nullptr, false);
  if (!message.is_object()) return std::nullopt;
  return message;
}

std::optional<Order> parse_order(const json& message) {
  auto order = guarded([&message] {
    Order out;
    out.id = message.at("set").get<std::uint64_t>();
    out.service = message.at("service").get<std::string>();
    out.destination = message.at("destination").get<std::string>();
    out.target.port = Port(message.at("port").get<std::uint16_t>());
    const auto address = IpAddress::parse(message.at("address").get<std::string>());
    const auto health = parse_check(message.at("check").get<std::string>());
    out.agent = message.contains("agent");
    if (health) out.health = *health;
    if (address) out.target.address = *address;
    if (out.agent) out.health.agent = parse_agent_of(message.at("agent"));
    return std::pair(out, health && address);
  });
  if (!order || !order->second) return std::nullopt;
  return std::move(order->first);
}

std::optional<Telling> parse_telling(const json& message) {
  return guarded([&message] {
    const json& object = message.at("tell");
    Telling out;
    out.hooks.command = object.at("command").get<std::vector<std::string>>();
    out.hooks.url = object.at("url").get<std::string>();
    out.variables = object.at("variables").get<decltype(out.variables)>();
    return out;
  });
}

std::vector<ProbeResult> parse_results(const json& message) {
  const auto results = guarded([&message] {
    std::vector<ProbeResult> out;
    for (const json& entry : message.at("results")) {
      ProbeResult result;
      result.id = entry.at(0).get<std::uint64_t>();
      result.success = entry.at(1).get<bool>();
      result.took = std::chrono::microseconds(entry.at(2).get<std::int64_t>());
      result.text = entry.at(3).get<std::string>();
      result.expires = entry.at(4).get<std::int64_t>();
      out.push_back(std::move(result));
    }
    return out;
  });
  return results.value_or(std::vector<ProbeResult>());
}

std::optional<SocketNeed> parse_need(const json& message) {
  return guarded([&message] {
    return SocketNeed{message.at("need").get<std::uint64_t>(), message.at("v4").get<bool>(),
                      message.at("stream").get<bool>(), message.at("mark").get<std::uint32_t>()};
  });
}

}  // namespace lvsd
