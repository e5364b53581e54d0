// SPDX-License-Identifier: GPL-2.0-or-later
#include <nlohmann/json.hpp>

#include "lvsd/control/explanation.h"

namespace lvsd {
namespace {

using nlohmann::json;

std::optional<unsigned> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

EmittedPacket parse_emitted(const json& value) {
  EmittedPacket packet;
  packet.interface = value.at("interface").get<std::string>();
  packet.routed = value.at("routed").get<bool>();
  packet.unfinished = value.at("unfinished").get<bool>();
  packet.source = Mac::parse(value.at("source_mac").get<std::string>()).value_or(Mac());
  packet.destination = Mac::parse(value.at("destination_mac").get<std::string>()).value_or(Mac());
  packet.bytes = from_hex(value.at("bytes").get<std::string>()).value_or(std::vector<std::byte>());
  return packet;
}

}  // namespace

std::string to_hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<std::size_t>(byte >> 4U)];
    text += kDigits[std::to_integer<std::size_t>(byte & std::byte{0xf})];
  }
  return text;
}

std::optional<std::vector<std::byte>> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = digit(text[i]), low = digit(text[i + 1]);
    if (!high || !low) return std::nullopt;
    bytes.push_back(static_cast<std::byte>(*high << 4U | *low));
  }
  return bytes;
}

json to_json(const Explanation& explanation) {
  json emitted = json::array();
  for (const EmittedPacket& packet : explanation.emitted) {
    emitted.push_back({{"interface", packet.interface},
                       {"routed", packet.routed},
                       {"unfinished", packet.unfinished},
                       {"source_mac", to_string(packet.source)},
                       {"destination_mac", to_string(packet.destination)},
                       {"bytes", to_hex(packet.bytes)}});
  }
  return {{"verdict", explanation.verdict},     {"reason", explanation.reason},
          {"service", explanation.service},     {"destination", explanation.destination},
          {"sentences", explanation.sentences}, {"emitted", std::move(emitted)}};
}

Result<Explanation, Error> parse_explanation(const json& value) {
  try {
    Explanation out;
    out.verdict = value.at("verdict").get<std::string>();
    out.reason = value.at("reason").get<std::string>();
    out.service = value.at("service").get<std::string>();
    out.destination = value.at("destination").get<std::string>();
    out.sentences = value.at("sentences").get<std::vector<std::string>>();
    for (const json& packet : value.at("emitted")) out.emitted.push_back(parse_emitted(packet));
    return out;
  } catch (const json::exception&) {
    return fail("the daemon's explanation cannot be read");
  }
}

}  // namespace lvsd
