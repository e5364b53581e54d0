// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as a history of a director: packets raw, repaired and well-formed, answers and ICMP
// errors about what it sent, time, reloads, and a network that changes. director_world.h has the
// judge.
#include <algorithm>
#include <span>

#include "director_world.h"

namespace {

using namespace lvsd;
using namespace lvsd::test;

constexpr std::string_view kAddresses[] = {
    "10.1.0.1",   "10.1.0.2",  "10.1.0.3", "10.0.3.100", "10.0.2.11", "10.0.2.12",
    "10.0.2.13",  "10.0.2.1",  "10.0.1.2", "10.0.1.1",   "224.0.0.1", "255.255.255.255",
    "172.16.0.1", "127.0.0.1", "0.0.0.0",  "10.0.2.14",  "10.0.3.101"};
constexpr std::string_view kClients[] = {"10.1.0.1", "10.1.0.2", "10.1.0.3", "10.0.1.2"};
constexpr std::string_view kServers[] = {"10.0.2.11", "10.0.2.12", "10.0.2.1"};
constexpr std::uint16_t kPorts[] = {80, 81, 82, 8080, 5353, 1024, 1025, 20, 0, 65535};

void put_address(Bytes& packet, std::size_t at, std::string_view text) {
  store(std::span<std::byte>(packet), address(text).v4(), at);
}

void put16(Bytes& packet, std::size_t at, std::uint16_t value) {
  store(std::span<std::byte>(packet), Be16(value), at);
}

// Raw bytes, with as much made plausible as the input says.
Bytes raw_packet(ByteSource& in) {
  const unsigned repair = in.next8();
  const std::size_t size = in.next16() % 2048;
  const View bytes = in.next(std::min<std::size_t>(size, 256));
  Bytes packet(bytes.begin(), bytes.end());
  if ((repair & 1U) != 0) packet.resize(std::max<std::size_t>(size, 20));  // zeros behind
  if (packet.size() < 20) return packet;
  if ((repair & 2U) != 0) packet[0] = std::byte{0x45};
  if ((repair & 4U) != 0) put16(packet, 2, static_cast<std::uint16_t>(packet.size()));
  if ((repair & 8U) != 0) put_address(packet, 12, in.one_of(kAddresses));
  if ((repair & 16U) != 0) put_address(packet, 16, in.one_of(kAddresses));
  if ((repair & 32U) != 0 && packet.size() >= 24) {
    put16(packet, 20, in.one_of(kPorts));
    put16(packet, 22, in.one_of(kPorts));
  }
  const std::size_t header = (std::to_integer<std::size_t>(packet[0]) & 0x0fU) * 4;
  if ((repair & 64U) != 0 && header >= 20 && header <= packet.size()) fix_ip_checksum(packet);
  return packet;
}

void request(DirectorWorld& world, ByteSource& in) {
  const unsigned how = in.next8();
  const std::uint8_t protocol = (how & 1U) != 0 ? 17 : 6;
  const std::size_t room = (how & 16U) != 0 ? in.next8() % 11 * std::size_t{4} : 0;
  const IpFields ip{.source = in.one_of(kClients),
                    .destination = "10.0.3.100",
                    .ttl = static_cast<std::uint8_t>((how & 2U) != 0 ? in.next8() : 64),
                    .tos = static_cast<std::uint8_t>((how & 4U) != 0 ? in.next8() : 0),
                    .dont_fragment = (how & 8U) != 0,
                    .options = (how & 128U) != 0 ? pattern(room, 1) : Bytes(room, std::byte{1})};
  const TcpFields tcp{.source = static_cast<std::uint16_t>(1024 + in.next8() % 16),
                      .destination = static_cast<std::uint16_t>(80 + in.next8() % 4),
                      .flags = static_cast<std::uint8_t>((how & 32U) != 0 ? in.next8() : 2)};
  const Bytes payload = pattern((how & 64U) != 0 ? in.next16() % 4000 : 5);
  world.feed_request(ip, protocol, tcp, payload);
}

// What a server or client might answer to what the director sent last.
void answer(DirectorWorld& world, ByteSource& in) {
  const unsigned how = in.next8();
  if (world.sent().empty()) return;
  Bytes packet = world.sent()[how % world.sent().size()];
  std::swap_ranges(packet.begin() + 12, packet.begin() + 16, packet.begin() + 16);
  const std::size_t ports = (std::to_integer<std::size_t>(packet[0]) & 0x0fU) * 4;
  if (packet.size() >= ports + 4) {
    const auto at = packet.begin() + static_cast<long>(ports);
    std::swap_ranges(at, at + 2, at + 2);
  }
  if ((how & 0x80U) != 0 && packet.size() >= ports + 14) packet[ports + 13] = std::byte(in.next8());
  packet[8] = std::byte{64};
  fix_ip_checksum(packet);
  world.feed(packet, in.next8() % 8 == 0 ? 7 : 0);
}

void icmp_about(DirectorWorld& world, ByteSource& in) {
  constexpr std::uint8_t kTypes[] = {3, 11, 4, 5, 8};
  const unsigned how = in.next8();
  if (world.sent().empty()) return;
  Bytes original = world.sent()[how % world.sent().size()];
  if ((how & 0x40U) != 0) {  // about the answer to it
    std::swap_ranges(original.begin() + 12, original.begin() + 16, original.begin() + 16);
    const auto ports = original.begin() + (std::to_integer<int>(original[0]) & 0x0f) * 4;
    if (original.end() - ports >= 4) std::swap_ranges(ports, ports + 2, ports + 2);
  }
  const View source = View(original).subspan(12, 4);
  const std::string to = to_string(*load<Ipv4Address>(source));
  const IcmpFields icmp{.type = in.one_of(kTypes),
                        .code = static_cast<std::uint8_t>(in.next8() % 6),
                        .rest = in.next16()};
  Bytes error =
      icmp_error({.source = in.one_of(kAddresses), .destination = to}, icmp, original, in.next8());
  if ((how & 0x20U) != 0) error[error.size() - 1] ^= std::byte{0x55};
  world.feed(error);
}

void fragmented(DirectorWorld& world, ByteSource& in) {
  const bool marked = in.next8() % 4 == 0;
  const Bytes whole = udp_packet(
      {.source = in.one_of(kClients), .destination = marked ? "10.0.2.12" : "10.0.3.100"},
      {.source = 1024, .destination = in.one_of(kPorts)}, pattern(in.next8() + std::size_t{8}));
  for (const Bytes& part : fragments(whole, 8 + in.next8() % 8 * std::size_t{8}))
    world.feed(part, marked ? 7 : 0);
}

// To a service by mark, for any port, of FTP, SCTP or SIP, or IPv6.
void special(DirectorWorld& world, ByteSource& in) {
  constexpr std::string_view kPayloads[] = {"",
                                            "PASV\r\n",
                                            "EPSV\r\n",
                                            "PORT 10,1,0,1,4,1\r\n",
                                            "227 Entering (10,0,2,11,4,2).\r\n",
                                            "229 Extended (|||1026|)\r\n",
                                            "INVITE x\r\nCall-ID: a@b\r\n\r\n",
                                            "x\r\ni: c\r\n"};
  constexpr std::uint16_t kSpecialPorts[] = {21, 80, 5060, 1026, 443, 20};
  const unsigned how = in.next8();
  const bool by_a_server = (how & 8U) != 0;
  const IpFields ip{.source = by_a_server ? in.one_of(kServers) : in.one_of(kClients),
                    .destination = (how & 1U) != 0 ? "10.0.3.101" : "10.0.3.100"};
  const auto source = static_cast<std::uint16_t>(1024 + in.next8() % 16);
  const std::uint16_t destination = in.one_of(kSpecialPorts);
  const Bytes payload = text(in.one_of(kPayloads));
  const std::uint32_t mark = (how & 2U) != 0 ? 7 : 0;
  const auto flags = static_cast<std::uint8_t>((how & 4U) != 0 ? in.next8() : 0x18);
  switch (how >> 4U & 3U) {
    case 0:
      return world.feed(udp_packet(ip, {.source = source, .destination = destination}, payload),
                        mark);
    case 1: {
      const Bytes chunk = {std::byte(in.next8() % 16), std::byte{0}, std::byte{0}, std::byte{4}};
      return world.feed(sctp_packet(ip, {.source = source, .destination = 80}, chunk), mark);
    }
    default:
      return world.feed(
          tcp_packet(ip, {.source = source, .destination = destination, .flags = flags}, payload),
          mark);
  }
}

Bytes packet_v6(ByteSource& in) {
  const unsigned how = in.next8();
  const Bytes payload = pattern(in.next8());
  const IpFields ip{};
  const TcpFields tcp{.source = static_cast<std::uint16_t>(1024 + in.next8() % 16),
                      .destination = in.one_of(kPorts),
                      .flags = in.next8()};
  const bool datagram = (how & 1U) != 0;
  const Bytes v4 = datagram ? udp_packet(ip, {.source = tcp.source, .destination = 80}, payload)
                            : tcp_packet(ip, tcp, payload);
  Bytes packet(40);
  packet[0] = std::byte{0x60};
  put16(packet, 4, static_cast<std::uint16_t>(v4.size() - 20));
  packet[6] = std::byte{static_cast<std::uint8_t>(datagram ? 17 : 6)};
  packet[7] = std::byte{static_cast<std::uint8_t>((how & 2U) != 0 ? in.next8() : 64)};
  const bool answer = (how & 4U) != 0;
  const auto write = [&packet](std::size_t at, std::string_view which) {
    const auto bytes = address(which).bytes();
    std::ranges::copy(std::as_bytes(std::span(bytes)), packet.begin() + static_cast<long>(at));
  };
  write(answer ? 24 : 8, "fd00:1::2");
  write(answer ? 8 : 24, answer ? "fd00:2::11" : "fd00:3::100");
  packet.insert(packet.end(), v4.begin() + 20, v4.end());
  const std::size_t sum_at = 40 + (datagram ? std::size_t{6} : std::size_t{16});
  put16(packet, sum_at, 0);
  Bytes summed(packet.begin() + 8, packet.end());  // addresses and all behind them
  const std::size_t length = packet.size() - 40;
  const auto start = static_cast<std::uint32_t>(length + (datagram ? 17U : 6U));
  const std::uint16_t checksum = plain_checksum(summed, start);
  put16(packet, sum_at, checksum == 0 ? 0xffff : checksum);
  if ((how & 0xf0U) == 0xf0U) packet[in.next8() % packet.size()] ^= std::byte{in.next8()};
  return packet;
}

void step(DirectorWorld& world, ByteSource& in) {
  switch (in.next8() % 13) {
    case 0:
    case 1:
      return world.feed(raw_packet(in));
    case 2:
    case 3:
    case 4:
      return request(world, in);
    case 5:
      return answer(world, in);
    case 6:
      return icmp_about(world, in);
    case 7:
      return world.pass(std::chrono::milliseconds(std::uint64_t{in.next16()} * 20));
    case 8:
      return in.next8() % 2 == 0 ? world.reload(in) : world.change_network(in);
    case 9:
    case 10:
      return special(world, in);
    case 11:
      return world.feed(packet_v6(in));
    default:
      return fragmented(world, in);
  }
}

}  // namespace

// What runner.cc counts to.
std::uint64_t packets_fed = 0;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteSource in(std::as_bytes(std::span(data, size)));
  DirectorWorld world;
  for (int steps = 0; !in.empty() && steps < 400; ++steps) step(world, in);
  world.finish();
  packets_fed += world.packets();
  return 0;
}
