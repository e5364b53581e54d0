// SPDX-License-Identifier: GPL-2.0-or-later
// A whole worker between two namespaces: a client's packet to a virtual address comes out at the
// real server with another MAC, and what the worker is told between two batches takes effect.
#include "lvsd/io/worker.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <thread>

#include "lvsd/io/network_monitor.h"
#include "lvsd/io/nfqueue.h"
#include "lvsd/io/packet_socket.h"
#include "lvsd/net/checksum.h"
#include "lvsd/net/headers.h"
#include "netns/datagrams.h"
#include "netns/namespaces.h"

namespace lvsd {
namespace {

using test::FrameListener;
using test::Inside;
using test::Lab;

using Bytes = std::vector<std::byte>;

constexpr std::uint16_t kQueue = 7, kPort = 80;
constexpr Ipv4Address kClient({10, 77, 1, 2}), kVip({192, 0, 2, 10}), kServer({10, 77, 2, 2});
constexpr Mac kClientMac({2, 0, 0, 0, 1, 2}), kDirectorMac({2, 0, 0, 0, 1, 1});
constexpr Mac kInsideMac({2, 0, 0, 0, 2, 1}), kServerMac({2, 0, 0, 0, 2, 2});

ServiceKey service_key() { return {ServiceProtocol::udp, {kVip, Port(kPort)}}; }

class LiveWorker : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, for network namespaces";
    lab_ = std::make_unique<Lab>();
    lab_->director.run(
        "iptables -t raw -A PREROUTING -d 192.0.2.10 -j NFQUEUE --queue-num 7;"
        "sysctl -qw net.ipv4.ip_forward=0");
    arrivals_ = std::make_unique<FrameListener>(lab_->server, "s0");
    const Inside inside(lab_->client);
    sender_ = std::make_unique<PacketSocket>();
    c0_ = InterfaceIndex{test::interface_index(lab_->client, "c0")};
  }

  // The director's side of the lab; the real server answers ARP with `mac`, or not at all.
  std::shared_ptr<const Network> network(std::optional<Mac> mac) const {
    Network::Parts parts;
    const auto d0 = InterfaceIndex{test::interface_index(lab_->director, "d0")};
    const auto d1 = InterfaceIndex{test::interface_index(lab_->director, "d1")};
    const auto add = [&](InterfaceIndex index, const char* name, Mac own, IpAddress address) {
      Interface& interface = parts.interfaces.emplace_back();
      interface.index = index;
      interface.name = name;
      interface.mac = own;
      interface.addresses.push_back({.address = address, .length = 24});
    };
    add(d0, "d0", kDirectorMac, IpAddress(10, 77, 1, 1));
    add(d1, "d1", kInsideMac, IpAddress(10, 77, 2, 1));
    parts.neighbors.push_back({.address = kClient, .interface = d0, .mac = kClientMac});
    if (mac) parts.neighbors.push_back({.address = kServer, .interface = d1, .mac = *mac});
    return std::make_shared<const Network>(std::move(parts));
  }

  void make_worker(std::optional<Mac> server_mac) {
    const Inside inside(lab_->director);
    WorkerSettings settings;
    settings.datagrams = kQueue;
    settings.number = 3;
    worker_ = std::make_unique<Worker>(settings, network(server_mac));
  }
  void start() {
    const Inside inside(lab_->director);  // the thread stays where it was made
    worker_->start();
  }

  bool apply(Changes changes) {
    std::promise<void> done;
    auto applied = done.get_future();
    return worker_->post(ApplyMessage{std::make_shared<const Changes>(std::move(changes)),
                                      [&done] { done.set_value(); }}) &&
           applied.wait_for(std::chrono::seconds(5)) == std::future_status::ready;
  }
  bool add_service() {
    VirtualService service;
    service.name = "test";
    service.key = service_key();
    service.scheduler = SchedulerKind::rr;
    service.destinations.push_back(
        {.endpoint = {kServer, Port(kPort)}, .method = DirectRouting{}, .weight = {}});
    Changes changes;
    changes.added.push_back(std::move(service));
    return apply(std::move(changes));
  }
  WorkerSnapshot snapshot() {
    auto promise = std::make_shared<std::promise<WorkerSnapshot>>();
    auto answer = promise->get_future();
    EXPECT_TRUE(worker_->post(SnapshotMessage{
        [promise](WorkerSnapshot taken) { promise->set_value(std::move(taken)); }}));
    if (answer.wait_for(std::chrono::seconds(5)) != std::future_status::ready) {
      throw std::runtime_error("no snapshot");
    }
    return answer.get();
  }

  void send(const std::vector<Bytes>& packets) {
    std::vector<Emission> frames;
    for (const Bytes& packet : packets) {
      Emission& frame = frames.emplace_back();
      frame.interface = c0_;
      frame.source = kClientMac;
      frame.destination = kDirectorMac;
      frame.packet = packet;
    }
    sender_->send(frames);
  }
  // What must arrive at the real server: the packet with TTL and header checksum changed, from the
  // director's MAC on that side.
  static Bytes forwarded(Bytes packet, Mac to) {
    auto ip = *load<Ipv4Header>(packet);
    --ip.ttl;
    ip.checksum = Be16{};
    finish_checksum(ip);
    store(packet, ip);
    Bytes frame(sizeof(EthernetHeader) + packet.size());
    store<EthernetHeader>(
        frame, {.destination = to, .source = kInsideMac, .type = Be16(ethertype::kIpv4)});
    std::ranges::copy(packet, frame.begin() + sizeof(EthernetHeader));
    return frame;
  }

  std::unique_ptr<Lab> lab_;
  std::unique_ptr<FrameListener> arrivals_;
  std::unique_ptr<PacketSocket> sender_;
  InterfaceIndex c0_ = kNoInterface;
  std::unique_ptr<Worker> worker_;
};

TEST_F(LiveWorker, ForwardsByDirectRouting) {
  make_worker(kServerMac);
  start();
  ASSERT_TRUE(add_service());
  constexpr std::size_t kCount = 200;
  std::vector<Bytes> packets;
  for (std::size_t i = 0; i < kCount; ++i) {
    packets.push_back(test::udp_packet(kClient, kVip, kPort, "request " + std::to_string(i)));
  }
  send(packets);
  for (const Bytes& packet : packets) {
    const auto frame = arrivals_->receive(2000);
    ASSERT_TRUE(frame);
    EXPECT_EQ(*frame, forwarded(packet, kServerMac));
  }
  const WorkerSnapshot taken = snapshot();
  EXPECT_EQ(taken.director.counters.forwarded, kCount);
  EXPECT_EQ(taken.director.connections, 1U);
  EXPECT_EQ(taken.edge.received, kCount);
  EXPECT_EQ(taken.edge.sent_frames, kCount);
  EXPECT_EQ(taken.edge.send_errors, 0U);
  EXPECT_EQ(taken.edge.verdicts_refused, 0U);
  EXPECT_EQ(taken.edge.queue_waiting, 0U);
  EXPECT_LE(taken.edge.batches, kCount);
  EXPECT_GE(taken.edge.batches, (kCount + NfQueue::kBatch - 1) / NfQueue::kBatch);
}

TEST_F(LiveWorker, TakesMessagesBetweenPackets) {
  make_worker(kServerMac);
  start();
  const Bytes packet = test::udp_packet(kClient, kVip, kPort, "x");
  send({packet});  // nothing is configured: accepted, and there the stack drops it
  EXPECT_FALSE(arrivals_->receive(50));
  const auto no_service = static_cast<std::size_t>(AcceptReason::no_service);
  EXPECT_EQ(snapshot().director.counters.accepted[no_service], 1U);

  ASSERT_TRUE(add_service());
  send({packet});
  EXPECT_EQ(arrivals_->receive(2000), forwarded(packet, kServerMac));

  const Mac replaced({2, 0, 0, 0, 2, 99});
  ASSERT_TRUE(worker_->post(NetworkMessage{network(replaced)}));
  snapshot();  // the message before it has been taken
  send({packet});
  EXPECT_EQ(arrivals_->receive(2000), forwarded(packet, replaced));

  Changes changes;
  changes.removed.push_back(service_key());
  ASSERT_TRUE(apply(std::move(changes)));
  send({test::udp_packet(Ipv4Address({10, 77, 1, 3}), kVip, kPort, "new client")});
  EXPECT_FALSE(arrivals_->receive(50));
  EXPECT_EQ(snapshot().director.counters.accepted[no_service], 2U);
}

TEST_F(LiveWorker, SendsHeldPacketsOnceTheNeighborIsKnown) {
  make_worker(std::nullopt);
  start();
  ASSERT_TRUE(add_service());
  const Bytes packet = test::udp_packet(kClient, kVip, kPort, "x");
  send({packet});
  EXPECT_FALSE(arrivals_->receive(50));
  EXPECT_EQ(snapshot().director.counters.held, 1U);
  ASSERT_TRUE(worker_->post(NetworkMessage{network(kServerMac)}));
  EXPECT_EQ(arrivals_->receive(2000), forwarded(packet, kServerMac));
}

// Nobody tells the worker the real server's MAC but the kernel, which asks because the worker had
// it ask.
TEST_F(LiveWorker, HasTheKernelResolveANeighbor) {
  lab_->director.run("ip neigh del 10.77.2.2 dev d1");
  std::unique_ptr<NetworkMonitor> monitor;
  {
    const Inside inside(lab_->director);
    monitor = std::make_unique<NetworkMonitor>();
    WorkerSettings settings;
    settings.datagrams = kQueue;
    worker_ = std::make_unique<Worker>(settings, monitor->network());
  }
  const auto d1 = InterfaceIndex{test::interface_index(lab_->director, "d1")};
  ASSERT_FALSE(monitor->network()->neighbor(d1, kServer));
  start();
  ASSERT_TRUE(add_service());
  const Bytes packet = test::udp_packet(kClient, kVip, kPort, "x");
  send({packet});
  while (!monitor->network()->neighbor(d1, kServer)) {
    ASSERT_TRUE(test::readable(monitor->fd(), 3000)) << "no answer to ARP";
    monitor->process();
  }
  EXPECT_FALSE(arrivals_->receive(0));
  ASSERT_TRUE(worker_->post(NetworkMessage{monitor->network()}));
  EXPECT_EQ(arrivals_->receive(2000), forwarded(packet, kServerMac));
}

// Nothing wakes the worker but its own deadline: a message is answered before that turn's timers.
TEST_F(LiveWorker, WakesToGiveUp) {
  make_worker(std::nullopt);
  start();
  ASSERT_TRUE(add_service());
  send({test::udp_packet(kClient, kVip, kPort, "x")});
  const auto unresolved = static_cast<std::size_t>(DropReason::neighbor_unresolved);
  EXPECT_EQ(snapshot().director.counters.dropped[unresolved], 0U);
  std::this_thread::sleep_for(std::chrono::seconds(5));  // more than the director's patience
  EXPECT_EQ(snapshot().director.counters.dropped[unresolved], 1U);
}

TEST_F(LiveWorker, StopAnswersWhatWasPostedAndUnbindsTheQueue) {
  make_worker(kServerMac);
  int answered = 0;
  std::size_t posted = 0;
  while (worker_->post(SnapshotMessage{[&answered](const WorkerSnapshot&) { ++answered; }})) {
    ASSERT_LT(++posted, 10'000U) << "the mailbox has no limit";
  }
  EXPECT_GE(posted, 16U);
  start();
  worker_->stop();
  EXPECT_EQ(answered, static_cast<int>(posted));
  EXPECT_FALSE(worker_->post(SnapshotMessage{[](const WorkerSnapshot&) {}}));
  const Inside inside(lab_->director);
  EXPECT_NO_THROW(NfQueue{kQueue});
}

TEST_F(LiveWorker, RefusesAQueueThatIsTaken) {
  make_worker(kServerMac);
  EXPECT_THROW(make_worker(kServerMac), std::system_error);
}

// The worker's line of /proc/self/task/*/status, found by the thread's name.
std::string thread_status(const std::string& name, const std::string& key) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "status");
    std::string line;
    if (!std::getline(file, line) || line != "Name:\t" + name) continue;
    while (std::getline(file, line)) {
      if (line.starts_with(key)) return line.substr(key.size());
    }
  }
  return {};
}

TEST_F(LiveWorker, LeavesSignalsToOthers) {
  make_worker(kServerMac);
  start();
  snapshot();
  const std::string blocked = thread_status("lvsd-w3", "SigBlk:\t");
  ASSERT_FALSE(blocked.empty()) << "no thread of that name";
  const std::uint64_t mask = std::stoull(blocked, nullptr, 16);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGUSR1}) {
    EXPECT_TRUE((mask >> (signal - 1) & 1U) != 0) << signal;
  }
  sigset_t ours;
  pthread_sigmask(SIG_SETMASK, nullptr, &ours);
  EXPECT_FALSE(sigismember(&ours, SIGTERM));
}

}  // namespace
}  // namespace lvsd
