// SPDX-License-Identifier: GPL-2.0-or-later
// The packet edges with IPv6: what NFQUEUE hands over and takes back, and what the kernel routes
// for us.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>

#include "lvsd/io/nfqueue.h"
#include "lvsd/io/raw_socket.h"
#include "lvsd/net/headers.h"
#include "netns/datagrams.h"
#include "netns/namespaces.h"
#include "netns/raw_packets.h"

namespace lvsd {
namespace {

using test::Inside;
using test::Lab;

constexpr std::uint8_t kExperiment = 253;  // RFC 3692: no checksum to care about
constexpr std::size_t kIpv6Header = 40;
const IpAddress kClient = *IpAddress::parse("2001:db8:1::2");
const IpAddress kDirector = *IpAddress::parse("2001:db8:1::1");
const IpAddress kServer = *IpAddress::parse("2001:db8:2::2");

// Gets what follows the IPv6 header of packets of our protocol.
class Receiver {
 public:
  explicit Receiver(const test::NetworkNamespace& where) {
    const Inside inside(where);
    fd_ = FileDescriptor(socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, kExperiment));
  }
  std::string receive(int timeout_ms) const {
    std::string text(2048, '\0');
    if (!test::readable(fd_.get(), timeout_ms)) return "nothing";
    const ssize_t got = recv(fd_.get(), text.data(), text.size(), 0);
    text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return text;
  }

 private:
  FileDescriptor fd_;
};

class LiveIpv6 : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, for network namespaces";
    lab_ = std::make_unique<Lab>();
    lab_->client.run(
        "ip addr add 2001:db8:1::2/64 dev c0 nodad; "
        "ip neigh replace 2001:db8:1::1 lladdr 02:00:00:00:01:01 dev c0");
    lab_->director.run(
        "ip addr add 2001:db8:1::1/64 dev d0 nodad; ip addr add 2001:db8:2::1/64 dev d1 nodad; "
        "ip neigh replace 2001:db8:2::2 lladdr 02:00:00:00:02:02 dev d1");
    lab_->server.run(
        "ip addr add 2001:db8:2::2/64 dev s0 nodad; ip route add default via 2001:db8:2::1");
  }
  static std::vector<std::uint8_t> payload(const std::string& text) {
    return {text.begin(), text.end()};
  }
  static std::vector<std::byte> packet(const IpAddress& to, const std::string& text) {
    std::vector<std::byte> bytes(kIpv6Header + text.size());
    bytes[0] = std::byte{0x60};
    bytes[5] = std::byte(text.size());
    bytes[6] = std::byte{kExperiment};
    bytes[7] = std::byte{64};
    const IpAddress::Bytes source = kClient.bytes(), destination = to.bytes();
    std::ranges::copy(std::as_bytes(std::span(source)), bytes.begin() + 8);
    std::ranges::copy(std::as_bytes(std::span(destination)), bytes.begin() + 24);
    std::ranges::copy(std::as_bytes(std::span(text)), bytes.begin() + kIpv6Header);
    return bytes;
  }
  std::unique_ptr<Lab> lab_;
};

TEST_F(LiveIpv6, QueueHandsOverMarksAndAppliesVerdicts) {
  lab_->director.run(
      "ip6tables -t mangle -A PREROUTING -p 253 -j MARK --set-mark 0x107; "
      "ip6tables -t mangle -A PREROUTING -p 253 -j NFQUEUE --queue-num 5");
  const Receiver receiver(lab_->director);
  const test::RawSender client(lab_->client);
  const Inside inside(lab_->director);
  NfQueue queue(5);
  for (const char* text : {"left", "dropped", "changed"}) {
    client.send({kExperiment, kClient, kDirector, payload(text)});
  }
  std::size_t taken = 0;
  while (taken < 3 && test::readable(queue.fd(), 2000)) {
    for (QueuedPacket& packet : queue.receive()) {
      EXPECT_EQ(packet.protocol, ethertype::kIpv6);
      EXPECT_EQ(packet.mark, 0x107U);
      if (taken == 0) queue.accept(packet.id);
      if (taken == 1) queue.drop(packet.id);
      if (taken == 2) {
        packet.packet.bytes()[kIpv6Header] = std::byte{'C'};
        queue.accept_changed(packet.id, packet.packet.bytes());
      }
      ++taken;
    }
    queue.settle();
  }
  EXPECT_EQ(receiver.receive(1000), "left");
  EXPECT_EQ(receiver.receive(1000), "Changed");
  EXPECT_EQ(receiver.receive(50), "nothing");
  EXPECT_EQ(queue.counters().refused, 0U);
}

TEST_F(LiveIpv6, TheKernelRoutesRawPacketsOfBothVersions) {
  const Receiver receiver(lab_->server);
  const auto first = packet(kServer, "one"), second = packet(kServer, "two");
  const auto unreachable = packet(*IpAddress::parse("2001:db8:ffff::1"), "x");
  const auto v4 =
      test::udp_packet(Ipv4Address({10, 77, 1, 2}), Ipv4Address({10, 77, 2, 2}), 9, "4");
  const std::vector<std::byte> cut(20, std::byte{0x60}), alien(40, std::byte{0x50});
  std::vector<Emission> emissions;
  for (const auto* bytes : {&first, &unreachable, &v4, &cut, &alien, &second}) {
    emissions.emplace_back().packet = *bytes;
  }
  const Inside inside(lab_->director);
  RawSocket socket;
  socket.send(emissions);
  EXPECT_EQ(receiver.receive(2000), "one");
  EXPECT_EQ(receiver.receive(2000), "two");
  EXPECT_EQ(socket.counters().sent, 3U);
  EXPECT_EQ(socket.counters().refused, 3U);
}

}  // namespace
}  // namespace lvsd
