// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/realserver/held_address.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

namespace lvsd::realserver {
namespace {

using nlohmann::json;

constexpr std::uint32_t kForever = 0xffffffff;
// What `ip addr add` takes as a word of its own.
constexpr std::array kFlags{"home",       "mngtmpaddr",    "nodad",
                            "optimistic", "noprefixroute", "autojoin"};

// Names and numbers of rtnetlink's scopes; others are printed as numbers.
unsigned scope_number(const std::string& name) {
  constexpr std::array<std::pair<std::string_view, unsigned>, 5> kScopes{
      {{"global", 0}, {"site", 200}, {"link", 253}, {"host", 254}, {"nowhere", 255}}};
  for (const auto& [known, number] : kScopes) {
    if (name == known) return number;
  }
  return static_cast<unsigned>(std::stoul(name));
}

IpAddress address_from(const json& entry, const char* key) {
  const auto address = IpAddress::parse(entry.at(key).get<std::string>());
  if (!address) throw std::invalid_argument(std::string(key) + " is no address");
  return *address;
}

void add_lifetime(const json& entry, HeldAddress& held) {
  const std::uint32_t valid = entry.value("valid_life_time", kForever);
  const std::uint32_t preferred = entry.value("preferred_life_time", kForever);
  held.limited = valid != kForever || preferred != kForever;
  if (!held.limited) return;
  for (const auto& [word, seconds] :
       {std::pair{"valid_lft", valid}, {"preferred_lft", preferred}}) {
    held.rest.emplace_back(word);
    held.rest.push_back(seconds == kForever ? "forever" : std::to_string(seconds));
  }
}

HeldAddress held_from(const json& entry, const std::string& device) {
  HeldAddress held;
  held.device = device;
  held.address = address_from(entry, "local");
  held.length = entry.at("prefixlen").get<std::uint8_t>();
  const std::string length = "/" + std::to_string(held.length);
  if (entry.contains("address")) {
    held.name = {to_string(held.address), "peer",
                 to_string(address_from(entry, "address")) + length};
  } else {
    held.name = {to_string(held.address) + length};
  }
  const auto add = [&held](const char* word, std::string value) {
    held.rest.insert(held.rest.end(), {word, std::move(value)});
  };
  if (entry.contains("broadcast")) add("broadcast", to_string(address_from(entry, "broadcast")));
  const std::string scope = entry.value("scope", "global");
  held.scope = scope_number(scope);
  if (held.address.is_v4()) {  // that of IPv6 follows from the address
    if (held.scope != 0) add("scope", scope);
    const std::string label = entry.value("label", device);
    if (label != device) add("label", label);
  }
  if (entry.contains("metric")) add("metric", std::to_string(entry["metric"].get<std::uint32_t>()));
  const std::string protocol = entry.value("protocol", "");
  if (!protocol.empty() && protocol.rfind("kernel_", 0) != 0) add("proto", protocol);
  for (const char* flag : kFlags) {
    if (entry.value(flag, false)) held.rest.emplace_back(flag);
  }
  held.secondary = held.address.is_v4() && entry.value("secondary", false);
  held.temporary = entry.value("temporary", false);
  add_lifetime(entry, held);
  return held;
}

}  // namespace

Result<std::vector<HeldAddress>, Error> parse_addresses(std::string_view text) {
  try {
    std::vector<HeldAddress> all;
    for (const json& link : json::parse(text)) {
      if (!link.contains("addr_info")) continue;
      for (const json& entry : link["addr_info"]) {
        const std::string family = entry.value("family", "");
        if (family != "inet" && family != "inet6") continue;
        if (!entry.contains("local")) continue;  // an anycast address of the kernel's
        all.push_back(held_from(entry, link.at("ifname").get<std::string>()));
      }
    }
    return all;
  } catch (const std::exception& wrong) {
    return fail(std::string("ip addr: ") + wrong.what());
  }
}

std::vector<HeldAddress> overtaken_by(const std::vector<HeldAddress>& all, const HeldAddress& one) {
  std::vector<HeldAddress> overtaken;
  bool behind = false;
  for (const HeldAddress& other : all) {
    if (other.device != one.device || other.address.is_v4() != one.address.is_v4()) continue;
    if (other.name == one.name) {
      behind = true;
    } else if (!one.address.is_v4()) {
      if (!behind && other.scope == one.scope) overtaken.push_back(other);
    } else if (behind && (one.secondary || (!other.secondary && other.scope >= one.scope))) {
      overtaken.push_back(other);
    }
  }
  return overtaken;
}

}  // namespace lvsd::realserver
