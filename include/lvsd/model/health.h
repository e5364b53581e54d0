// SPDX-License-Identifier: GPL-2.0-or-later
// How a service's destinations are checked, as configured. It stands beside the services
// rather than in them: the data path never sees it, so that editing a check is no change of a
// destination, and a hundred thousand destinations without one carry none.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lvsd/model/service.h"
#include "lvsd/model/time.h"

namespace lvsd {

enum class CheckType : std::uint8_t {
  tcp,
  http,
  https,
  tls,
  ping,
  udp,
  dns,
  ntp,
  smtp,
  ssh,
  redis,
  mysql,
  exec
};
inline constexpr std::array kCheckTypes{
    CheckType::tcp,   CheckType::http,  CheckType::https, CheckType::tls,  CheckType::ping,
    CheckType::udp,   CheckType::dns,   CheckType::ntp,   CheckType::smtp, CheckType::ssh,
    CheckType::redis, CheckType::mysql, CheckType::exec};
std::string_view to_string(CheckType type);  // as in the file
// The port that is asked where neither the check nor the destination has one; 0: none.
Port usual_port(CheckType type);

// `service`: to the virtual address, forwarded as a client's packet is, to this destination.
enum class Via : std::uint8_t { direct, service };
// What becomes of a destination that is down: weight 0 and its connections go on; taken out of the
// service, its connections with it; or weight 0 and its connections reset.
enum class OnFailure : std::uint8_t { quiesce, remove, reset };
std::string_view to_string(OnFailure action);

struct StatusRange {  // of HTTP
  std::uint16_t least = 200, most = 299;
  friend bool operator==(const StatusRange&, const StatusRange&) = default;
};

// Whether a certificate is believed: by the system's authorities, by those of a file, by its own
// fingerprint, or unseen.
enum class Verify : std::uint8_t { system, authority, pin, none };

struct TlsCheck {
  std::string server_name;  // SNI, and the name that the certificate must have
  Verify verify = Verify::system;
  std::string authority;         // a file of certificates (PEM)
  std::string pin;               // SHA-256 of the certificate, 64 hexadecimal digits
  std::string certificate, key;  // our own, where the server asks for one (PEM files)
  friend bool operator==(const TlsCheck&, const TlsCheck&) = default;
};

// One question to one real server, and the answer that is expected.
struct Probe {
  CheckType type = CheckType::tcp;
  Via via = Via::direct;
  std::optional<IpAddress> address, source;
  std::optional<Port> port;
  std::uint32_t mark = 0;  // of the probe's socket; 0: none
  Duration timeout = std::chrono::seconds(2);
  // http, https
  std::string method = "GET", path = "/", host;
  std::vector<StatusRange> status = {StatusRange{}};
  std::string body;                  // must occur in it
  TlsCheck tls;                      // https, tls
  std::string query = ".";           // dns
  std::string send, expect;          // tcp, udp
  std::vector<std::string> command;  // exec
  friend bool operator==(const Probe&, const Probe&) = default;
};

// Where the destination at `endpoint` is asked.
Endpoint target_of(const Probe& probe, const Endpoint& endpoint);

struct HealthRules {
  Duration interval = std::chrono::seconds(5);
  std::uint8_t jitter = 10;  // percent by which an interval may be shorter, at random
  unsigned rise = 2, fall = 3;
  bool initially_up = false;  // takes connections before its first check
  OnFailure on_failure = OnFailure::quiesce;
  // While down, the interval doubles up to this; zero: it stays.
  Duration backoff = Duration::zero();
  // A destination that goes down within this time of having come up needs twice as many successes
  // to come up again, then four times, up to sixteen; zero: never more than `rise`.
  Duration damping = std::chrono::seconds(60);
  friend bool operator==(const HealthRules&, const HealthRules&) = default;
};

// A program on the real server that says itself how much it can take (haproxy's agent-check).
struct Agent {
  Port port;
  std::optional<IpAddress> address;
  Duration interval = std::chrono::seconds(5), timeout = std::chrono::seconds(2);
  std::string send;
  friend bool operator==(const Agent&, const Agent&) = default;
};

struct Health {
  Probe probe;
  HealthRules rules;
  std::optional<Agent> agent;
  friend bool operator==(const Health&, const Health&) = default;
};

// The weight of destinations that are up, below which a service is no longer served by them. It is
// lost below weight - hysteresis, and regained from weight + hysteresis on.
struct Quorum {
  std::uint32_t weight = 1, hysteresis = 0;
  friend bool operator==(const Quorum&, const Quorum&) = default;
};

// A program, or an address to POST to, that is told of every transition.
struct Hooks {
  std::vector<std::string> command;
  std::string url;
  bool empty() const { return command.empty() && url.empty(); }
  friend bool operator==(const Hooks&, const Hooks&) = default;
};

struct CheckedDestination {  // one whose check differs from its service's
  Endpoint endpoint;
  std::optional<Health> health;  // nothing: not checked
  friend bool operator==(const CheckedDestination&, const CheckedDestination&) = default;
};

struct ServiceHealth {
  ServiceKey service;
  std::optional<Health> health;
  std::vector<CheckedDestination> differing;  // in the order of their endpoints
  Duration slow_start = Duration::zero();
  std::uint8_t panic = 0;  // percent of destinations up, below which all are used
  std::optional<Quorum> quorum;
  std::optional<Destination> sorry_server;
  Hooks hooks;

  bool empty() const;
  // What `endpoint` is checked by; null: not checked.
  const Health* of(const Endpoint& endpoint) const;
  friend bool operator==(const ServiceHealth&, const ServiceHealth&) = default;
};

// Services' checks by service, of a list that has to outlive it: for who asks for each of many.
class HealthIndex {
 public:
  explicit HealthIndex(const std::vector<ServiceHealth>& all);
  const ServiceHealth* find(const ServiceKey& service) const;  // null: not checked

 private:
  std::unordered_map<ServiceKey, const ServiceHealth*, ServiceKeyHash> services_;
};

}  // namespace lvsd
