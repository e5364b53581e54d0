// SPDX-License-Identifier: GPL-2.0-or-later
// A test with a network namespace of its own and a peer's behind a pair of veths, for what only a
// kernel can answer. Needs root; each ctest case is a process, so nothing outlives it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "lvsd/io/network_monitor.h"

namespace lvsd::testing {

class LiveNetwork : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, for a network namespace";
    if (unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "this kernel makes no network namespace";
    ASSERT_TRUE(start_peer());
    run("ip link set lo up");
    run("ip link add eth0 type veth peer name eth0 netns " + std::to_string(peer_));
    run("ip link set eth0 address 02:00:00:00:00:01 up");
    run("ip address add 10.0.0.1/24 dev eth0");
    run_in_peer("ip link set eth0 address 02:00:00:00:00:02 up");
    run_in_peer("ip address add 10.0.0.2/24 dev eth0");
  }
  void TearDown() override {
    if (peer_ <= 0) return;
    kill(peer_, SIGKILL);
    waitpid(peer_, nullptr, 0);
  }

  static void run(const std::string& command) {
    EXPECT_EQ(std::system(command.c_str()), 0)
        << command;  // NOLINT(cert-env33-c): `ip`, as a person would
  }
  void run_in_peer(const std::string& command) const { run(in_peer(command)); }
  std::string peer_output(const std::string& command) const { return output(in_peer(command)); }
  static std::string output(const std::string& command) {
    std::string text;
    FILE* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) return text;
    for (int c = fgetc(pipe); c != EOF; c = fgetc(pipe)) text.push_back(static_cast<char>(c));
    pclose(pipe);
    return text;
  }

  // Follows the monitor until `holds`; false where that takes longer than `limit`.
  template <class Holds>
  static bool eventually(NetworkMonitor& monitor, Holds&& holds,
                         std::chrono::milliseconds limit = std::chrono::seconds(2)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!holds(*monitor.network())) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          end - std::chrono::steady_clock::now());
      if (left.count() <= 0) return false;
      pollfd ready{.fd = monitor.fd(), .events = POLLIN, .revents = 0};
      poll(&ready, 1, static_cast<int>(left.count()));
      monitor.process();
    }
    return true;
  }
  static InterfaceIndex index_of(const NetworkMonitor& monitor, const std::string& name) {
    const Interface* found = monitor.network()->interface(name);
    return found == nullptr ? kNoInterface : found->index;
  }

 private:
  std::string in_peer(const std::string& command) const {
    return "nsenter --net=/proc/" + std::to_string(peer_) + "/ns/net " + command;
  }
  bool start_peer() {
    int ready[2];
    if (pipe(ready) != 0) return false;
    peer_ = fork();
    if (peer_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const char done = unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
      if (write(ready[1], &done, 1) != 1) _exit(1);
      for (;;) pause();
    }
    char done = 'n';
    const bool told = peer_ > 0 && read(ready[0], &done, 1) == 1 && done == 'y';
    close(ready[0]);
    close(ready[1]);
    if (told) run_in_peer("ip link set lo up");
    return told;
  }
  pid_t peer_ = -1;
};

}  // namespace lvsd::testing
