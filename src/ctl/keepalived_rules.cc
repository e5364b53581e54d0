// SPDX-License-Identifier: GPL-2.0-or-later
// keepalived.conf(5) -> rules: its virtual servers, groups of them, and lvs_timeouts. All that is
// not LVS (VRRP, scripts, BFD) is named with its lines and left to keepalived.
#include <algorithm>
#include <charconv>
#include <map>

#include "keepalived_service.h"
#include "lvsd/ctl/convert.h"
#include "lvsd/ctl/rule_words.h"

namespace lvsd::ctl {
namespace {

// Where one service listens: an endpoint, or a mark.
struct Listen {
  Endpoint endpoint;
  std::uint32_t mark = 0;
};

constexpr std::uint32_t kMostListens = 256;  // of one line of a group

// "10", or "1-10"; `ipv6`: in hexadecimal, as the last part of an IPv6 address
std::optional<std::pair<std::uint32_t, std::uint32_t>> read_range(std::string_view text,
                                                                  bool ipv6) {
  const auto number = [&](std::string_view part) -> std::optional<std::uint32_t> {
    std::uint32_t out = 0;
    const auto [end, error] =
        std::from_chars(part.data(), part.data() + part.size(), out, ipv6 ? 16 : 10);
    if (error != std::errc() || end != part.data() + part.size() || out > 0xffff) return {};
    return out;
  };
  const std::size_t dash = text.find('-');
  const auto first = number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return std::pair(*first, *last);
}

// "192.0.2.1", or "192.0.2.1-10", the range being that of the last number.
Read<std::vector<IpAddress>> read_addresses(std::string_view text) {
  std::vector<IpAddress> out;
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) {
    const auto address = IpAddress::parse(text);
    if (!address) return fail("'" + std::string(text) + "' is not an address");
    return std::vector{*address};
  }
  const bool ipv6 = text.find(':') != std::string_view::npos;
  const std::size_t point = text.rfind(ipv6 ? ':' : '.', dash);
  const auto range =
      point == std::string_view::npos ? std::nullopt : read_range(text.substr(point + 1), ipv6);
  if (!range || range->second - range->first >= kMostListens) {
    return fail("'" + std::string(text) + "' is not a range of addresses");
  }
  for (std::uint32_t i = range->first; i <= range->second; ++i) {
    char digits[8];
    const auto end = std::to_chars(digits, digits + sizeof digits, i, ipv6 ? 16 : 10).ptr;
    const auto address =
        IpAddress::parse(std::string(text.substr(0, point + 1)) + std::string(digits, end));
    if (!address) return fail("'" + std::string(text) + "' goes beyond the last address");
    out.push_back(*address);
  }
  return out;
}

// "80", "http", "8000-8010"; none is every port.
Read<std::vector<Port>> read_ports(std::string_view text, const std::string& protocol) {
  if (text.empty()) return std::vector{Port()};
  if (text.find('-') == std::string_view::npos || text.front() < '0' || text.front() > '9') {
    const auto port = read_port(text, protocol);
    if (!port) return Unexpected{port.error()};
    return std::vector{*port};
  }
  const auto range = read_range(text, false);
  if (!range || range->second - range->first >= kMostListens) {
    return fail("'" + std::string(text) + "' is not a range of ports");
  }
  std::vector<Port> out;
  for (std::uint32_t i = range->first; i <= range->second; ++i) {
    out.emplace_back(static_cast<std::uint16_t>(i));
  }
  return out;
}

// The words of a virtual_server behind its name, or of a line in a group: "fwmark 7", "ADDRESS
// PORT".
Read<std::vector<Listen>> read_listens(std::string_view first, std::string_view second,
                                       const std::string& protocol) {
  if (first == "fwmark") {
    const auto mark = read_number("fwmark", second, 1, UINT32_MAX);
    if (!mark) return Unexpected{mark.error()};
    return std::vector{Listen{{}, *mark}};
  }
  const auto addresses = read_addresses(first);
  if (!addresses) return Unexpected{addresses.error()};
  const auto ports = read_ports(second, protocol);
  if (!ports) return Unexpected{ports.error()};
  if (addresses->size() * ports->size() > kMostListens) return fail("these are too many services");
  std::vector<Listen> out;
  for (const IpAddress& address : *addresses) {
    for (const Port port : *ports) out.push_back({{address, port}, 0});
  }
  return out;
}

class Reader {
 public:
  explicit Reader(Blocks blocks) : blocks_(std::move(blocks.list)) {
    rules_.remarks = std::move(blocks.remarks);
  }

  Rules read() {
    for (const Block& block : blocks_) {
      if (block.word(0) == "virtual_server_group") {
        judge_words(block, 1, rules_.remarks);
        groups_.insert_or_assign(std::string(block.word(1)), Group{&block});
      }
    }
    for (const Block& block : blocks_) take(block);
    for (const auto& [name, group] : groups_) {
      if (!group.used) remark(*group.block, "no virtual_server uses it");
    }
    return std::move(rules_);
  }

 private:
  struct Group {
    const Block* block = nullptr;
    bool used = false;
  };

  void take(const Block& block) {
    const std::string_view word = block.word(0);
    if (word == "virtual_server") {
      take_server(block);
    } else if (word == "global_defs") {
      for (const Block& each : block.inside) {
        if (each.word(0) == "lvs_timeouts") {
          take_timeouts(each);
        } else {
          remark(each, "lvsd.yaml has nothing for it");
        }
      }
    } else if (word != "virtual_server_group") {
      const std::string lines =
          block.last == block.line ? "" : " (to line " + std::to_string(block.last) + ")";
      remark(block, "it is not of LVS" + lines);
    }
  }

  void take_server(const Block& block) {
    judge_words(block, 2, rules_.remarks);
    const VirtualServer server = read_virtual_server(block, rules_.remarks);
    if (block.word(1) != "group") return add(block, block.word(1), block.word(2), server);
    const auto group = groups_.find(std::string(block.word(2)));
    if (group == groups_.end()) {
      return remark(block, "there is no virtual_server_group of this name");
    }
    group->second.used = true;
    for (const Block& each : group->second.block->inside) {
      judge_words(each, 1, rules_.remarks);
      add(each, each.word(0), each.word(1), server);
    }
  }

  // A service for everything that two words say where to listen, found on the line of `block`.
  void add(const Block& block, std::string_view first, std::string_view second,
           const VirtualServer& server) {
    const auto listens = read_listens(first, second, server.service.protocol);
    if (!listens) return remark(block, listens.error().message);
    for (const Listen& listen : *listens) add(listen, server);
  }

  void add(const Listen& listen, const VirtualServer& server) {
    RuleService service = server.service;
    service.listen = listen.endpoint;
    service.mark = listen.mark;
    bool ipv6 = !listen.endpoint.address.is_v4();
    if (listen.mark != 0) {
      service.protocol.clear();
      ipv6 = service.ipv6_mark;
    } else {
      service.ipv6_mark = false;
      take_defaults(service, server.says_protocol);
    }
    service.netmask = ipv6 ? server.netmask6 : server.netmask;
    const Port port = listen.endpoint.port;
    for (RuleDestination& destination : service.destinations) {
      const Port own = destination.endpoint.port;
      if (own != Port() && destination.method == 'm') continue;
      destination.endpoint.port = port;
      if (own != Port() && own != port) keep_port(destination, own, port);
    }
    if (server.sorry_port != Port() && port != Port() && server.sorry_port != port) {
      Remark remark = server.sorry;
      remark.what += ": " + no_map(port);
      rules_.remarks.push_back(std::move(remark));
    }
    put_newest_first(service.destinations, rules_.remarks);
    rules_.services.push_back(std::move(service));
  }

  // What keepalived makes of a service by address that leaves it out.
  void take_defaults(RuleService& service, bool says_protocol) {
    if (!says_protocol) {
      rules_.remarks.push_back({service.line,
                                "virtual_server: it has no protocol, which is UDP to keepalived",
                                service.file});
    }
    if (service.listen.port == Port() && !service.persistence) {
      service.persistence = kDefaultPersistence;
    }
  }

  // A port that only NAT could forward to. keepalived's check asks it all the same.
  void keep_port(RuleDestination& destination, Port own, Port port) {
    if (destination.health && destination.health->by_port) {
      destination.health->yaml = with_port(std::move(destination.health->yaml), own);
    } else if (port != Port()) {
      const std::string head =
          "real_server " + to_string(destination.endpoint.address) + " " + to_string(own);
      rules_.remarks.push_back({destination.line, head + ": " + no_map(port), destination.file});
    }
  }

  static std::string no_map(Port port) {
    return "only NAT maps ports: it gets what comes to port " + to_string(port);
  }

  // lvs_timeouts tcp 7200 tcpfin 120 udp 300
  void take_timeouts(const Block& block) {
    rules_.timeouts.line = block.line;
    rules_.timeouts.file = block.file;
    for (std::size_t i = 1; i + 1 < block.words.size(); i += 2) {
      const std::string_view word = block.words[i];
      const auto seconds = read_number(block.words[i], block.words[i + 1], 1, kLongestTimeout);
      if (!seconds) {
        remark(block, seconds.error().message);
      } else if (word == "tcp") {
        rules_.timeouts.tcp = *seconds;
      } else if (word == "tcpfin") {
        rules_.timeouts.tcp_fin = *seconds;
      } else if (word == "udp") {
        rules_.timeouts.udp = *seconds;
      } else {
        remark(block, "what is '" + block.words[i] + "'?");
      }
    }
    if (block.words.size() % 2 == 0) remark(block, "'" + block.words.back() + "' has no value");
  }

  void remark(const Block& block, std::string what) {
    const std::string head = block.words.empty() ? std::string("{") : block.text();
    rules_.remarks.push_back({block.line, head + ": " + std::move(what), block.file});
  }

  std::vector<Block> blocks_;
  std::map<std::string, Group, std::less<>> groups_;
  Rules rules_;
};

}  // namespace

Rules read_keepalived(std::string_view text, const Include& include) {
  return Reader(read_blocks(text, include)).read();
}

}  // namespace lvsd::ctl
