// SPDX-License-Identifier: GPL-2.0-or-later
// A packet as a list of named fields, for people and for comparison. It is lossless: two packets
// have the same fields exactly where they have the same bytes. Whatever is cut short or not known
// becomes `data` in hexadecimal, so any bytes at all can be decoded.
//
// Deliberately not the parser of the data path (net/packet_view.h): what shows that path's mistakes
// must not share them.
//
// Names: eth.*, ip.*, tcp.*, udp.*, icmp.*, gre.*, gue.*, data, padding. IPv6 has IPv4's names
// where the meaning is the same (ip.tos is its traffic class, ip.ttl its hop limit); a packet
// inside a tunnel has the prefix "inner.", one quoted by an ICMP error "quoted.".
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lvsd::ctl {

struct Field {
  std::string name;   // "ip.ttl"
  std::string value;  // "63"
  friend bool operator==(const Field&, const Field&) = default;
};

struct Decoded {
  std::vector<Field> fields;
  const std::string* find(std::string_view name) const;  // its value, or null
};

Decoded decode_frame(std::span<const std::byte> frame);    // from the Ethernet header on
Decoded decode_packet(std::span<const std::byte> packet);  // from the IP header on

// One line: "10.1.0.1:4000 > 10.0.2.11:8080 tcp SYN ttl 63 length 40", and what is inside a tunnel
// or quoted by an error in brackets.
std::string describe(const Decoded& decoded);

// Whether a field of that name, prefixes aside, can occur at all: for checking what users type.
bool is_field_name(std::string_view name);

}  // namespace lvsd::ctl
