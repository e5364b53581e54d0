// SPDX-License-Identifier: GPL-2.0-or-later
// The key `state` of a destination.
#include <array>

#include "lvsd/config/services.h"

namespace lvsd {
namespace {

constexpr std::string_view kRemedy =
    "write up or drain, or in full {name: drain, connections: keep, clients: keep}";

enum class Name : std::uint8_t { none, up, drain };
constexpr std::array<Choice<Name>, 2> kNames{{{"up", Name::up}, {"drain", Name::drain}}};
constexpr std::array<Choice<Ending>, 3> kEndings{
    {{"keep", Ending::keep}, {"reset", Ending::reset}, {"move", Ending::move}}};
constexpr std::array<Choice<bool>, 2> kClients{{{"keep", true}, {"move", false}}};

}  // namespace

std::optional<Drain> read_state(const Item& item) {
  constexpr std::array<std::string_view, 3> kKeys{"name", "connections", "clients"};
  if (item.value.kind() != ValueKind::mapping) {
    const auto name = read_choice<Name>(item, kNames);
    return name == Name::drain ? std::optional(Drain{}) : std::nullopt;
  }
  const Mapping map(item, kKeys, kRemedy);
  const auto field = map.require("name", "add what it is: 'name: drain'");
  const Name name = (field ? read_choice<Name>(*field, kNames) : std::nullopt).value_or(Name::none);
  Drain out;
  const auto connections = map.find("connections"), clients = map.find("clients");
  if (connections) assign(out.ending, read_choice<Ending>(*connections, kEndings));
  out.keeps_clients = out.ending == Ending::keep;
  if (clients) assign(out.keeps_clients, read_choice<bool>(*clients, kClients));
  if (clients && out.keeps_clients && out.ending != Ending::keep) {
    clients->refuse("clients cannot stay where connections do not", "write 'clients: move'");
  }
  if (name == Name::up && (connections || clients)) {
    field->refuse("a destination that is up keeps its connections and clients",
                  "write 'state: up', or 'name: drain'");
  }
  return name == Name::drain ? std::optional(out) : std::nullopt;
}

std::string drain_text(const Drain& drain) {
  if (drain == Drain{}) return "drain";
  return "{name: drain, connections: " + std::string(to_string(drain.ending)) +
         ", clients: " + (drain.keeps_clients ? "keep" : "move") + "}";
}

}  // namespace lvsd
