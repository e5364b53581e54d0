// SPDX-License-Identifier: GPL-2.0-or-later
// What a NAT destination sends to the director itself: to a connection with it, to a listener, and
// to neither.
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>

#include "netns/capture_live.h"

namespace lvsd::test {
namespace {

constexpr std::uint16_t kServerPort = 8080;

sockaddr_in socket_address(const Ipv4Address& address, std::uint16_t port) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(port);
  std::memcpy(&made.sin_addr, address.bytes().data(), sizeof made.sin_addr);
  return made;
}

FileDescriptor open_stream() {
  return FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

// Its port; zero where it cannot be.
std::uint16_t listen_at(const FileDescriptor& socket, const Ipv4Address& address,
                        std::uint16_t port) {
  sockaddr_in place = socket_address(address, port);
  auto* const plain = reinterpret_cast<sockaddr*>(&place);
  socklen_t size = sizeof place;
  const bool listens = ::bind(socket.get(), plain, size) == 0 && ::listen(socket.get(), 8) == 0 &&
                       ::getsockname(socket.get(), plain, &size) == 0;
  return listens ? ntohs(place.sin_port) : 0;
}

bool connects(const FileDescriptor& socket, const Ipv4Address& address, std::uint16_t port) {
  const sockaddr_in place = socket_address(address, port);
  ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
  ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&place), sizeof place);
  pollfd polled{socket.get(), POLLOUT, 0};
  int error = -1;
  socklen_t size = sizeof error;
  return ::poll(&polled, 1, 2000) == 1 &&
         ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

class CaptureConnected : public CaptureLive {};

TEST_P(CaptureConnected, OfNatDestinationsOnlyWhatBelongsToAConnectionIsLeft) {
  FileDescriptor server;
  {
    const Inside there(lab_->server);
    server = open_stream();
    ASSERT_EQ(listen_at(server, kServer, kServerPort), kServerPort);
  }
  for (const CaptureStage stage : {CaptureStage::early, CaptureStage::late}) {
    const Status installed = rules_->install(mixed_plan(stage));
    ASSERT_TRUE(installed) << installed.error().message;
    const long before = captured();
    const FileDescriptor check = open_stream();
    EXPECT_TRUE(connects(check, kServer, kServerPort)) << "its answer was captured";
    EXPECT_EQ(captured(), before);
    // As an FTP client waits for its data, whose source has to become the virtual address.
    const FileDescriptor listener = open_stream();
    const std::uint16_t port = listen_at(listener, kDirector, 0);
    ASSERT_NE(port, 0);
    EXPECT_EQ(captured_of(*server_, {kTcp, kServer, kDirector, tcp_syn(kServerPort, port)}), 1);
    EXPECT_EQ(captured_of(*server_, {kTcp, kServer, kDirector, tcp_syn(kServerPort, 999)}), 1);
  }
}

// Without the kernel's help, or without the match, it is as it was: captured.
TEST_P(CaptureConnected, WithoutEarlyDemuxAllIsCaptured) {
  FileDescriptor server;
  {
    const Inside there(lab_->server);
    server = open_stream();
    ASSERT_EQ(listen_at(server, kServer, kServerPort), kServerPort);
  }
  run("sysctl -qw net.ipv4.tcp_early_demux=0");
  const Status installed = rules_->install(mixed_plan());
  ASSERT_TRUE(installed) << installed.error().message;
  const long before = captured();
  EXPECT_FALSE(connects(open_stream(), kServer, kServerPort));
  EXPECT_GT(captured(), before);
}

INSTANTIATE_TEST_SUITE_P(Ways, CaptureConnected,
                         ::testing::Values(kOwned, kIptables, kNoSets, kLegacy, kNft, kNftDrop),
                         [](const auto& way) { return std::string(way.param.name); });

}  // namespace
}  // namespace lvsd::test
