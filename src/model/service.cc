// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/model/service.h"

#include <array>
#include <utility>

#include "lvsd/model/config.h"

namespace lvsd {
namespace {

struct MethodName {
  ForwardingMethod method;
  std::string_view file, ipvsadm;
};
const std::array<MethodName, 3> kMethods{
    {{DirectRouting{}, "dr", "Route"}, {Tunnel{}, "tun", "Tunnel"}, {Masquerade{}, "nat", "Masq"}}};
static_assert(std::variant_size_v<ForwardingMethod> == kMethods.size());

constexpr std::array<std::pair<SchedulerKind, std::string_view>, kSchedulerKinds> kSchedulers{
    {{SchedulerKind::rr, "rr"},
     {SchedulerKind::wrr, "wrr"},
     {SchedulerKind::lc, "lc"},
     {SchedulerKind::wlc, "wlc"},
     {SchedulerKind::sh, "sh"},
     {SchedulerKind::dh, "dh"},
     {SchedulerKind::sed, "sed"},
     {SchedulerKind::nq, "nq"},
     {SchedulerKind::fo, "fo"},
     {SchedulerKind::ovf, "ovf"},
     {SchedulerKind::mh, "mh"},
     {SchedulerKind::lblc, "lblc"},
     {SchedulerKind::lblcr, "lblcr"},
     {SchedulerKind::twos, "twos"}}};

}  // namespace

std::string to_string(const Endpoint& endpoint) {
  std::string address = to_string(endpoint.address);
  if (!endpoint.address.is_v4()) address = "[" + address + "]";
  return address + ":" + to_string(endpoint.port);
}

std::string_view to_string(ServiceProtocol protocol) {
  switch (protocol) {
    case ServiceProtocol::tcp:
      return "tcp";
    case ServiceProtocol::udp:
      return "udp";
    case ServiceProtocol::sctp:
      return "sctp";
  }
  return "?";
}

std::optional<ServiceProtocol> parse_protocol(std::string_view name) {
  if (name == "tcp") return ServiceProtocol::tcp;
  if (name == "udp") return ServiceProtocol::udp;
  if (name == "sctp") return ServiceProtocol::sctp;
  return std::nullopt;
}

std::string to_string(const ServiceKey& key) {
  if (key.is_by_mark()) {
    return "fwmark:" + std::to_string(key.mark) + (key.listen.address.is_v4() ? "" : "/ipv6");
  }
  const std::string where =
      key.is_any_port() ? to_string(key.listen.address) : to_string(key.listen);
  return where + "/" + std::string(to_string(key.protocol));
}

std::string_view to_string(Oversize oversize) {
  constexpr std::array<std::string_view, 3> kNames{"icmp", "split", "fragment"};
  return kNames[static_cast<std::size_t>(oversize)];
}

constexpr std::array<std::string_view, 3> kEndings{"keep", "reset", "move"};

std::string_view to_string(Ending ending) { return kEndings[static_cast<std::size_t>(ending)]; }

std::optional<Ending> parse_ending(std::string_view name) {
  for (const Ending ending : {Ending::keep, Ending::reset, Ending::move}) {
    if (name == to_string(ending)) return ending;
  }
  return std::nullopt;
}

std::string_view to_string(PersistenceEngine engine) {
  return engine == PersistenceEngine::sip ? "sip" : "";
}

std::string_view to_string(const ForwardingMethod& method) { return kMethods[method.index()].file; }

std::string_view to_string(Encapsulation encapsulation) {
  switch (encapsulation) {
    case Encapsulation::ipip:
      return "ipip";
    case Encapsulation::gue:
      return "gue";
    case Encapsulation::gre:
      return "gre";
  }
  return "?";
}

std::string_view ipvsadm_name(const ForwardingMethod& method) {
  return kMethods[method.index()].ipvsadm;
}

std::optional<ForwardingMethod> parse_method(std::string_view name) {
  for (const MethodName& known : kMethods) {
    if (name == known.file) return known.method;
  }
  return std::nullopt;
}

std::string_view to_string(SchedulerKind kind) {
  for (const auto& [known, name] : kSchedulers) {
    if (kind == known) return name;
  }
  return "?";
}

std::optional<SchedulerKind> parse_scheduler(std::string_view name) {
  for (const auto& [kind, known] : kSchedulers) {
    if (name == known) return kind;
  }
  return std::nullopt;
}

std::string to_string(SchedulerKind kind, SchedulerFlags flags) {
  const std::string name(to_string(kind));
  if (!flags.fallback && !flags.port) return name;
  std::string list;
  if (flags.fallback) list += name + "-fallback";
  if (flags.port) list += (list.empty() ? "" : ",") + name + "-port";
  return name + " (" + list + ")";
}

std::string_view to_string(Helper helper) { return helper == Helper::ftp ? "ftp" : "none"; }

std::string_view to_string(CaptureBackend backend) {
  switch (backend) {
    case CaptureBackend::automatic:
      return "auto";
    case CaptureBackend::iptables:
      return "iptables";
    case CaptureBackend::nft:
      return "nft";
    case CaptureBackend::manual:
      return "manual";
  }
  return "?";
}

std::string_view to_string(Overload overload) {
  switch (overload) {
    case Overload::drop_new:
      return "drop-new";
    case Overload::drop:
      return "drop";
    case Overload::bypass:
      return "bypass";
  }
  return "?";
}

std::string_view to_string(CaptureStage stage) {
  return stage == CaptureStage::early ? "early" : "late";
}

bool is_called(const VirtualService& service, std::string_view name) {
  return service.name == name || to_string(service.key) == name;
}

std::size_t ServiceKeyHash::operator()(const ServiceKey& key) const {
  const std::size_t address = IpAddressHash{}(key.listen.address);
  const std::size_t rest = std::size_t{key.listen.port.host()} << 8U |
                           static_cast<std::size_t>(static_cast<std::uint8_t>(key.protocol));
  return address ^ ((rest + (std::size_t{key.mark} << 24U)) * 0x9e3779b97f4a7c15U);
}

}  // namespace lvsd
