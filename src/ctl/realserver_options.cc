// SPDX-License-Identifier: GPL-2.0-or-later
#include "realserver_options.h"

#include <charconv>

#include "lvsd/config/check.h"
#include "lvsd/realserver/own_address.h"

namespace lvsd::ctl {

namespace po = boost::program_options;
namespace rs = lvsd::realserver;
using List = std::vector<std::string>;

po::options_description describe_realserver() {
  po::options_description described("Options");
  auto add = described.add_options();
  add("config,c", po::value<std::string>()->value_name("FILE"), "lvsd.yaml of the director");
  add("vip", po::value<List>()->value_name("IP")->composing(), "a virtual address, without a file");
  add("method", po::value<std::string>()->value_name("METHOD"), "dr, tun or nat, with --vip");
  add("address", po::value<std::string>()->value_name("IP"),
      "this host's own address as destination, with --vip (nat: the one to answer from)");
  add("port", po::value<std::string>()->value_name("PORT"),
      "the destination's port, or any, with --vip");
  add("protocol", po::value<std::string>()->value_name("NAME")->default_value("tcp"),
      "tcp, udp or sctp, with --vip");
  add("tunnel", po::value<std::string>()->value_name("KIND"),
      "ipip, gre or gue, with --vip; else lvsd-decap takes ipip and gre");
  add("gue-port", po::value<std::string>()->value_name("PORT"),
      "the UDP port of gue, with --vip; else 6080");
  add("director", po::value<List>()->value_name("IP")->composing(),
      "an address of the director's: the way back of nat, and whose tunnels to trust");
  add("clients", po::value<List>()->value_name("NETWORK")->composing(),
      "a network of clients that this host is on, or has a route of its own to (nat)");
  add("decap", po::value<std::string>()->value_name("WHO")->default_value("auto"),
      "who takes tunnels apart: kernel, lvsd, or auto: the kernel where it can");
  add("persist", po::value<std::string>()->value_name("HOW"),
      "also write files for the next boot: systemd, networkd or ifupdown");
  add("root", po::value<std::string>()->value_name("DIR")->default_value(""),
      "write these files below DIR");
  add("state",
      po::value<std::string>()->value_name("FILE")->default_value(
          "/run/lvsd-realserver/state.json"),
      "where it is kept what was done");
  add("json", "print JSON");
  return described;
}

List list(const ParsedOptions& options, const char* name) {
  return options.has(name) ? options.values[name].as<List>() : List();
}

namespace {

Result<IpAddress, Error> address_of(const std::string& option, const std::string& text) {
  const auto address = IpAddress::parse(text);
  if (address) return *address;
  return fail("--" + option + " " + text + ": not an IP address");
}

Result<Port, Error> port_of(const std::string& option, const std::string& text) {
  std::uint16_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && stop == end && number != 0) return Port(number);
  return fail("--" + option + " " + text + ": it is 1 to 65535");
}

Status read_port(const ParsedOptions& options, rs::Role& role) {
  role.port_unsaid = !options.has("port");
  if (role.port_unsaid || options.text("port") == "any") return Done{};
  const auto port = port_of("port", options.text("port"));
  if (!port) return fail(port.error().message + ", or any");
  role.port = *port;
  return Done{};
}

Result<Tunnel, Error> tunnel_of(const ParsedOptions& options) {
  Tunnel tunnel;
  const bool gue_port = options.has("gue-port");
  if (gue_port) {
    const auto port = port_of("gue-port", options.text("gue-port"));
    if (!port) return Unexpected{port.error()};
    tunnel = {.encapsulation = Encapsulation::gue, .port = *port};
  }
  if (!options.has("tunnel")) return tunnel;
  const std::string kind = options.text("tunnel");
  for (const auto encapsulation : {Encapsulation::ipip, Encapsulation::gue, Encapsulation::gre}) {
    if (kind != to_string(encapsulation)) continue;
    if (gue_port && encapsulation != Encapsulation::gue) {
      return fail("--gue-port is of --tunnel gue, not of " + kind);
    }
    tunnel.encapsulation = encapsulation;
    return tunnel;
  }
  return fail("--tunnel " + kind + ": it is ipip, gre or gue");
}

Result<ForwardingMethod, Error> method_of(const ParsedOptions& options) {
  const auto method = parse_method(options.text("method"));
  if (!method) return fail("--method is dr, tun or nat");
  if (!std::holds_alternative<Tunnel>(*method)) return *method;
  const auto tunnel = tunnel_of(options);
  if (!tunnel) return Unexpected{tunnel.error()};
  return ForwardingMethod(*tunnel);
}

Result<std::vector<IpAddress>, Error> addresses_of(const ParsedOptions& options, const char* name) {
  std::vector<IpAddress> addresses;
  for (const std::string& text : list(options, name)) {
    const auto address = address_of(name, text);
    if (!address) return Unexpected{address.error()};
    addresses.push_back(*address);
  }
  return addresses;
}

Result<std::vector<rs::Role>, Error> given_roles(const ParsedOptions& options,
                                                 const Network& network,
                                                 const std::vector<IpAddress>& directors) {
  const auto method = method_of(options);
  if (!method) return Unexpected{method.error()};
  const auto protocol = parse_protocol(options.text("protocol"));
  if (!protocol) return fail("--protocol is tcp, udp or sctp");
  const auto vips = addresses_of(options, "vip");
  if (!vips) return Unexpected{vips.error()};
  std::vector<rs::Role> roles;
  for (const IpAddress& vip : *vips) {
    rs::Role role{"--vip " + to_string(vip), vip, {}, *method, *protocol};
    role.any_tunnel = !options.has("tunnel");
    if (const Status port = read_port(options, role); !port) return Unexpected{port.error()};
    const auto own = options.has("address") ? address_of("address", options.text("address"))
                                            : rs::own_address(network, role, directors, *vips);
    if (!own) return Unexpected{own.error()};
    role.address = *own;
    roles.push_back(std::move(role));
  }
  return roles;
}

Result<std::vector<rs::Role>, Error> wanted_roles(const ParsedOptions& options,
                                                  const Network& network,
                                                  const std::vector<IpAddress>& directors) {
  if (options.has("vip")) return given_roles(options, network, directors);
  const std::string file = options.has("config") ? options.text("config") : "/etc/lvsd/lvsd.yaml";
  const auto config = load_config(file);
  if (!config) return fail(to_string(config.error().list.front(), file));
  return rs::roles_of(*config, network);
}

}  // namespace

Result<rs::Wanted, Error> wanted(const ParsedOptions& options, const Network& network) {
  rs::Wanted out;
  auto directors = addresses_of(options, "director");
  if (!directors) return Unexpected{directors.error()};
  out.directors = std::move(*directors);
  auto roles = wanted_roles(options, network, out.directors);
  if (!roles) return Unexpected{roles.error()};
  out.roles = std::move(*roles);
  out.adds = options.has("vip");
  for (const std::string& text : list(options, "clients")) {
    const auto prefix = Prefix::parse(text);
    if (!prefix) return fail("--clients " + text + ": not a network");
    out.clients.push_back(*prefix);
  }
  const std::string who = options.text("decap");
  if (who == "kernel") out.decapsulator = rs::Decapsulator::kernel;
  if (who == "lvsd") out.decapsulator = rs::Decapsulator::lvsd;
  if (who != "auto" && out.decapsulator == rs::Decapsulator::automatic) {
    return fail("--decap is kernel, lvsd or auto");
  }
  return out;
}

}  // namespace lvsd::ctl
