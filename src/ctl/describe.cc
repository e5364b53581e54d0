// SPDX-License-Identifier: GPL-2.0-or-later
// A decoded packet in one line.
#include <fmt/format.h>

#include <optional>

#include "lvsd/ctl/decode.h"

namespace lvsd::ctl {
namespace {

std::string with_port(const std::string& address, const std::string& port) {
  const bool v6 = address.find(':') != std::string::npos;
  return (v6 ? "[" + address + "]" : address) + ":" + port;
}

std::optional<std::string> tunnel_name(const std::string& protocol) {
  if (protocol == "4") return "ipip";
  if (protocol == "41") return "ipv6";
  if (protocol == "47") return "gre";
  return std::nullopt;
}

// "10.1.0.1:4000 > 10.0.2.11:8080 tcp SYN ttl 63 length 40" of the packet behind `prefix`.
std::string describe_level(const Decoded& decoded, const std::string& prefix) {
  const auto get = [&](std::string_view name) { return decoded.find(prefix + std::string(name)); };
  const std::string* const source = get("ip.src");
  if (source == nullptr) return "unreadable";
  std::string from = *source, to = *get("ip.dst"), protocol = "protocol " + *get("ip.protocol");
  for (const std::string name : {"tcp", "udp"}) {
    if (const std::string* port = get(name + ".src")) {
      from = with_port(from, *port);
      to = with_port(to, *get(name + ".dst"));
      protocol = name;
    }
  }
  if (const std::string* flags = get("tcp.flags")) protocol += " " + *flags;
  if (const std::string* type = get("icmp.type")) {
    const bool v6 = *get("ip.version") == "6";
    protocol = (v6 ? "icmpv6 " : "icmp ") + *type + "/" + *get("icmp.code");
    const bool too_big = v6 ? *type == "2" : *type == "3" && *get("icmp.code") == "4";
    if (too_big) protocol += " mtu " + *get("icmp.mtu");
  } else if (get("gue.protocol") != nullptr) {
    protocol = "gue";
  } else {
    protocol = tunnel_name(*get("ip.protocol")).value_or(protocol);
  }
  const std::string* const offset = get("ip.offset");
  const bool fragment =
      offset != nullptr && (*offset != "0" || get("ip.flags")->find("MF") != std::string::npos);
  std::string out =
      fmt::format("{} > {} {}{} ttl {} length {}", from, to, protocol,
                  fragment ? " fragment " + *offset : "", *get("ip.ttl"), *get("ip.length"));
  for (const std::string next : {"inner.", "quoted."}) {
    if (get(next + "ip.src") != nullptr) out += " [" + describe_level(decoded, prefix + next) + "]";
  }
  return out;
}

}  // namespace

std::string describe(const Decoded& decoded) { return describe_level(decoded, ""); }

}  // namespace lvsd::ctl
