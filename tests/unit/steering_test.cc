// SPDX-License-Identifier: GPL-2.0-or-later
// All packets of a client meet one worker, and the kernel's program says the same as Steering. The
// program is run by the kernel's own interpreter, as the filter of a socket pair.
#include "lvsd/model/steering.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include <array>
#include <map>
#include <random>

#include "lvsd/io/file_descriptor.h"
#include "lvsd/io/steering_bpf.h"
#include "lvsd/model/hairpin.h"
#include "support/packet_builder.h"
#include "support/random_seed.h"

namespace lvsd {
namespace {

using test::Bytes;

class KernelFilter {
 public:
  explicit KernelFilter(const std::vector<BpfInstruction>& program) {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends.data()) != 0) return;
    in_ = FileDescriptor(ends[0]);
    out_ = FileDescriptor(ends[1]);
    std::vector<sock_filter> filter;
    for (const BpfInstruction& one : program) {
      filter.push_back({one.code, one.jump_true, one.jump_false, one.k});
    }
    const sock_fprog all{static_cast<unsigned short>(filter.size()), filter.data()};
    attached_ = setsockopt(out_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof all) == 0;
  }
  bool attached() const { return attached_; }
  bool matches(const Bytes& packet) const {
    char byte = 0;
    // A unix socket says EPERM where the other end's filter drops.
    return send(in_.get(), packet.data(), packet.size(), MSG_DONTWAIT) >= 0 &&
           recv(out_.get(), &byte, 1, MSG_DONTWAIT) >= 0;
  }

 private:
  FileDescriptor in_, out_;
  bool attached_ = false;
};

// All workers' programs; which of them matches, as the rules go: the last takes what is left.
class KernelSteering {
 public:
  KernelSteering(const SteeringHash& hash, IpFamily family, ClientAt client) {
    for (unsigned worker = 0; worker + 1 < hash.used(family == IpFamily::v4); ++worker) {
      const auto program = steering_program(hash, family, client, worker);
      EXPECT_LE(program.size(), 64U);  // what xt_bpf takes
      filters_.emplace_back(program);
      EXPECT_TRUE(filters_.back().attached());
    }
  }
  unsigned worker_of(const Bytes& packet) const {
    for (unsigned worker = 0; worker < filters_.size(); ++worker) {
      if (filters_[worker].matches(packet)) return worker;
    }
    return static_cast<unsigned>(filters_.size());
  }

 private:
  std::vector<KernelFilter> filters_;
};

IpAddress random_address(std::mt19937& random, bool v4) {
  IpAddress::Bytes bytes{};
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  if (!v4) bytes[0] = 0x20;
  return v4 ? IpAddress(static_cast<std::uint8_t>(1 + bytes[0] % 200), bytes[1], bytes[2], bytes[3])
            : IpAddress(bytes);
}

IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }
Endpoint endpoint(std::string_view text, std::uint16_t port) { return {address(text), Port(port)}; }

// An IPv6 packet with a hop-by-hop header where asked for; the builder makes IPv4 only.
Bytes v6_packet(const IpAddress& from, const IpAddress& to, std::uint8_t protocol,
                const Bytes& payload, bool extension = false) {
  const std::size_t size = payload.size() + (extension ? 8 : 0);
  Bytes out(sizeof(Ipv6Header));
  out[0] = std::byte{0x60};
  out[4] = static_cast<std::byte>(size >> 8U);
  out[5] = static_cast<std::byte>(size);
  out[6] = std::byte{extension ? std::uint8_t{0} : protocol};
  out[7] = std::byte{64};
  for (std::size_t i = 0; i < 16; ++i) {
    out[8 + i] = std::byte{from.bytes()[i]};
    out[24 + i] = std::byte{to.bytes()[i]};
  }
  if (extension) {
    out.push_back(std::byte{protocol});
    out.push_back(std::byte{0});
    out.insert(out.end(), {std::byte{1}, std::byte{4}, std::byte{0}, std::byte{0}, std::byte{0},
                           std::byte{0}});
  }
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

Bytes ports(std::uint16_t source, std::uint16_t destination) {
  Bytes udp(8);
  udp[0] = static_cast<std::byte>(source >> 8U);
  udp[1] = static_cast<std::byte>(source);
  udp[2] = static_cast<std::byte>(destination >> 8U);
  udp[3] = static_cast<std::byte>(destination);
  return udp;
}

Config nat_and_tunnel() {
  Config config;
  VirtualService web, ftp, mail;
  web.key = {ServiceProtocol::tcp, endpoint("192.0.2.10", 80)};
  web.destinations = {{endpoint("10.0.0.11", 8080), Masquerade{}, Weight(1)},
                      {endpoint("10.0.0.21", 80), Tunnel{}, Weight(1)},
                      {endpoint("10.0.0.22", 80),
                       Tunnel{Encapsulation::gue, Port(std::uint16_t{6080})}, Weight(1)}};
  ftp.key = {ServiceProtocol::tcp, endpoint("192.0.2.10", 21)};
  ftp.destinations = {{endpoint("10.0.0.12", 21), Masquerade{}, Weight(1)}};
  mail.key = {ServiceProtocol::udp, endpoint("2001:db8::10", 53)};
  mail.destinations = {{endpoint("fd00::11", 53), Masquerade{}, Weight(1)}};
  config.services = {web, ftp, mail};
  return config;
}

class Steered : public testing::Test {
 protected:
  Steered() : random_(test::random_seed()) {}
  SteeringHash random_hash() {
    std::uniform_int_distribution<unsigned> workers(2, 16), v4(1, 32), v6(1, 128);
    return {workers(random_),
            static_cast<std::uint32_t>(random_()),
            {static_cast<std::uint8_t>(v4(random_)), static_cast<std::uint8_t>(v6(random_))}};
  }
  std::mt19937 random_;
};

TEST_F(Steered, KernelAndHashAgreeOnSourceAndDestination) {
  for (int round = 0; round < 20; ++round) {
    const SteeringHash hash = random_hash();
    const Steering steering(hash, nat_and_tunnel());
    for (const bool v4 : {true, false}) {
      const IpFamily family = v4 ? IpFamily::v4 : IpFamily::v6;
      const KernelSteering requests(hash, family, ClientAt::source);
      const KernelSteering replies(hash, family, ClientAt::destination);
      for (int i = 0; i < 50; ++i) {
        const IpAddress client = random_address(random_, v4);
        const IpAddress vip = address(v4 ? "192.0.2.10" : "2001:db8::10");
        const IpAddress server = address(v4 ? "10.0.0.11" : "fd00::11");
        const unsigned worker = hash.worker_of(client);
        ASSERT_LT(worker, hash.workers);
        const auto packet = [&](const IpAddress& from, const IpAddress& to, bool reply) {
          if (!v4) {
            return v6_packet(from, to, 17, reply ? ports(53, 4000) : ports(4000, 53), i % 2 == 0);
          }
          return test::tcp_packet({.source = to_string(from),
                                   .destination = to_string(to),
                                   .options = i % 2 == 0 ? Bytes(8, std::byte{1}) : Bytes{}},
                                  {.source = static_cast<std::uint16_t>(reply ? 8080 : 4000),
                                   .destination = static_cast<std::uint16_t>(reply ? 4000 : 80)});
        };
        const Bytes request = packet(client, vip, false), reply = packet(server, client, true);
        ASSERT_EQ(requests.worker_of(request), worker);
        ASSERT_EQ(steering.worker_of(request, 0), worker);
        ASSERT_EQ(replies.worker_of(reply), worker);
        ASSERT_EQ(steering.worker_of(reply, 0), worker);
      }
    }
  }
}

TEST_F(Steered, KernelAndHashAgreeOnQuotedPackets) {
  for (int round = 0; round < 20; ++round) {
    const SteeringHash hash = random_hash();
    const Steering steering(hash, nat_and_tunnel());
    const KernelSteering to_service(hash, IpFamily::v4, ClientAt::quoted_destination);
    const KernelSteering to_client(hash, IpFamily::v4, ClientAt::destination);
    for (int i = 0; i < 50; ++i) {
      const IpAddress client = random_address(random_, true);
      const std::string name = to_string(client);
      const Bytes options = i % 2 == 0 ? Bytes(8, std::byte{1}) : Bytes{};
      const Bytes answer = test::tcp_packet({.source = "192.0.2.10", .destination = name},
                                            {.source = 80, .destination = 4000});
      const Bytes from_client = test::icmp_error(
          {.source = "198.51.100.1", .destination = "192.0.2.10", .options = options},
          {.type = 3, .code = 4, .rest = 1400}, answer);
      ASSERT_EQ(to_service.worker_of(from_client), hash.worker_of(client));
      ASSERT_EQ(steering.worker_of(from_client, 0), hash.worker_of(client));
      const Bytes translated = test::tcp_packet({.source = name, .destination = "10.0.0.11"},
                                                {.source = 4000, .destination = 8080});
      const Bytes from_server =
          test::icmp_error({.source = "10.0.0.1", .destination = name, .options = options},
                           {.type = 11}, translated);
      ASSERT_EQ(to_client.worker_of(from_server), hash.worker_of(client));
      ASSERT_EQ(steering.worker_of(from_server, 0), hash.worker_of(client));
    }
  }
}

TEST_F(Steered, KernelAndHashAgreeOnQuotedPacketsOfIpv6) {
  const SteeringHash hash = random_hash();
  const Steering steering(hash, nat_and_tunnel());
  const KernelSteering to_service(hash, IpFamily::v6, ClientAt::quoted_destination);
  for (int i = 0; i < 200; ++i) {
    const IpAddress client = random_address(random_, false), vip = address("2001:db8::10");
    Bytes error(8);
    error[0] = std::byte{1};
    const Bytes quoted = v6_packet(vip, client, 17, ports(53, 4000));
    error.insert(error.end(), quoted.begin(), quoted.end());
    const Bytes packet = v6_packet(random_address(random_, false), vip, 58, error);
    ASSERT_EQ(to_service.worker_of(packet), hash.worker_of(client));
    ASSERT_EQ(steering.worker_of(packet, 0), hash.worker_of(client));
    // Behind an extension header only Steering finds it.
    const Bytes behind = v6_packet(random_address(random_, false), vip, 58, error, true);
    ASSERT_EQ(steering.worker_of(behind, 0), hash.worker_of(client));
  }
}

// Of a check through the data path, whose client is the director itself.
TEST_F(Steered, AnAnswerMeetsTheWorkerOfItsCheck) {
  Config config;
  config.services.resize(1);
  config.services[0].key = {ServiceProtocol::tcp, endpoint("192.0.2.10", 80)};
  config.services[0].probes.mark = 0x4c560001;
  for (int i = 0; i < 200; ++i) {
    const SteeringHash hash = random_hash();
    const Steering steering(hash, config);
    const std::string own = to_string(random_address(random_, true));
    const auto packet = [](const std::string& from, const std::string& to) {
      return test::tcp_packet({.source = from, .destination = to});
    };
    const unsigned worker = hash.worker_of(address(own));
    ASSERT_EQ(steering.worker_of(packet(own, "10.0.0.11"), 0x4c560001), worker);
    ASSERT_EQ(steering.worker_of(packet("192.0.2.10", own), 0), worker);
    ASSERT_EQ(steering.worker_of(packet(own, "192.0.2.10"), 0), worker);
  }
}

TEST_F(Steered, WhatBelongsToAClientMeetsOneWorker) {
  for (const unsigned workers : {2U, 4U}) {
    const SteeringHash hash{workers, static_cast<std::uint32_t>(random_()), {24, 64}};
    const Steering steering(hash, nat_and_tunnel());
    for (int i = 0; i < 200; ++i) {
      const IpAddress client = random_address(random_, true);
      IpAddress::Bytes bytes = client.bytes();
      bytes[15] = static_cast<std::uint8_t>(random_());
      const std::string name = to_string(client), neighbour = to_string(IpAddress(bytes));
      const auto tcp = [](const std::string& from, std::uint16_t source, const std::string& to,
                          std::uint16_t destination) {
        return test::tcp_packet({.source = from, .destination = to},
                                {.source = source, .destination = destination});
      };
      const unsigned worker = steering.worker_of(tcp(name, 4000, "192.0.2.10", 80), 0).value();
      const auto expect_same = [&](const Bytes& packet, const char* what) {
        EXPECT_EQ(steering.worker_of(packet, 0), worker) << what << " of " << name;
      };
      expect_same(tcp(neighbour, 4001, "192.0.2.10", 80), "another client of its network");
      expect_same(tcp("10.0.0.11", 8080, name, 4000), "a reply");
      expect_same(tcp(name, 4002, "192.0.2.10", 21), "FTP");
      expect_same(tcp("10.0.0.12", 20, name, 4003), "active FTP data");
      expect_same(tcp(name, 4004, "192.0.2.10", 30000), "passive FTP data");
      expect_same(tcp("10.0.0.12", 30000, name, 4004), "passive FTP data back");
      const Bytes large = test::udp_packet({.source = name}, {}, test::pattern(2000));
      for (const Bytes& piece : test::fragments(large, 800)) expect_same(piece, "a fragment");
      const Bytes reply =
          test::udp_packet({.source = "10.0.0.11", .destination = name}, {}, test::pattern(2000));
      for (const Bytes& piece : test::fragments(reply, 800)) expect_same(piece, "a reply's piece");
      const Bytes inner = tcp(name, 4000, "192.0.2.10", 80);
      const Bytes tunnel =
          test::ipip_packet({.source = "10.0.0.1", .destination = "10.0.0.21"}, inner);
      expect_same(test::icmp_error({.source = "10.0.0.9", .destination = "10.0.0.1"},
                                   {.type = 3, .code = 4, .rest = 1400}, tunnel, 60),
                  "an error about its tunnel");
      Bytes gue(4);
      gue[1] = std::byte{4};
      gue.insert(gue.end(), inner.begin(), inner.end());
      const Bytes in_udp = test::udp_packet({.source = "10.0.0.1", .destination = "10.0.0.22"},
                                            {.source = 50000, .destination = 6080}, gue);
      expect_same(test::icmp_error({.source = "10.0.0.9", .destination = "10.0.0.1"},
                                   {.type = 3, .code = 4, .rest = 1400}, in_udp, 80),
                  "an error about its tunnel in UDP");
    }
  }
}

TEST_F(Steered, AnErrorThatNamesNoClientConcernsAllWorkers) {
  const Steering steering({4, 1, {}}, nat_and_tunnel());
  const Bytes tunnel =
      test::ipip_packet({.source = "10.0.0.1", .destination = "10.0.0.21"}, test::tcp_packet({}));
  EXPECT_EQ(steering.worker_of(test::icmp_error({.source = "10.0.0.9", .destination = "10.0.0.1"},
                                                {.type = 3, .code = 4, .rest = 1400}, tunnel, 8),
                               0),
            std::nullopt);
}

TEST_F(Steered, ARealServerMayBeAClientAndTheDirectorToo) {
  const SteeringHash hash{16, 7, {}};
  const Steering steering(hash, nat_and_tunnel());
  const Bytes request = test::tcp_packet({.source = "10.0.0.12", .destination = "192.0.2.10"},
                                         {.source = 4000, .destination = 80});
  EXPECT_EQ(steering.worker_of(request, 0), hash.worker_of(address("10.0.0.12")));
  // To a process on the director, which has the virtual address for its own.
  const Bytes reply = test::tcp_packet({.source = "10.0.0.11", .destination = "192.0.2.10"},
                                       {.source = 8080, .destination = 4000});
  EXPECT_EQ(steering.worker_of(reply, 0), hash.worker_of(address("192.0.2.10")));
}

// With hairpin an answer to a real server's request names the director only: the port says whose
// connection it is. A client that has such a port for its own is steered as ever.
TEST_F(Steered, AHairpinsAnswerGoesByItsPort) {
  Config config = nat_and_tunnel();
  config.services[0].hairpin = address("10.0.0.1");
  for (const SteeringHash& hash : {SteeringHash{4, 7, {}}, SteeringHash{4, 7, {0, 128}}}) {
    const Steering steering(hash, config);
    for (unsigned i = 0; i < 8; ++i) {
      const auto port = static_cast<std::uint16_t>(HairpinPorts::kFirst + i);
      const auto answer = [port](std::string_view from, std::string_view to) {
        return test::tcp_packet({.source = std::string(from), .destination = std::string(to)},
                                {.source = 8080, .destination = port});
      };
      EXPECT_EQ(steering.worker_of(answer("10.0.0.11", "10.0.0.1"), 0), i % hash.used(true));
      EXPECT_EQ(steering.worker_of(answer("10.0.0.11", "198.51.100.1"), 0),
                hash.worker_of(address("198.51.100.1")));
      EXPECT_EQ(steering.worker_of(answer("198.51.100.1", "10.0.0.1"), 0),
                hash.worker_of(address("198.51.100.1")));
      const Bytes request = test::tcp_packet({.source = "10.0.0.1", .destination = "10.0.0.12"},
                                             {.source = port, .destination = 8080});
      const Bytes error = test::icmp_error({.source = "10.0.0.9", .destination = "10.0.0.1"},
                                           {.type = 11}, request);
      EXPECT_EQ(steering.worker_of(error, 0), i % hash.used(true));
    }
    const Bytes below = test::tcp_packet({.source = "10.0.0.11", .destination = "10.0.0.1"},
                                         {.source = 8080, .destination = 60999});
    EXPECT_EQ(steering.worker_of(below, 0), hash.worker_of(address("10.0.0.1")));
  }
}

TEST_F(Steered, OpenersOfSctpAreToldByTheirChunk) {
  const KernelFilter v4(sctp_init_program(IpFamily::v4)), v6(sctp_init_program(IpFamily::v6));
  ASSERT_TRUE(v4.attached() && v6.attached());
  const Bytes init = test::sctp_chunk(1, Bytes(16)), data = test::sctp_chunk(0, Bytes(1400));
  for (const Bytes& options : {Bytes{}, Bytes(8, std::byte{1})}) {
    EXPECT_TRUE(v4.matches(test::sctp_packet({.options = options}, {}, init)));
    EXPECT_FALSE(v4.matches(test::sctp_packet({.options = options}, {}, data)));
  }
  Bytes looks_alike(1400, std::byte{1});
  for (const Bytes& piece : test::fragments(test::sctp_packet({}, {}, looks_alike), 800)) {
    const bool first = (std::to_integer<unsigned>(piece[6]) & 0x1f) == 0 && piece[7] == std::byte{};
    EXPECT_EQ(v4.matches(piece), first);
  }
  EXPECT_FALSE(v4.matches(Bytes(20)));  // cut short
  Bytes segment(12);
  segment.insert(segment.end(), init.begin(), init.end());
  const IpAddress from = address("2001:db8::1"), to = address("2001:db8::10");
  EXPECT_TRUE(v6.matches(v6_packet(from, to, 132, segment)));
  segment[12] = std::byte{0};
  EXPECT_FALSE(v6.matches(v6_packet(from, to, 132, segment)));
}

TEST_F(Steered, MaskZeroLeavesOneWorkerToAFamily) {
  const SteeringHash hash{4, 99, {0, 128}};
  std::map<unsigned, int> v4, v6;
  for (int i = 0; i < 100; ++i) {
    ++v4[hash.worker_of(random_address(random_, true))];
    ++v6[hash.worker_of(random_address(random_, false))];
  }
  EXPECT_EQ(v4.size(), 1U);
  EXPECT_EQ(v6.size(), 4U);
}

// A thousand neighbouring clients, as in one access network: no worker gets twice its share.
TEST_F(Steered, NeighboursAreSpread) {
  for (const unsigned workers : {2U, 3U, 8U}) {
    const SteeringHash hash{workers, static_cast<std::uint32_t>(random_()), {}};
    std::vector<unsigned> v4(workers), v6(workers);
    for (unsigned i = 0; i < 4000; ++i) {
      ++v4[hash.worker_of(
          IpAddress(10, 1, static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i)))];
      IpAddress::Bytes bytes = address("2001:db8::1").bytes();
      bytes[6] = static_cast<std::uint8_t>(i >> 8U);
      bytes[7] = static_cast<std::uint8_t>(i);
      ++v6[hash.worker_of(IpAddress(bytes))];
    }
    for (const auto& counts : {v4, v6}) {
      for (const unsigned count : counts) {
        EXPECT_GT(count, 4000 / workers / 2);
        EXPECT_LT(count, 4000 / workers * 2);
      }
    }
  }
}

}  // namespace
}  // namespace lvsd
