// SPDX-License-Identifier: GPL-2.0-or-later
// Virtual services and their destinations as configured: plain values, compared by value in a diff.
//
// Identity: a service is its key (protocol, address, port, or the firewall's mark), a destination
// its endpoint within its service (reference section 0 glossary). Everything else may change under
// the same identity without losing connections, counters or scheduler position.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lvsd/model/time.h"
#include "lvsd/net/address.h"
#include "lvsd/net/headers.h"

namespace lvsd {

struct Endpoint {
  IpAddress address;
  Port port;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};
std::string to_string(const Endpoint& endpoint);  // 10.0.0.1:80, [2001:db8::1]:80

// Protocols a service can have. Values are those of the IP header.
enum class ServiceProtocol : std::uint8_t { tcp = 6, udp = 17, sctp = 132 };
std::string_view to_string(ServiceProtocol protocol);  // "tcp"
std::optional<ServiceProtocol> parse_protocol(std::string_view name);

// A service listens on an address and a port, on every port of an address (port 0), or takes the
// packets that the firewall has marked, whatever their protocol and address. Of the last kind only
// the family counts besides the mark: `listen` is the unspecified address of it, `protocol` tcp.
struct ServiceKey {
  ServiceProtocol protocol = ServiceProtocol::tcp;
  Endpoint listen;
  std::uint32_t mark = 0;  // 0: not by mark

  static ServiceKey by_mark(std::uint32_t mark, bool v4) {
    return {ServiceProtocol::tcp, {v4 ? IpAddress(0, 0, 0, 0) : IpAddress(), Port()}, mark};
  }
  bool is_by_mark() const { return mark != 0; }
  bool is_any_port() const { return mark == 0 && listen.port == Port(); }
  friend auto operator<=>(const ServiceKey&, const ServiceKey&) = default;
};
// As in the file: 192.0.2.10:80/tcp, 192.0.2.10/udp (any port), fwmark:7, fwmark:7/ipv6
std::string to_string(const ServiceKey& key);

// 0..65535, as ipvsadm(8) takes it. Zero quiesces: no new connections, existing ones continue.
class Weight {
 public:
  constexpr Weight() = default;
  constexpr explicit Weight(std::uint16_t value) : value_(value) {}
  constexpr std::uint16_t value() const { return value_; }
  friend constexpr auto operator<=>(Weight, Weight) = default;

 private:
  std::uint16_t value_ = 1;
};

// Forwarding methods: a closed set. A new one does not compile until every std::visit answers for
// it.
struct DirectRouting {
  friend bool operator==(DirectRouting, DirectRouting) = default;
};
// IP in IP of any two families (RFC 2003, RFC 2473, RFC 4213), in UDP with GUE, or in GRE (RFC
// 2784).
enum class Encapsulation : std::uint8_t { ipip, gue, gre };
// `remote`: GUE's remote checksum offload.
enum class TunnelChecksum : std::uint8_t { none, present, remote };
struct Tunnel {
  Encapsulation encapsulation = Encapsulation::ipip;
  Port port = {};  // GUE's, on the real server
  TunnelChecksum checksum = TunnelChecksum::none;
  friend bool operator==(const Tunnel&, const Tunnel&) = default;
};
std::string_view to_string(Encapsulation encapsulation);  // "ipip", "gue", "gre"
struct Masquerade {
  friend bool operator==(Masquerade, Masquerade) = default;
};
using ForwardingMethod = std::variant<DirectRouting, Tunnel, Masquerade>;
std::string_view to_string(const ForwardingMethod& method);  // "dr", "tun", "nat": as in the file
std::string_view ipvsadm_name(const ForwardingMethod& method);  // "Route", "Tunnel", "Masq"
std::optional<ForwardingMethod> parse_method(std::string_view name);

enum class SchedulerKind : std::uint8_t {
  rr,
  wrr,
  lc,
  wlc,
  sh,
  dh,
  sed,
  nq,
  fo,
  ovf,
  mh,
  lblc,
  lblcr,
  twos
};
inline constexpr std::size_t kSchedulerKinds = 14;
std::string_view to_string(SchedulerKind kind);  // ipvsadm's names
std::optional<SchedulerKind> parse_scheduler(std::string_view name);

// What sh and mh can be told; the others have no flags.
struct SchedulerFlags {
  bool fallback = false;  // another destination where the client's own is unusable
  bool port = false;      // place by the client's port too
  friend bool operator==(SchedulerFlags, SchedulerFlags) = default;
};
constexpr bool takes_flags(SchedulerKind kind) {
  return kind == SchedulerKind::sh || kind == SchedulerKind::mh;
}
std::string to_string(SchedulerKind kind, SchedulerFlags flags);  // mh (mh-fallback,mh-port)

// Connections, active and inactive, with which a destination is overloaded, and below which it no
// longer is. Zero: no upper one; for the lower one, three quarters of the upper.
struct Thresholds {
  std::uint32_t upper = 0, lower = 0;
  friend bool operator==(Thresholds, Thresholds) = default;
};

// What becomes of the connections of a drained destination: they go on; their clients are told with
// a reset at their next packet; or the same, but what needs none (UDP) goes elsewhere at once.
enum class Ending : std::uint8_t { keep, reset, move };
std::string_view to_string(Ending ending);  // "keep"
std::optional<Ending> parse_ending(std::string_view name);

// A drained destination takes no new connections, whatever its weight. `keeps_clients`: but those
// of clients that a persistence template leads here, as with weight 0; never with an ending.
struct Drain {
  Ending ending = Ending::keep;
  bool keeps_clients = true;
  friend bool operator==(Drain, Drain) = default;
};

struct Destination {
  Endpoint endpoint;
  ForwardingMethod method;
  Weight weight;
  Thresholds thresholds = {};
  std::optional<Drain> drain = {};
  friend bool operator==(const Destination&, const Destination&) = default;
};

// What becomes of a packet for a tunnel that is too large and must not be cut (reference 6.2): its
// sender is told; TCP is cut into segments that fit, and of the rest the sender is told; or the
// outer packet is cut.
enum class Oversize : std::uint8_t { icmp, split, fragment };

std::string_view to_string(Oversize oversize);  // "split"

// What recognizes the connections that belong together, besides the client's address: the SIP
// engine goes by Call-ID (reference section 5.5).
enum class PersistenceEngine : std::uint8_t { none, sip };
std::string_view to_string(PersistenceEngine engine);  // "sip"; empty for none

// Connections of one client, or of one network of clients, go to one destination until `timeout`
// after the last of them was opened (reference section 5).
struct Persistence {
  Duration timeout = std::chrono::seconds(300);
  std::uint8_t netmask = 32;  // prefix length within the service's family; 0: all clients
  PersistenceEngine engine = PersistenceEngine::none;
  friend bool operator==(const Persistence&, const Persistence&) = default;
};

// Defaults and meaning: reference section 3.5 (ipvsadm --set).
struct Timeouts {
  Duration tcp = std::chrono::seconds(900);  // ESTABLISHED
  Duration tcp_fin = std::chrono::seconds(120);
  Duration udp = std::chrono::seconds(300);
  friend bool operator==(const Timeouts&, const Timeouts&) = default;
};

// The timeouts of one service, where they differ from the file's.
struct ServiceTimeouts {
  std::optional<Duration> tcp, tcp_fin, udp;
  bool empty() const { return !tcp && !tcp_fin && !udp; }
  Timeouts over(const Timeouts& others) const {
    return {tcp.value_or(others.tcp), tcp_fin.value_or(others.tcp_fin), udp.value_or(others.udp)};
  }
  friend bool operator==(const ServiceTimeouts&, const ServiceTimeouts&) = default;
};
// Who reads the payload of a service's connections (reference section 7): FTP names addresses
// there.
enum class Helper : std::uint8_t { none, ftp };
std::string_view to_string(Helper helper);

// One real server that is checked through its service's data path: a packet to it becomes one to
// the virtual address, forwarded by `method`, and its answer comes from there.
struct ProbeTarget {
  IpAddress address;
  ForwardingMethod method;
  ServiceProtocol protocol = ServiceProtocol::tcp;  // of the check
  Port port;
  friend bool operator==(const ProbeTarget&, const ProbeTarget&) = default;
};
// The checks of one service that take its data path; all of their packets carry `mark`. The upper
// half of a mark is the same for all services (StartupConfig::probe_marks).
struct ProbePath {
  static constexpr unsigned kServiceBits = 16;
  std::uint32_t mark = 0;  // 0: there are none
  std::vector<ProbeTarget> targets;
  friend bool operator==(const ProbePath&, const ProbePath&) = default;
};

struct VirtualService {
  std::string name;  // what the operator calls it; unique in a file, not its identity
  ServiceKey key;
  SchedulerKind scheduler = SchedulerKind::wlc;
  SchedulerFlags scheduler_flags = {};
  Oversize oversize = Oversize::split;
  Helper helper = Helper::none;
  std::optional<Persistence> persistence = {};
  // As which address of the director's real servers that are clients go on (model/hairpin.h).
  std::optional<IpAddress> hairpin = {};
  bool one_packet = false;  // each UDP datagram is scheduled anew (reference section 1.13)
  ServiceTimeouts timeouts = {};
  std::vector<Destination> destinations;  // in file order: the order schedulers walk
  ProbePath probes = {};                  // follows from how the destinations are checked
  friend bool operator==(const VirtualService&, const VirtualService&) = default;
};

// Whether an operator means this service: by its name, or by its key as text (192.0.2.10:80/tcp).
bool is_called(const VirtualService& service, std::string_view name);

struct ServiceKeyHash {
  std::size_t operator()(const ServiceKey& key) const;
};

}  // namespace lvsd
