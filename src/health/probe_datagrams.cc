// SPDX-License-Identifier: GPL-2.0-or-later
// Questions that are one datagram, and what comes back.
#include <algorithm>
#include <array>

#include "lvsd/health/probe_text.h"

namespace lvsd {
namespace {

void put16(std::string& out, unsigned value) {
  out += static_cast<char>(value >> 8U & 0xffU);
  out += static_cast<char>(value & 0xffU);
}
unsigned byte_at(std::string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}
unsigned get16(std::string_view bytes, std::size_t i) {
  return byte_at(bytes, i) << 8U | byte_at(bytes, i + 1);
}
std::string token_bytes(std::uint64_t token) {
  std::string out;
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(token >> shift & 0xffU);
  return out;
}

constexpr std::size_t kDnsHeader = 12, kNtpSize = 48, kEchoHeader = 8;

// RFC 1071, over bytes of our own making.
unsigned internet_checksum(std::string_view bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += byte_at(bytes, i) << 8U | (i + 1 < bytes.size() ? byte_at(bytes, i + 1) : 0);
  }
  while (sum >> 16U != 0) sum = (sum & 0xffffU) + (sum >> 16U);
  return ~sum & 0xffffU;
}

}  // namespace

// RFC 1035 section 4.1: for addresses, or for the name servers of the root.
std::string ask_dns(std::string_view name, std::uint16_t id) {
  std::string out;
  put16(out, id);
  put16(out, 0x0100);  // recursion desired
  put16(out, 1);
  out.append(6, '\0');
  constexpr std::size_t kLongestLabel = 63;
  std::string_view rest = name;
  while (!rest.empty() && rest != ".") {
    const std::string_view label = rest.substr(0, rest.find('.')).substr(0, kLongestLabel);
    out += static_cast<char>(label.size());
    out += label;
    rest.remove_prefix(std::min(rest.size(), label.size() + 1));
  }
  out += '\0';
  constexpr unsigned kA = 1, kNs = 2, kInternet = 1;
  put16(out, name == "." ? kNs : kA);
  put16(out, kInternet);
  return out;
}

Reading read_dns(std::string_view datagram, std::uint16_t id) {
  if (datagram.size() < kDnsHeader || get16(datagram, 0) != id) return {};  // another's answer
  constexpr unsigned kResponse = 0x80;
  if ((byte_at(datagram, 2) & kResponse) == 0) return {};
  constexpr std::array<std::string_view, 6> kCodes{"NOERROR",  "FORMERR", "SERVFAIL",
                                                   "NXDOMAIN", "NOTIMP",  "REFUSED"};
  const unsigned code = byte_at(datagram, 3) & 0xfU;
  const std::string text =
      code < kCodes.size() ? std::string(kCodes[code]) : "RCODE " + std::to_string(code);
  return {code == 0 ? Judgement::good : Judgement::bad, text};
}

// RFC 5905 section 7.3; the transmit timestamp comes back as the origin's.
std::string ask_ntp(std::uint64_t token) {
  std::string out(kNtpSize, '\0');
  out[0] = 0x23;  // version 4, client
  out.replace(40, 8, token_bytes(token));
  return out;
}

Reading read_ntp(std::string_view datagram, std::uint64_t token) {
  if (datagram.size() < kNtpSize || datagram.substr(24, 8) != token_bytes(token)) return {};
  const unsigned leap = byte_at(datagram, 0) >> 6U, mode = byte_at(datagram, 0) & 7U;
  const unsigned stratum = byte_at(datagram, 1);
  if (mode != 4) return {Judgement::bad, "answers in mode " + std::to_string(mode)};
  if (stratum == 0) return {Judgement::bad, "refuses: " + printable(datagram.substr(12, 4))};
  if (leap == 3 || stratum > 15) return {Judgement::bad, "is not synchronized"};
  return {Judgement::good, "stratum " + std::to_string(stratum)};
}

// RFC 792, RFC 4443 section 4. The kernel fills in the checksum for IPv6, whose pseudo-header has
// the source address.
std::string ask_ping(bool v4, std::uint16_t id, std::uint16_t number, std::string_view token) {
  constexpr char kEcho = 8;
  constexpr auto kEcho6 = static_cast<char>(128);
  std::string out{v4 ? kEcho : kEcho6, '\0', '\0', '\0'};
  put16(out, id);
  put16(out, number);
  out += token;
  if (!v4) return out;
  std::string sum;
  put16(sum, internet_checksum(out));
  out.replace(2, 2, sum);
  return out;
}

std::optional<EchoReply> read_ping(bool v4, std::string_view datagram) {
  if (v4) {
    constexpr std::size_t kLeastHeader = 20;
    if (datagram.size() < kLeastHeader) return std::nullopt;
    const std::size_t header = std::size_t{byte_at(datagram, 0) & 0xfU} * 4;
    if (header < kLeastHeader || datagram.size() < header) return std::nullopt;
    datagram.remove_prefix(header);
  }
  if (datagram.size() < kEchoHeader) return std::nullopt;
  if (byte_at(datagram, 0) != (v4 ? 0U : 129U) || byte_at(datagram, 1) != 0) return std::nullopt;
  return EchoReply{static_cast<std::uint16_t>(get16(datagram, 4)),
                   static_cast<std::uint16_t>(get16(datagram, 6)),
                   std::string(datagram.substr(kEchoHeader))};
}

}  // namespace lvsd
