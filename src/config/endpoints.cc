// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "lvsd/config/services.h"

namespace lvsd {
namespace {

constexpr std::string_view kListenRemedy = "write ADDRESS:PORT/PROTOCOL, as in 192.0.2.10:80/tcp";
constexpr std::string_view kAddressRemedy =
    "write an address such as 10.0.0.11 or 2001:db8::11 (with nat, 10.0.0.11:8080 or "
    "[2001:db8::11]:8080)";
constexpr std::string_view kPortRemedy = "a port is 1 to 65535";

struct EndpointText {
  std::string_view address;
  std::optional<std::string_view> port;
  bool v6 = false;
};

// Where the address ends. Text that is no endpoint at all stays whole, as an address that nothing
// can parse.
EndpointText split(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return {text, {}, true};
    const std::string_view rest = text.substr(end + 1);
    if (!rest.starts_with(':')) return {text.substr(1, end - 1), {}, true};
    return {text.substr(1, end - 1), rest.substr(1), true};
  }
  if (std::count(text.begin(), text.end(), ':') > 1) return {text, {}, true};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return {text, {}, false};
  return {text.substr(0, colon), text.substr(colon + 1), false};
}

// An address that packets can be sent to (reference section 2.6).
std::optional<IpAddress> unicast(const Item& item, const EndpointText& text,
                                 std::string_view role) {
  const auto refuse = [&](std::string what, std::string remedy) -> std::optional<IpAddress> {
    item.refuse(std::move(what), std::move(remedy));
    return std::nullopt;
  };
  const std::string shown = quoted(text.address);
  const std::optional<IpAddress> address = IpAddress::parse(text.address);
  if (!address) {
    if (text.v6) {
      return refuse(shown + " is not an IPv6 address",
                    "write it as in [2001:db8::10], an IPv4 address as in 192.0.2.10");
    }
    return refuse(shown + " is not an IPv4 address",
                  "write four numbers, as in 192.0.2.10, or IPv6 in brackets, as in [2001:db8::10] "
                  "(names are not looked up)");
  }
  const std::string unusable = shown + " cannot be " + std::string(role) + ": ";
  const std::string remedy = "write an address of one host";
  if (address->is_unspecified()) return refuse(unusable + "it is the unspecified address", remedy);
  if (address->is_loopback()) return refuse(unusable + "it is a loopback address", remedy);
  if (address->is_link_local()) {
    return refuse(unusable + "it is a link-local address, which means another host on each link",
                  remedy);
  }
  if (address->is_multicast()) {
    return refuse(unusable + "it is a multicast or broadcast address", remedy);
  }
  return address;
}

std::optional<Port> read_port(const Item& item, std::string_view text) {
  const Digits digits = parse_digits(text, {1, 65535});
  if (!digits.number) {
    item.refuse("port " + digits.what, std::string(kPortRemedy));
    return std::nullopt;
  }
  return Port(static_cast<std::uint16_t>(*digits.number));
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::optional<ServiceProtocol> read_protocol(const Item& item, std::string_view name) {
  const std::optional<ServiceProtocol> protocol = parse_protocol(name);
  if (protocol) return protocol;
  if (parse_protocol(lower(name))) {
    item.refuse("protocol " + quoted(name) + " is written in capitals", "write " + lower(name));
  } else {
    item.refuse(quoted(name) + " is not a protocol that lvsd balances",
                "end with /tcp, /udp or /sctp, as in 192.0.2.10:80/tcp");
  }
  return std::nullopt;
}

}  // namespace

std::optional<ServiceKey> read_listen(const Item& item) {
  const std::optional<std::string_view> text = read_text(item, kListenRemedy);
  if (!text) return std::nullopt;
  const std::size_t slash = text->rfind('/');
  const EndpointText endpoint = split(text->substr(0, slash));
  const std::optional<IpAddress> address = unicast(item, endpoint, "a virtual address");
  std::optional<Port> port = Port();  // every port
  if (endpoint.port) port = read_port(item, *endpoint.port);
  std::optional<ServiceProtocol> protocol;
  if (slash == std::string_view::npos) {
    item.refuse(quoted(*text) + " names no protocol",
                "end with /tcp, /udp or /sctp, as in 192.0.2.10:80/tcp");
  } else {
    protocol = read_protocol(item, text->substr(slash + 1));
  }
  if (!address || !port || !protocol) return std::nullopt;
  return ServiceKey{*protocol, {*address, *port}};
}

std::optional<Endpoint> read_metrics(const Item& item) {
  constexpr std::string_view kRemedy = "write true, false or ADDRESS:PORT, as in 127.0.0.1:9811";
  const std::optional<std::string_view> text = read_text(item, kRemedy);
  if (!text || text == "false") return std::nullopt;
  if (text == "true") return Endpoint{IpAddress(127, 0, 0, 1), Port(std::uint16_t{9811})};
  const EndpointText endpoint = split(*text);
  const std::optional<IpAddress> address = IpAddress::parse(endpoint.address);
  if (!address || !endpoint.port) {
    item.refuse(quoted(*text) + " is no address with a port", std::string(kRemedy));
    return std::nullopt;
  }
  const std::optional<Port> port = read_port(item, *endpoint.port);
  if (!port) return std::nullopt;
  return Endpoint{*address, *port};
}

std::optional<DestinationAddress> read_destination_address(const Item& item) {
  const std::optional<std::string_view> text = read_text(item, kAddressRemedy);
  if (!text) return std::nullopt;
  const std::size_t slash = text->find('/');
  if (slash != std::string_view::npos) {
    item.refuse(
        quoted(*text) + " holds a '/'",
        "write the address alone: a destination has its service's protocol, and no netmask");
    return std::nullopt;
  }
  const EndpointText endpoint = split(*text);
  const std::optional<IpAddress> address = unicast(item, endpoint, "a destination");
  if (!endpoint.port) {
    if (!address) return std::nullopt;
    return DestinationAddress{*address, {}};
  }
  const std::optional<Port> port = read_port(item, *endpoint.port);
  if (!address || !port) return std::nullopt;
  return DestinationAddress{*address, port};
}

}  // namespace lvsd
