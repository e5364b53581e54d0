// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>

#include "lvsd/config/services.h"

namespace lvsd {
namespace {

constexpr std::string_view kRemedy =
    "write {masquerade: ADDRESS}, an address of the director that real servers reach, or none";

std::optional<IpAddress> read_own_address(const Item& item, bool v4) {
  const auto address = read_destination_address(item);
  if (!address) return std::nullopt;
  if (address->port) {
    item.refuse("has a port, which lvsd chooses", "write the address alone");
  } else if (address->address.is_v4() != v4) {
    item.refuse("an address of the other family than the service",
                std::string("write the director's ") + (v4 ? "IPv4" : "IPv6") + " address");
  } else {
    return address->address;
  }
  return std::nullopt;
}

}  // namespace

std::optional<IpAddress> read_hairpin(const Item& item, const VirtualService& service, bool v4) {
  constexpr std::array<std::string_view, 1> kKeys{"masquerade"};
  if (item.value.kind() == ValueKind::scalar) {
    constexpr std::array<Choice<bool>, 2> kWords{{{"none", false}, {"masquerade", true}}};
    if (read_choice<bool>(item, kWords).value_or(false)) {
      item.refuse("names no address", std::string(kRemedy));
    }
    return std::nullopt;
  }
  const Mapping map(item, kKeys, kRemedy);
  const std::optional<Item> field = map.require("masquerade", kRemedy);
  const auto address = field ? read_own_address(*field, v4) : std::nullopt;
  if (!address) return std::nullopt;
  if (service.one_packet) {
    item.refuse("answers could not be told apart, as one-packet scheduling remembers no connection",
                "leave one of the two out");
  } else if (service.helper == Helper::ftp) {
    item.refuse("FTP names the client's address in what it says, which stays as it is",
                "leave it out, or write 'helper: none'");
  }
  return address;
}

}  // namespace lvsd
