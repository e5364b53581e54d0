// SPDX-License-Identifier: GPL-2.0-or-later
// The words that the rules of ipvsadm, keepalived and ldirectord have in common: numbers, ports,
// endpoints, netmasks. Each is read, or there is a sentence on why it cannot be.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/ctl/ipvsadm_rules.h"
#include "lvsd/model/service.h"
#include "lvsd/net/result.h"

namespace lvsd::ctl {

template <class T>
using Read = Result<T, Error>;

inline constexpr std::uint32_t kDefaultPersistence = 360;  // seconds: -p without a number
inline constexpr std::uint32_t kLongestTimeout = 2678400;  // 31 days

// `option` is what to call it where it is wrong.
Read<std::uint32_t> read_number(const std::string& option, std::string_view text,
                                std::uint32_t least, std::uint32_t most);

// A port by number, or by its name in this machine's /etc/services, as `ipvsadm -S` prints it
// without -n.
Read<Port> read_port(std::string_view text, const std::string& protocol);

// host[:port], [v6]:port, or a bare IPv6 address. Host names are not looked up: the answer would
// depend on the machine and the hour.
Read<Endpoint> read_endpoint(std::string_view text, const std::string& protocol, Port otherwise);

// 255.255.255.0 or, in IPv6, a prefix length.
Read<std::uint32_t> read_netmask(const std::string& option, const std::string& text, bool ipv6);

// The YAML of a check, "health: {type: tcp, ...}", with a port in it.
std::string with_port(std::string check, Port port);

std::vector<std::string> split_flags(std::string_view text);  // "a,b"

// Servers in the order in which they are added -> as they end up in the kernel, which puts a new
// one first, and refuses one that it has.
void put_newest_first(std::vector<RuleDestination>& list, std::vector<Remark>& remarks);

}  // namespace lvsd::ctl
