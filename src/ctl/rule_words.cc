// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/rule_words.h"

#include <netdb.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <map>

namespace lvsd::ctl {

Read<std::uint32_t> read_number(const std::string& option, std::string_view text,
                                std::uint32_t least, std::uint32_t most) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= least &&
      number <= most) {
    return number;
  }
  return fail(option + ": '" + std::string(text) + "' is not a number of " + std::to_string(least) +
              ".." + std::to_string(most));
}

// A port by number, or by its name in this machine's /etc/services, as `ipvsadm -S` prints it
// without -n.
Read<Port> read_port(std::string_view text, const std::string& protocol) {
  const bool number =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (number) {
    const auto port = read_number("port", text, 0, 65535);
    if (!port) return Unexpected{port.error()};
    return Port(static_cast<std::uint16_t>(*port));
  }
  const std::string name(text);
  const servent* entry = getservbyname(name.c_str(), protocol.empty() ? nullptr : protocol.c_str());
  if (entry != nullptr) return Port(std::bit_cast<Be16>(static_cast<std::uint16_t>(entry->s_port)));
  return fail("'" + name + "' is not a port, nor in /etc/services");
}

// host[:port], [v6]:port, or a bare IPv6 address. Host names are not looked up: the answer would
// depend on the machine and the hour.
Read<Endpoint> read_endpoint(std::string_view text, const std::string& protocol, Port otherwise) {
  std::string_view host = text, port;
  bool has_port = false;
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    host = text.substr(1, close == std::string_view::npos ? close : close - 1);
    has_port = close != std::string_view::npos && text.substr(close + 1, 1) == ":";
    if (has_port) port = text.substr(close + 2);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    host = text.substr(0, text.find(':'));
    port = text.substr(text.find(':') + 1);
    has_port = true;
  }
  const std::optional<IpAddress> address = IpAddress::parse(host);
  if (!address) {
    return fail("'" + std::string(host) + "' is not an address; names are not looked up");
  }
  if (!has_port) return Endpoint{*address, otherwise};
  const auto number = read_port(port, protocol);
  if (!number) return Unexpected{number.error()};
  return Endpoint{*address, *number};
}

// 255.255.255.0 or, in IPv6, a prefix length.
Read<std::uint32_t> read_netmask(const std::string& option, const std::string& text, bool ipv6) {
  if (ipv6) return read_number(option, text, 1, 128);
  const std::optional<IpAddress> mask = IpAddress::parse(text);
  if (mask && mask->is_v4()) {
    const std::uint32_t bits = mask->v4().wire().host();
    const auto ones = static_cast<std::uint32_t>(std::countl_one(bits));
    if (ones > 0 && static_cast<std::uint32_t>(std::popcount(bits)) == ones) return ones;
  }
  return fail(option + ": '" + text + "' is not a netmask such as 255.255.255.0");
}

std::string with_port(std::string check, Port port) {
  check.insert(std::min(check.find_first_of(",}"), check.size()), ", port: " + to_string(port));
  return check;
}

std::vector<std::string> split_flags(std::string_view text) {
  std::vector<std::string> flags;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) flags.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return flags;
}

void put_newest_first(std::vector<RuleDestination>& list, std::vector<Remark>& remarks) {
  std::map<Endpoint, std::size_t> seen;
  std::vector<RuleDestination> out;
  for (RuleDestination& each : list) {
    const auto [first, fresh] = seen.try_emplace(each.endpoint, each.line);
    if (fresh) {
      out.push_back(std::move(each));
    } else {
      remarks.push_back(
          {each.line, "the server exists, since line " + std::to_string(first->second), each.file});
    }
  }
  std::reverse(out.begin(), out.end());
  list = std::move(out);
}

}  // namespace lvsd::ctl
