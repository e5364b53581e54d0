// SPDX-License-Identifier: GPL-2.0-or-later
// The control socket with clients that behave, that babble, and that never end.
#include "lvsd/daemon/control_socket.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <filesystem>

#include "lvsd/control/request.h"

namespace lvsd {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;

class ControlSocketTest : public testing::Test {
 protected:
  ControlSocketTest() {
    std::string pattern = testing::TempDir() + "/lvsd-control-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    path_ = directory_ + "/lvsd.sock";
    control_.emplace(io_, path_, [this](std::string_view line, const Peer& peer) {
      EXPECT_TRUE(peer.may_read);
      lines_.emplace_back(line);
      return "seen " + std::to_string(line.size());
    });
  }
  ~ControlSocketTest() override {
    control_.reset();
    std::filesystem::remove_all(directory_);
  }

  stream_protocol::socket client() {
    stream_protocol::socket socket(clients_);
    socket.connect(stream_protocol::endpoint(path_));
    return socket;
  }
  // Runs the daemon's side until it has nothing to do but wait.
  void settle() {
    io_.restart();
    while (io_.poll() > 0) {
    }
  }
  // What has arrived at the client so far.
  static std::string received(stream_protocol::socket& socket) {
    std::string text;
    boost::system::error_code error;
    socket.non_blocking(true);
    asio::read(socket, asio::dynamic_buffer(text), error);
    return text;
  }
  static bool closed(stream_protocol::socket& socket) {
    std::array<char, 1> byte{};
    boost::system::error_code error;
    socket.non_blocking(true);
    socket.read_some(asio::buffer(byte), error);
    return error == asio::error::eof || error == asio::error::connection_reset;
  }

  std::string directory_, path_;
  asio::io_context io_, clients_;
  std::vector<std::string> lines_;
  std::optional<ControlSocket> control_;
};

TEST_F(ControlSocketTest, OnlyRootAndItsGroupMayConnect) {
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_TRUE(S_ISSOCK(status.st_mode));
  // The group's only where it exists, and where it can be given to it.
  const bool shared = ControlGroups::look_up().readers && ::geteuid() == 0;
  EXPECT_EQ(status.st_mode & 0777U, shared ? 0660U : 0600U);
}

TEST_F(ControlSocketTest, OneClientAsksTwice) {
  auto one = client();
  asio::write(one, asio::buffer(std::string("ab\nabc\n")));
  settle();
  EXPECT_EQ(received(one), "seen 2\nseen 3\n");
  EXPECT_EQ(lines_, (std::vector<std::string>{"ab", "abc"}));
  EXPECT_FALSE(closed(one));
}

TEST_F(ControlSocketTest, ALineInPiecesIsOneLine) {
  auto one = client();
  for (const char piece : std::string("hello\n")) {
    asio::write(one, asio::buffer(&piece, 1));
    settle();
  }
  EXPECT_EQ(received(one), "seen 5\n");
}

TEST_F(ControlSocketTest, TheStreamsEndEndsTheLine) {
  auto one = client();
  asio::write(one, asio::buffer(std::string("last")));
  one.shutdown(stream_protocol::socket::shutdown_send);
  settle();
  EXPECT_EQ(received(one), "seen 4\n");
  EXPECT_TRUE(closed(one));
}

TEST_F(ControlSocketTest, AClientThatSaysNothingAndLeavesIsForgotten) {
  for (std::size_t i = 0; i < 3 * ControlSocket::kMaxClients; ++i) {
    client().close();
    settle();
  }
  auto one = client();
  asio::write(one, asio::buffer(std::string("x\n")));
  settle();
  EXPECT_EQ(received(one), "seen 1\n");
}

TEST_F(ControlSocketTest, AnEndlessLineIsRefused) {
  auto one = client();
  one.non_blocking(true);
  const std::string chunk(4096, 'a');
  boost::system::error_code error;
  for (std::size_t sent = 0; sent <= kMaxRequest + chunk.size() && !error;) {
    sent += asio::write(one, asio::buffer(chunk), error);
    settle();
  }
  EXPECT_EQ(received(one), error_reply("request is longer than 8388608 bytes") + "\n");
  EXPECT_TRUE(closed(one));
  EXPECT_TRUE(lines_.empty());
}

TEST_F(ControlSocketTest, TooManyClientsAreToldSo) {
  std::vector<stream_protocol::socket> crowd;
  for (std::size_t i = 0; i < ControlSocket::kMaxClients; ++i) {
    crowd.push_back(client());
    settle();
  }
  auto late = client();
  settle();
  EXPECT_EQ(received(late), error_reply("too many clients at once; try again") + "\n");
  EXPECT_TRUE(closed(late));
  crowd.pop_back();
  settle();
  auto next = client();
  asio::write(next, asio::buffer(std::string("y\n")));
  settle();
  EXPECT_EQ(received(next), "seen 1\n");
}

TEST_F(ControlSocketTest, ACrowdOfOthersDoesNotKeepRootAway) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to be somebody else";
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  ASSERT_EQ(::chmod(directory_.c_str(), 0755), 0);
  constexpr uid_t kSomebody = 65534;
  std::vector<stream_protocol::socket> crowd;
  ASSERT_EQ(::seteuid(kSomebody), 0);
  for (std::size_t i = 0; i <= ControlSocket::kMaxClients; ++i) crowd.push_back(client());
  ASSERT_EQ(::seteuid(0), 0);
  settle();
  EXPECT_EQ(received(crowd.back()), error_reply("too many clients at once; try again") + "\n");
  auto root = client();
  asio::write(root, asio::buffer(std::string("z\n")));
  settle();
  EXPECT_EQ(received(root), "seen 1\n");
}

TEST_F(ControlSocketTest, ItReplacesAStaleSocketAndRemovesItsOwn) {
  control_.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
  stream_protocol::acceptor stale(clients_, stream_protocol::endpoint(path_));
  stale.close();
  ASSERT_TRUE(std::filesystem::exists(path_));
  control_.emplace(io_, path_, [](std::string_view, const Peer&) { return std::string("fresh"); });
  auto one = client();
  asio::write(one, asio::buffer(std::string("z\n")));
  settle();
  EXPECT_EQ(received(one), "fresh\n");
}

TEST_F(ControlSocketTest, APathThatDoesNotFitIsAnError) {
  EXPECT_THROW(ControlSocket(io_, "/tmp/" + std::string(200, 'x'), ControlSocket::Answer()),
               std::runtime_error);
}

}  // namespace
}  // namespace lvsd
