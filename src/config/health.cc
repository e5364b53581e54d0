// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/config/health.h"

#include <algorithm>

#include "lvsd/config/services.h"

namespace lvsd {
namespace {

constexpr std::array<std::string_view, 29> kCheckKeys{
    "type",   "via",   "address", "port",      "source",  "mark",        "interval", "timeout",
    "jitter", "rise",  "fall",    "initially", "backoff", "damping",     "agent",    "on_failure",
    "method", "path",  "host",    "status",    "body",    "server_name", "verify",   "certificate",
    "key",    "query", "send",    "expect",    "command"};

constexpr Duration kLongestProbe = std::chrono::seconds(30);  // as src/director/probes.h has it

constexpr std::string_view kHealthRemedy =
    "write a type ('health: tcp'), a mapping ({type: http, path: /healthz}), or off";

constexpr std::array<OtherKey, 6> kOtherKeys{
    {{"delay", "unknown key", "the time between two checks is 'interval'"},
     {"retries", "unknown key", "how many failures in a row it takes is 'fall'"},
     {"uri", "unknown key", "write 'path: /healthz'"},
     {"url", "unknown key", "write 'path: /healthz'"},
     {"weight", "unknown key", "a destination's weight stands beside its check"},
     {"off", "unknown key", "write 'health: off'"}}};

std::optional<CheckType> read_type(const Item& item) {
  std::array<Choice<CheckType>, kCheckTypes.size()> choices{};
  for (std::size_t i = 0; i < choices.size(); ++i) {
    choices[i] = {to_string(kCheckTypes[i]), kCheckTypes[i]};
  }
  return read_choice<CheckType>(item, choices);
}

// A duration, or "off" for none.
void read_switched(const Mapping& map, std::string_view key, Duration& into) {
  const auto field = map.find(key);
  if (!field) return;
  if (field->value.kind() == ValueKind::scalar && field->value.text() == "off") {
    into = Duration::zero();
  } else {
    assign(into, read_duration(*field));
  }
}

void read_rules(const Mapping& map, HealthRules& rules) {
  constexpr std::array<Choice<bool>, 2> kInitially{{{"up", true}, {"down", false}}};
  constexpr std::array<Choice<OnFailure>, 3> kActions{{{"quiesce", OnFailure::quiesce},
                                                       {"remove", OnFailure::remove},
                                                       {"reset", OnFailure::reset}}};
  if (const auto field = map.find("interval")) assign(rules.interval, read_duration(*field));
  if (const auto field = map.find("jitter")) {
    assign(rules.jitter, read_number(*field, {0, 50}, "a percentage, 0 to 50"));
  }
  if (const auto field = map.find("rise")) {
    assign(rules.rise, read_number(*field, {1, 1000}, "successes in a row, 1 to 1000"));
  }
  if (const auto field = map.find("fall")) {
    assign(rules.fall, read_number(*field, {1, 1000}, "failures in a row, 1 to 1000"));
  }
  if (const auto field = map.find("initially")) {
    assign(rules.initially_up, read_choice<bool>(*field, kInitially));
  }
  if (const auto field = map.find("on_failure")) {
    assign(rules.on_failure, read_choice<OnFailure>(*field, kActions));
  }
  read_switched(map, "backoff", rules.backoff);
  read_switched(map, "damping", rules.damping);
}

std::optional<Agent> read_agent(const Item& item) {
  constexpr std::array<std::string_view, 5> kKeys{"port", "address", "interval", "timeout", "send"};
  const Mapping map(item, kKeys, "write {port: 9999, interval: 5s}, or off");
  Agent agent;
  const auto port = map.require("port", "add the port that the agent listens on: 'port: 9999'");
  const auto number = port ? read_number(*port, {1, 65535}, "a port is 1 to 65535") : std::nullopt;
  if (!number) return std::nullopt;
  agent.port = Port(static_cast<std::uint16_t>(*number));
  if (const auto field = map.find("address")) {
    if (const auto address = read_destination_address(*field)) agent.address = address->address;
  }
  if (const auto field = map.find("interval")) assign(agent.interval, read_duration(*field));
  if (const auto field = map.find("timeout")) assign(agent.timeout, read_duration(*field));
  if (const auto field = map.find("send")) {
    assign(agent.send, read_bytes(*field));
  }
  return agent;
}

// A mark is a socket's, and the prober's own programs and echo requests have none from the daemon.
void judge_mark(const Item& at, const Probe& probe) {
  if (probe.mark == 0 || probe.via == Via::service) return;  // that is judged for itself
  if (probe.type != CheckType::ping && probe.type != CheckType::exec) return;
  at.refuse("a check of type " + std::string(to_string(probe.type)) +
                " cannot carry a mark, and would take another way than it should",
            "leave 'mark' out, or take another type");
}

void judge_check(const Item& item, const Mapping& map, const Health& health) {
  const CheckType type = health.probe.type;
  for (const std::string_view key : kCheckKeys) {
    const auto field = map.find(key);
    if (field && !fits(type, key)) {
      field->refuse("a check of type " + std::string(to_string(type)) + " has no use for it",
                    "leave it out");
    }
  }
  judge_mark(map.find("mark").value_or(item), health.probe);
  if (health.probe.timeout > health.rules.interval) {
    const auto field = map.find("timeout");
    (field ? *field : item)
        .refuse("the timeout is longer than the interval, so that checks would overlap",
                "make 'timeout' at most as long as 'interval'");
  }
  if (type == CheckType::exec && health.probe.command.empty()) {
    item.refuse("a check of type exec runs a program", "add 'command: [/usr/local/bin/check]'");
  }
  if (type == CheckType::udp && health.probe.send.empty()) {
    item.refuse("a check of type udp needs a question, for silence says nothing",
                "add 'send' and 'expect', or use dns, ntp or ping");
  }
}

void judge_via_type(const Item& at, const Probe& probe) {
  const bool takes_it = probe.type != CheckType::ping && probe.type != CheckType::exec;
  if (probe.via == Via::direct || takes_it) return;
  at.refuse("a check of type " + std::string(to_string(probe.type)) +
                " cannot take the service's data path",
            "write {type: " + std::string(to_string(probe.type)) + ", via: direct}");
}

// What takes the service's data path is addressed to its virtual address, and marked by lvsd.
void judge_via(const Item& item, const Mapping& map, const Probe& probe) {
  if (probe.via == Via::direct) return;
  const Item& at = map.find("via").value_or(item);
  judge_via_type(at, probe);
  for (const std::string_view key : {"address", "mark"}) {
    const bool given = key == "address" ? probe.address.has_value() : probe.mark != 0;
    if (!given) continue;
    map.find(key).value_or(at).refuse(
        "a check with 'via: service' has its " + std::string(key) + " from the service",
        "leave it out, or write 'via: direct'");
  }
  if (probe.timeout > kLongestProbe) {
    map.find("timeout").value_or(at).refuse(
        "a check with 'via: service' is remembered for 30 s only", "write at most 30s");
  }
}

}  // namespace

void read_health(const Item& item, std::optional<Health>& health) {
  if (item.value.kind() == ValueKind::scalar) {
    if (item.value.text() == "off") {
      health.reset();
      return;
    }
    const auto type = read_type(item);
    if (!type) return;
    if (!health) health.emplace();
    health->probe.type = *type;
    judge_via_type(item, health->probe);
    judge_mark(item, health->probe);
    if (*type == CheckType::exec || *type == CheckType::udp) {
      item.refuse("a check of type " + std::string(to_string(*type)) + " needs more than its type",
                  std::string(kHealthRemedy));
    }
    return;
  }
  const Mapping map(item, kCheckKeys, kHealthRemedy, kOtherKeys);
  if (!map.valid()) return;
  Health out = health.value_or(Health{});
  if (const auto field = map.find("type")) assign(out.probe.type, read_type(*field));
  read_probe(map, out.probe);
  read_rules(map, out.rules);
  if (const auto field = map.find("agent")) {
    if (field->value.kind() == ValueKind::scalar && field->value.text() == "off") {
      out.agent.reset();
    } else {
      out.agent = read_agent(*field);
    }
  }
  judge_check(item, map, out);
  judge_via(item, map, out.probe);
  health = std::move(out);
}

std::optional<Health> parse_check(std::string_view text) {
  Report report(text);
  const Document document(text, report);
  if (document.broken() || document.empty()) return std::nullopt;
  std::optional<Health> health;
  read_health({document.root(), Path(), report}, health);
  return report.clean() ? health : std::nullopt;
}

}  // namespace lvsd
