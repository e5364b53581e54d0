// SPDX-License-Identifier: GPL-2.0-or-later
#include "netns/namespaces.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>

#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace lvsd::test {
namespace {

constexpr const char* kOwnNamespace = "/proc/thread-self/ns/net";

[[noreturn]] void throw_errno(int error, const char* what) {
  throw std::system_error(error, std::system_category(), what);
}

}  // namespace

// In a thread of its own, which ends: the caller stays where it is.
NetworkNamespace::NetworkNamespace() {
  int error = 0;
  std::thread([this, &error] {
    if (unshare(CLONE_NEWNET) != 0) {
      error = errno;
      return;
    }
    fd_ = FileDescriptor(open(kOwnNamespace, O_RDONLY | O_CLOEXEC));
  }).join();
  if (error != 0) throw_errno(error, "making a network namespace");
  if (!fd_.valid()) throw_errno(ENOENT, kOwnNamespace);
  run("ip link set lo up");
}

std::string NetworkNamespace::path() const {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd());
}

void NetworkNamespace::run(const std::string& commands) const {
  const Inside inside(*this);
  const std::string script = "set -e; PATH=$PATH:/usr/sbin:/sbin; " + commands;
  if (std::system(script.c_str()) != 0) throw std::runtime_error("failed: " + commands);
}

Inside::Inside(const NetworkNamespace& there) : back_(open(kOwnNamespace, O_RDONLY | O_CLOEXEC)) {
  if (setns(there.fd(), CLONE_NEWNET) != 0) throw_errno(errno, "setns");
}

Inside::~Inside() {
  if (setns(back_.get(), CLONE_NEWNET) != 0) std::abort();
}

Lab::Lab() {
  director.run("ip link add d0 type veth peer name c0 && ip link set c0 netns " + client.path());
  director.run("ip link add d1 type veth peer name s0 && ip link set s0 netns " + server.path());
  const auto up = [](const NetworkNamespace& where, const std::string& name, const std::string& mac,
                     const std::string& address) {
    where.run("ethtool -K " + name + " tx off gro off >/dev/null 2>&1; ip link set " + name +
              " address " + mac + " up; ip addr add " + address + " dev " + name);
  };
  up(client, "c0", "02:00:00:00:01:02", "10.77.1.2/24");
  up(director, "d0", "02:00:00:00:01:01", "10.77.1.1/24");
  up(director, "d1", "02:00:00:00:02:01", "10.77.2.1/24");
  up(server, "s0", "02:00:00:00:02:02", "10.77.2.2/24");
  // An end that was up before its peer was drops in silence what is sent, until the kernel has
  // noticed.
  for (const NetworkNamespace* first : {&client, &director}) {
    first->run(
        "for i in $(seq 250); do ip -o link | grep -q 'qdisc noop ' || exit 0; sleep 0.02; done; "
        "exit 1");
  }
  client.run("ip route add default via 10.77.1.1");
  server.run("ip route add default via 10.77.2.1");
  // No ARP on the way: the tests are about what is sent when it is asked for.
  client.run("ip neigh replace 10.77.1.1 lladdr 02:00:00:00:01:01 dev c0");
  director.run("ip neigh replace 10.77.1.2 lladdr 02:00:00:00:01:02 dev d0");
  director.run("ip neigh replace 10.77.2.2 lladdr 02:00:00:00:02:02 dev d1");
}

unsigned interface_index(const NetworkNamespace& there, const std::string& name) {
  const Inside inside(there);
  return if_nametoindex(name.c_str());
}

}  // namespace lvsd::test
