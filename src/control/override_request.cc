// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/control/override_request.h"

#include <charconv>
#include <nlohmann/json.hpp>

namespace lvsd {
namespace {

using nlohmann::json;

constexpr std::uint32_t kLongestDeadline = 366U * 24 * 3600;

std::optional<std::uint64_t> number_up_to(const json& value, std::uint64_t most) {
  if (!value.is_number_unsigned()) return std::nullopt;
  const auto number = value.get<std::uint64_t>();
  return number <= most ? std::optional(number) : std::nullopt;
}

std::string_view word(const json& value) {
  return value.is_string() ? std::string_view(value.get_ref<const std::string&>()) : "";
}

}  // namespace

Result<bool, Error> take_field(OverrideRequest& request, const std::string& key,
                               const json& value) {
  if (key == "weight") {
    const auto weight = number_up_to(value, 65535);
    if (!weight) return fail("\"weight\" is not a number from 0 to 65535");
    request.weight = static_cast<std::uint16_t>(*weight);
  } else if (key == "deadline") {
    const auto deadline = number_up_to(value, kLongestDeadline);
    if (!deadline) return fail("\"deadline\" is not a number of seconds within a year");
    request.deadline = static_cast<std::uint32_t>(*deadline);
  } else if (key == "on_deadline") {
    const auto ending = parse_ending(word(value));
    if (!ending) return fail("\"on_deadline\" is none of keep, reset and move");
    request.on_deadline = *ending;
  } else if (key == "clients") {
    if (word(value) != "keep" && word(value) != "move") {
      return fail("\"clients\" is neither keep nor move");
    }
    request.keeps_clients = word(value) == "keep";
  } else {
    return false;
  }
  return true;
}

void put_fields(json& line, const OverrideRequest& request) {
  if (request.destination.empty()) return;
  line["destination"] = request.destination;
  if (request.weight) line["weight"] = *request.weight;
  if (request.deadline) line["deadline"] = *request.deadline;
  if (request.on_deadline != Ending::keep) line["on_deadline"] = to_string(request.on_deadline);
  if (!request.keeps_clients) line["clients"] = "move";
}

std::optional<NamedEndpoint> parse_named_endpoint(std::string_view text) {
  if (const auto address = IpAddress::parse(text)) return NamedEndpoint{*address, {}};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const auto address = IpAddress::parse(host);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (!address || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return NamedEndpoint{*address, Port(port)};
}

}  // namespace lvsd
