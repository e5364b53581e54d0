// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/announcer_record.h"

#include <algorithm>

namespace lvsd {
namespace {

constexpr std::size_t kLongestName = 15;  // IFNAMSIZ - 1

// What the kernel accepts as the name of an interface, but for characters that a line cannot hold.
bool is_interface_name(std::string_view name) {
  const auto visible = [](char c) { return c > ' ' && c != 0x7f && c != '/'; };
  return !name.empty() && name.size() <= kLongestName &&
         std::all_of(name.begin(), name.end(), visible);
}

}  // namespace

std::vector<OwnAddress> parse_record(std::string_view text) {
  std::vector<OwnAddress> own;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) continue;
    const std::optional<IpAddress> address = IpAddress::parse(line.substr(0, space));
    const std::string_view name = line.substr(space + 1);
    if (address && is_interface_name(name)) own.push_back({*address, std::string(name)});
  }
  std::sort(own.begin(), own.end());
  own.erase(std::unique(own.begin(), own.end()), own.end());
  return own;
}

std::string format_record(const std::vector<OwnAddress>& own) {
  std::string text;
  for (const OwnAddress& entry : own) {
    text += to_string(entry.address) + " " + entry.interface + "\n";
  }
  return text;
}

Result<const Interface*, Error> choose_interface(const IpAddress& vip, const Announce& announce,
                                                 const Network& network) {
  if (!announce.interface.empty()) {
    const Interface* chosen = network.interface(announce.interface);
    if (chosen != nullptr) return chosen;
    return fail("there is no interface " + announce.interface + " to put " + to_string(vip) +
                " on");
  }
  const Interface* best = nullptr;
  const Interface* loopback = nullptr;
  int best_length = -1;
  for (const Interface& candidate : network.interfaces()) {
    if (candidate.loopback && loopback == nullptr) loopback = &candidate;
    for (const InterfaceAddress& own : candidate.addresses) {
      if (own.length == own.address.width() || own.length <= best_length) continue;
      if (!Prefix::of(own.address, own.length).contains(vip)) continue;
      best = &candidate;
      best_length = own.length;
    }
  }
  if (best != nullptr) return best;
  if (loopback != nullptr) return loopback;
  return fail("no interface has a network that holds " + to_string(vip) + ", and there is no lo");
}

}  // namespace lvsd
