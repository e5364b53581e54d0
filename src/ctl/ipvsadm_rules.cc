// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/ipvsadm_rules.h"

#include <algorithm>

#include "lvsd/ctl/ipvsadm_line.h"
#include "lvsd/ctl/rule_words.h"

namespace lvsd::ctl {
namespace {

// Which service the line is about: exactly one of -t, -u, --sctp-service and -f.
Read<RuleService> read_key(const IpvsadmLine& line) {
  RuleService service;
  int given = 0;
  for (const std::string protocol : {"tcp", "udp", "sctp"}) {
    const std::string option = protocol + "-service";
    if (!line.has(option)) continue;
    ++given;
    const auto listen = read_endpoint(line.value(option), protocol, Port());
    if (!listen) return Unexpected{listen.error()};
    service.protocol = protocol;
    service.listen = *listen;
  }
  if (line.has("fwmark-service")) {
    ++given;
    const auto mark = read_number("-f", line.value("fwmark-service"), 1, UINT32_MAX);
    if (!mark) return Unexpected{mark.error()};
    service.mark = *mark;
    service.ipv6_mark = line.has("ipv6");
  }
  if (given != 1) return fail("one of -t, -u, --sctp-service and -f is needed");
  return service;
}

// -A and -E: what is not given is the default, in an edit too.
Read<RuleService> read_service(const IpvsadmLine& line) {
  auto key = read_key(line);
  if (!key) return key;
  RuleService service = std::move(*key);
  service.scheduler = line.value("scheduler", service.scheduler);
  service.engine = line.value("pe");
  service.flags = split_flags(line.value("sched-flags"));
  service.one_packet = line.has("ops");
  const bool ipv6 = service.protocol.empty() ? service.ipv6_mark : !service.listen.address.is_v4();
  if (ipv6) service.netmask = 128;
  if (line.has("netmask")) {
    const auto netmask = read_netmask("-M", line.value("netmask"), ipv6);
    if (!netmask) return Unexpected{netmask.error()};
    service.netmask = *netmask;
  }
  if (line.has("persistent")) {
    const std::string seconds = line.value("persistent");
    const auto number = seconds.empty() ? Read<std::uint32_t>(kDefaultPersistence)
                                        : read_number("-p", seconds, 1, kLongestTimeout);
    if (!number) return Unexpected{number.error()};
    service.persistence = *number;
  }
  if (service.one_packet && !service.protocol.empty() && service.protocol != "udp") {
    return fail("-o goes with UDP and firewall marks only");
  }
  if (!service.protocol.empty() && service.listen.port == Port() && !service.persistence) {
    return fail("a service for any port must be persistent (-p)");
  }
  return service;
}

Read<char> read_method(const IpvsadmLine& line) {
  const int given = line.has("gatewaying") + line.has("ipip") + line.has("masquerading");
  if (given > 1) return fail("one of -g, -i and -m is enough");
  return line.has("ipip") ? 'i' : line.has("masquerading") ? 'm' : 'g';
}

// As ipvsadm takes them: a port for GUE and only there, a checksum of one kind, none for IPIP.
Read<Tunnel> read_tunnel(const IpvsadmLine& line) {
  Tunnel out;
  const std::string type = line.value("tun-type", "ipip");
  if (type == "gue") {
    out.encapsulation = Encapsulation::gue;
  } else if (type == "gre") {
    out.encapsulation = Encapsulation::gre;
  } else if (type != "ipip") {
    return fail("--tun-type: '" + type + "' is none of ipip, gue and gre");
  }
  if (line.has("tun-port")) {
    if (type != "gue") return fail("--tun-port goes with --tun-type gue only");
    const auto port = read_number("--tun-port", line.value("tun-port"), 1, 65535);
    if (!port) return Unexpected{port.error()};
    out.port = Port(static_cast<std::uint16_t>(*port));
  } else if (type == "gue") {
    return fail("--tun-type gue needs a --tun-port");
  }
  const int sums =
      int{line.has("tun-nocsum")} + int{line.has("tun-csum")} + int{line.has("tun-remcsum")};
  if (sums > 1) return fail("one of --tun-nocsum, --tun-csum and --tun-remcsum is enough");
  if (sums > 0 && type == "ipip") return fail("the tunnel ipip has no checksum");
  if (line.has("tun-csum")) out.checksum = TunnelChecksum::present;
  if (line.has("tun-remcsum")) {
    if (type != "gue") return fail("--tun-remcsum goes with --tun-type gue only");
    out.checksum = TunnelChecksum::remote;
  }
  return out;
}

Read<RuleDestination> read_destination(const IpvsadmLine& line, const RuleService& service) {
  if (!line.has("real-server")) return fail("-r is missing");
  const auto method = read_method(line);
  if (!method) return Unexpected{method.error()};
  const auto endpoint =
      read_endpoint(line.value("real-server"), service.protocol, service.listen.port);
  if (!endpoint) return Unexpected{endpoint.error()};
  RuleDestination out;
  out.endpoint = *endpoint;
  out.method = *method;
  // As ipvsadm does: without NAT there is no port of one's own.
  const bool added = line.command != IpvsadmCommand::delete_server;
  if (added && out.method != 'm' && !service.protocol.empty()) {
    out.endpoint.port = service.listen.port;
  }
  struct Number {
    const char* name;
    std::uint32_t* into;
    std::uint32_t most;
  };
  for (const Number& number : {Number{"weight", &out.weight, 65535},
                               Number{"u-threshold", &out.upper_threshold, INT32_MAX},
                               Number{"l-threshold", &out.lower_threshold, INT32_MAX}}) {
    if (!line.has(number.name)) continue;
    const auto value =
        read_number("--" + std::string(number.name), line.value(number.name), 0, number.most);
    if (!value) return Unexpected{value.error()};
    *number.into = *value;
  }
  const auto tunnel = read_tunnel(line);
  if (!tunnel) return Unexpected{tunnel.error()};
  out.tunnel = *tunnel;
  return out;
}

Read<RuleTimeouts> read_timeouts(const IpvsadmLine& line) {
  if (line.words.size() != 3) return fail("--set takes three numbers: TCP TCPFIN UDP");
  RuleTimeouts out;
  std::uint32_t* const into[] = {&out.tcp, &out.tcp_fin, &out.udp};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto seconds = read_number("--set", line.words[i], 0, kLongestTimeout);
    if (!seconds) return Unexpected{seconds.error()};
    *into[i] = *seconds;
  }
  return out;
}

// Carries the lines out, one after the other. One that fails changes nothing, as in the kernel.
class Interpreter {
 public:
  void take(std::size_t number, std::string_view text) {
    number_ = number;
    const auto line = parse_ipvsadm_line(text);
    const Status status = !line   ? Status(Unexpected{line.error()})
                          : *line ? obey(**line)
                                  : Status(Done{});
    if (!status) rules_.remarks.push_back({number, status.error().message});
  }
  Rules result() { return std::move(rules_); }

 private:
  Status obey(const IpvsadmLine& line) {
    using enum IpvsadmCommand;
    switch (line.command) {
      case add_service:
      case edit_service:
        return put_service(line);
      case delete_service:
        return delete_one(line);
      case add_server:
      case edit_server:
      case delete_server:
        return change_destination(line);
      case clear:
        rules_.services.clear();
        return Done{};
      case set_timeouts:
        return set(line);
      case sync:
        return fail("the synchronisation of connections is not in this version of lvsd");
      case restore:
        return fail("-R reads another file; convert that one");
      case no_change:
        return Done{};
    }
    return Done{};
  }

  RuleService* find(const RuleService& key) {
    const auto found =
        std::find_if(rules_.services.begin(), rules_.services.end(),
                     [&](const RuleService& service) { return service.same_key(key); });
    return found == rules_.services.end() ? nullptr : &*found;
  }

  Status put_service(const IpvsadmLine& line) {
    auto service = read_service(line);
    if (!service) return Unexpected{service.error()};
    service->line = number_;
    RuleService* const old = find(*service);
    if (line.command == IpvsadmCommand::add_service) {
      if (old != nullptr) return fail("the service exists, since line " + to_string(old->line));
      rules_.services.push_back(std::move(*service));
      return Done{};
    }
    if (old == nullptr) return no_service();
    service->destinations = std::move(old->destinations);
    *old = std::move(*service);
    return Done{};
  }

  Status delete_one(const IpvsadmLine& line) {
    const auto key = read_key(line);
    if (!key) return Unexpected{key.error()};
    const RuleService* const old = find(*key);
    if (old == nullptr) return no_service();
    rules_.services.erase(rules_.services.begin() + (old - rules_.services.data()));
    return Done{};
  }

  Status change_destination(const IpvsadmLine& line) {
    const auto key = read_key(line);
    if (!key) return Unexpected{key.error()};
    RuleService* const service = find(*key);
    if (service == nullptr) return no_service();
    auto destination = read_destination(line, *service);
    if (!destination) return Unexpected{destination.error()};
    destination->line = number_;
    std::vector<RuleDestination>& list = service->destinations;
    const auto old = std::find_if(list.begin(), list.end(), [&](const RuleDestination& known) {
      return known.endpoint == destination->endpoint;
    });
    if (line.command == IpvsadmCommand::add_server) {
      if (old != list.end()) return fail("the server exists, since line " + to_string(old->line));
      list.insert(list.begin(), *destination);
      return Done{};
    }
    if (old == list.end()) return fail("the service has no such server");
    if (line.command == IpvsadmCommand::edit_server) {
      *old = *destination;
    } else {
      list.erase(old);
    }
    return Done{};
  }

  Status set(const IpvsadmLine& line) {
    const auto next = read_timeouts(line);
    if (!next) return Unexpected{next.error()};
    RuleTimeouts& now = rules_.timeouts;
    now.line = number_;
    if (next->tcp != 0) now.tcp = next->tcp;
    if (next->tcp_fin != 0) now.tcp_fin = next->tcp_fin;
    if (next->udp != 0) now.udp = next->udp;
    return Done{};
  }

  static std::string to_string(std::size_t line) { return std::to_string(line); }
  // Also of a service whose own line was refused: the remark there says why.
  static Unexpected<Error> no_service() { return fail("there is no such service"); }

  Rules rules_;
  std::size_t number_ = 0;
};

}  // namespace

Rules read_rules(std::string_view text) {
  Interpreter interpreter;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    interpreter.take(number, text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return interpreter.result();
}

}  // namespace lvsd::ctl
