// SPDX-License-Identifier: GPL-2.0-or-later
// The packet edges on a real kernel: what NFQUEUE hands over and takes back, what the sockets send.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/syscall.h>

#include <cstring>
#include <functional>
#include <memory>
#include <system_error>
#include <thread>

#include "lvsd/io/nfqueue.h"
#include "lvsd/io/packet_socket.h"
#include "lvsd/io/raw_socket.h"
#include "lvsd/net/headers.h"
#include "netns/datagrams.h"
#include "netns/namespaces.h"

namespace lvsd {
namespace {

using test::FrameListener;
using test::Inside;
using test::Lab;
using test::UdpSocket;

constexpr std::uint16_t kQueue = 5, kPort = 9000;
constexpr Ipv4Address kClient({10, 77, 1, 2}), kDirector({10, 77, 1, 1}), kServer({10, 77, 2, 2});
constexpr std::size_t kText = sizeof(Ipv4Header) + sizeof(UdpHeader);  // where the text starts

class Live : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, for network namespaces";
    lab_ = std::make_unique<Lab>();
  }
  void capture() const {
    lab_->director.run("iptables -t raw -A PREROUTING -i d0 -p udp -j NFQUEUE --queue-num 5");
  }
  std::unique_ptr<Lab> lab_;
};

class LiveQueue : public Live {
 protected:
  void SetUp() override {
    Live::SetUp();
    if (IsSkipped()) return;
    capture();
    const Inside inside(lab_->director);
    queue_ = std::make_unique<NfQueue>(kQueue);
    server_ = std::make_unique<UdpSocket>(lab_->director, kDirector, kPort);
    client_ = std::make_unique<UdpSocket>(lab_->client, kClient, 5000);
  }
  // Hands `count` packets to `decide` and settles each batch; false where fewer came in time.
  bool handle(std::size_t count, const std::function<void(QueuedPacket&)>& decide) {
    while (count > 0) {
      if (!test::readable(queue_->fd(), 2000)) return false;
      for (QueuedPacket& packet : queue_->receive()) {
        decide(packet);
        --count;
      }
      queue_->settle();
    }
    return true;
  }
  std::optional<QueueStatus> kernel_status() const {
    const Inside inside(lab_->director);
    return queue_->status();
  }
  static std::string text_of(const QueuedPacket& packet) {
    const auto bytes = packet.packet.bytes().subspan(kText);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  std::unique_ptr<NfQueue> queue_;
  std::unique_ptr<UdpSocket> server_, client_;
};

TEST_F(LiveQueue, HandsPacketsOverInOrderAndAppliesEachVerdict) {
  constexpr std::size_t kCount = 200;  // three full batches and a bit
  for (std::size_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(client_->send("packet " + std::to_string(i), kDirector, kPort));
  }
  const auto d0 = InterfaceIndex{test::interface_index(lab_->director, "d0")};
  std::size_t next = 0, full_batches = 0;
  std::uint32_t last_id = 0;
  ASSERT_TRUE(handle(kCount, [&](QueuedPacket& packet) {
    EXPECT_EQ(text_of(packet), "packet " + std::to_string(next));
    EXPECT_EQ(packet.protocol, ethertype::kIpv4);
    EXPECT_EQ(packet.in, d0);
    EXPECT_EQ(packet.id, last_id + 1);
    EXPECT_GE(packet.packet.headroom(), kPacketHeadroom);
    full_batches += queue_->more() && next % NfQueue::kBatch == 0;
    last_id = packet.id;
    if (next % 3 == 0) queue_->accept(packet.id);
    if (next % 3 == 1) queue_->drop(packet.id);
    if (next % 3 == 2) {
      std::memcpy(packet.packet.bytes().data() + kText, "CHANGE", 6);
      const auto udp_checksum = packet.packet.bytes().subspan(sizeof(Ipv4Header) + 6, 2);
      std::ranges::fill(udp_checksum, std::byte{0});
      queue_->accept_changed(packet.id, packet.packet.bytes());
    }
    ++next;
  }));
  EXPECT_EQ(full_batches, 3U);
  for (std::size_t i = 0; i < kCount; ++i) {
    if (i % 3 == 1) continue;
    const auto datagram = server_->receive(1000);
    ASSERT_TRUE(datagram) << i;
    EXPECT_EQ(datagram->text, (i % 3 == 0 ? "packet " : "CHANGE ") + std::to_string(i));
  }
  EXPECT_FALSE(server_->receive(50));
  const auto status = kernel_status();
  ASSERT_TRUE(status);
  EXPECT_EQ(status->waiting, 0U);
  EXPECT_EQ(queue_->counters().received, kCount);
  EXPECT_EQ(queue_->counters().refused, 0U);
}

// A changed packet may be longer or shorter than it was.
TEST_F(LiveQueue, TakesBackPacketsOfAnotherLength) {
  ASSERT_TRUE(client_->send("short", kDirector, kPort));
  const std::string longer(1200, 'x');
  ASSERT_TRUE(handle(1, [&](QueuedPacket& packet) {
    queue_->accept_changed(packet.id, test::udp_packet(kClient, kDirector, kPort, longer));
  }));
  const auto datagram = server_->receive(1000);
  ASSERT_TRUE(datagram);
  EXPECT_EQ(datagram->text, longer);
}

TEST_F(LiveQueue, CountsWhatAnOverfullQueueDrops) {
  constexpr std::uint32_t kLimit = 16384, kCount = kLimit + 1000;
  for (std::uint32_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(client_->send("x", kDirector, kPort));
  }
  const auto full = kernel_status();
  ASSERT_TRUE(full);
  EXPECT_EQ(full->waiting, kLimit);
  EXPECT_EQ(full->dropped, 1000U);
  EXPECT_EQ(full->user_dropped, 0U);
  ASSERT_TRUE(handle(kLimit, [&](QueuedPacket& packet) { queue_->drop(packet.id); }));
  EXPECT_EQ(kernel_status()->waiting, 0U);
  EXPECT_EQ(queue_->counters().overruns, 0U);
  EXPECT_FALSE(server_->receive(50));
}

TEST_F(LiveQueue, SaysThatAnotherProgramHoldsIt) {
  const Inside inside(lab_->director);
  try {
    const NfQueue second(kQueue);
    FAIL() << "two owners of one queue";
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("queue 5 is taken by another program"),
              std::string::npos)
        << error.what();
  }
  queue_.reset();
  EXPECT_NO_THROW(NfQueue{kQueue});
}

TEST_F(LiveQueue, ClosingDropsWhatWaits) {
  ASSERT_TRUE(client_->send("x", kDirector, kPort));
  ASSERT_TRUE(test::readable(queue_->fd(), 2000));
  queue_.reset();
  EXPECT_FALSE(server_->receive(50));
}

// As nobody, in a thread of its own: credentials belong to threads.
TEST_F(Live, SaysThatAPrivilegeIsMissing) {
  std::string message;
  std::thread([&] {
    ASSERT_EQ(setns(lab_->director.fd(), CLONE_NEWNET), 0);  // and not back: nobody may
    const long kNobody = 65534;
    ASSERT_EQ(syscall(SYS_setresuid, kNobody, kNobody, kNobody), 0);
    try {
      const NfQueue queue(kQueue);
    } catch (const std::system_error& error) {
      message = error.what();
    }
  }).join();
  EXPECT_NE(message.find("without CAP_NET_ADMIN"), std::string::npos) << message;
}

Emission frame_to(InterfaceIndex interface, std::span<const std::byte> packet) {
  Emission out;
  out.interface = interface;
  out.source = Mac({2, 0, 0, 0, 1, 1});
  out.destination = Mac({2, 0, 0, 0, 1, 2});
  out.packet = packet;
  return out;
}

TEST_F(Live, FramesArriveByteForByteAndFailuresAreSkipped) {
  const FrameListener listener(lab_->client, "c0");
  lab_->director.run("ip link add down0 type veth peer name down1");
  const auto d0 = InterfaceIndex{test::interface_index(lab_->director, "d0")};
  const auto down = InterfaceIndex{test::interface_index(lab_->director, "down0")};
  constexpr std::size_t kCount = 150;
  std::vector<std::vector<std::byte>> packets;
  std::vector<Emission> frames;
  for (std::size_t i = 0; i < kCount; ++i) {
    packets.push_back(test::udp_packet(kServer, kClient, kPort, "frame " + std::to_string(i)));
  }
  const auto oversized = test::udp_packet(kServer, kClient, kPort, std::string(3000, 'x'));
  for (std::size_t i = 0; i < kCount; ++i) {
    if (i == 0) frames.push_back(frame_to(InterfaceIndex{9999}, packets[0]));
    if (i == 70) frames.push_back(frame_to(d0, oversized));
    if (i == 71) frames.push_back(frame_to(down, packets[0]));
    frames.push_back(frame_to(d0, packets[i]));
  }
  const Inside inside(lab_->director);
  PacketSocket socket;
  socket.send(frames);
  const SendCounters& counted = socket.counters();
  EXPECT_EQ(counted.sent, kCount);
  EXPECT_EQ(counted.too_big, 1U);
  EXPECT_EQ(counted.link_down, 2U);
  EXPECT_EQ(counted.errors(), 3U);
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto frame = listener.receive(1000);
    ASSERT_TRUE(frame) << i;
    std::vector<std::byte> expected(sizeof(EthernetHeader) + packets[i].size());
    store<EthernetHeader>(expected, {.destination = Mac({2, 0, 0, 0, 1, 2}),
                                     .source = Mac({2, 0, 0, 0, 1, 1}),
                                     .type = Be16(ethertype::kIpv4)});
    std::memcpy(expected.data() + sizeof(EthernetHeader), packets[i].data(), packets[i].size());
    EXPECT_EQ(*frame, expected) << i;
  }
  EXPECT_FALSE(listener.receive(20));
}

TEST_F(Live, TheKernelRoutesRawPackets) {
  const UdpSocket server(lab_->server, kServer, kPort);
  std::vector<std::vector<std::byte>> packets;
  for (std::size_t i = 0; i < 100; ++i) {
    packets.push_back(test::udp_packet(kClient, kServer, kPort, "raw " + std::to_string(i)));
  }
  const auto unreachable = test::udp_packet(kClient, Ipv4Address({203, 0, 113, 1}), kPort, "x");
  const std::vector<std::byte> ipv6(40, std::byte{0x60});
  std::vector<Emission> emissions;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (i == 10) emissions.emplace_back().packet = unreachable;
    if (i == 20) emissions.emplace_back().packet = ipv6;
    emissions.emplace_back().packet = packets[i];
  }
  const Inside inside(lab_->director);
  RawSocket socket;
  socket.send(emissions);
  EXPECT_EQ(socket.counters().sent, packets.size());
  EXPECT_EQ(socket.counters().refused, 2U);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const auto datagram = server.receive(1000);
    ASSERT_TRUE(datagram) << i;
    EXPECT_EQ(datagram->text, "raw " + std::to_string(i));
    EXPECT_EQ(datagram->from, kClient);
  }
}

}  // namespace
}  // namespace lvsd
