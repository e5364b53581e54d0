// SPDX-License-Identifier: GPL-2.0-or-later
// What the doctor has seen: plain values, gathered at the edge (inspect.h, examine.h) and judged by
// a pure function (judge.h). Nothing here says what is wrong.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lvsd/model/config.h"
#include "lvsd/model/network.h"

namespace lvsd::doctor {

// What came back for a probe, which was sent several times.
enum class Reply : std::uint8_t {
  not_asked,
  silence,
  accepted,  // SYN-ACK, or an echo reply
  refused,   // RST
  error,     // an ICMP error
};
struct Answer {
  Reply reply = Reply::not_asked;
  bool v6 = false;
  std::uint8_t type = 0, code = 0;  // of the error
  IpAddress from;                   // whose error it was
  std::uint32_t mtu = 0;            // of an error that says "too big"

  bool silent() const { return reply == Reply::silence; }
  bool alive() const { return reply == Reply::accepted || reply == Reply::refused; }
  // An answer, or an error: what sent it got the probe, and its words came back.
  bool heard() const { return alive() || reply == Reply::error; }
  bool too_big() const {
    return reply == Reply::error && (v6 ? type == 2 : type == 3 && code == 4);
  }
};

// Who answered ARP or neighbour discovery for an address.
struct Claim {
  std::string interface;
  Mac mac;
  IpAddress owner = {};  // the destination that this interface belongs to, where it is one's
  friend auto operator<=>(const Claim&, const Claim&) = default;
};

struct VipEvidence {
  IpAddress vip;
  bool local = false;         // on an interface of this host
  std::string on_link;        // the interface whose network holds it; empty: none
  std::vector<Claim> claims;  // of others than this host
};

struct DestinationEvidence {
  std::string service;
  VirtualService virtual_service;
  Destination destination;
  bool local = false;  // an address of this host: nothing is sent anywhere
  std::optional<NextHop> hop;
  std::string interface;  // towards it
  bool link_up = true, has_mac = true;
  std::vector<Mac> macs;  // that answered for the next hop

  Answer direct;       // a plain probe of its own address and port
  Answer path;         // as a client's: to the virtual address, by the service's method
  Answer datagram;     // udp: an empty one to the port, where an error says that it is closed
  Answer inner_real;   // tun: inside the tunnel its own address instead
  Answer echo_direct;  // tcp that was silent: an echo request to its own address
  Answer echo_path;    // and one to the virtual address, by the service's method
  Answer full_size;    // tun: as large as lvsd sends them
  std::uint32_t full_bytes = 0;
  Answer returned;       // with a client's source that is not on the server's network
  Answer returned_echo;  // nat, but for tcp: an echo request with it
  IpAddress client;      // that source
  // dr, tun: an address of this host, on the network of the virtual one, where clients come from:
  // its answer has to come. Of any other client it may take ways that this host does not see.
  bool client_is_near_vip = false;
  Answer client_arp;                  // ARP as that client: a strict rp_filter does not answer it
  Answer returned_on_link;            // nat: with one of the server's own network
  IpAddress neighbour;                // that source: an address that nobody has
  std::optional<Prefix> network;      // that network, where this host is on it, too
  bool network_full = false;          // no such address was found there
  bool asked_for_neighbour = false;   // the server asked ARP for it, to answer it directly
  std::optional<Mac> speaks_for_vip;  // it asked ARP in the name of the virtual address

  // Whether the first packet of a connection is sent; all else is asked by echo requests.
  bool asks(ServiceProtocol protocol) const {
    const ServiceKey& key = virtual_service.key;
    return !key.is_by_mark() && key.protocol == protocol && destination.endpoint.port != Port();
  }
  bool asks_tcp() const { return asks(ServiceProtocol::tcp); }
};

struct QueueEvidence {
  unsigned number = 0;
  bool bound = false;
  int pid = 0;  // who reads it; 0: not found
  std::string program;
};

// A rule of another program's, or the policy of a chain, that drops what should be captured.
struct ShadowEvidence {
  std::string rule;
  std::vector<std::string> services;
  bool sure = true;  // false: perhaps
};

struct HostEvidence {
  bool daemon = false;  // it answered on its control socket
  int daemon_pid = 0;
  std::vector<QueueEvidence> queues;
  bool rules_known = false;             // all that may hold capture rules was looked at
  std::vector<std::string> uncaptured;  // services that no rule brings to lvsd's queues
  std::vector<ShadowEvidence> shadows;
  bool forwards_v4 = false, forwards_v6 = false;  // ip_forward
  std::vector<std::string> redirecting;           // to NAT servers: those with send_redirects
  std::vector<std::string> strict;                // interfaces with strict rp_filter
  struct Neighbors {
    std::uint64_t entries = 0, limit = 0;  // gc_thresh3; 0: not to be read
  };
  Neighbors neighbors_v4, neighbors_v6;
};

struct Evidence {
  Config config;
  HostEvidence host;
  std::vector<VipEvidence> vips;
  std::vector<DestinationEvidence> destinations;
};

}  // namespace lvsd::doctor
