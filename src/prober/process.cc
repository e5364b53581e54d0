// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/prober/process.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>

namespace lvsd {
namespace {

constexpr int kSocketBuffer = 4 << 20;
constexpr unsigned kPause = 1;  // seconds before a prober that died is started again

struct Identity {
  std::string name;
  uid_t user = 0;
  gid_t group = 0;
};

// Not lvsd's own group: its members may ask the control socket.
std::optional<Identity> find_identity() {
  const passwd* const nobody = ::getpwnam("nobody");
  if (nobody == nullptr || nobody->pw_gid == 0) return std::nullopt;
  const gid_t group = nobody->pw_gid;
  for (const char* name : {"lvsd", "nobody"}) {
    if (const passwd* const entry = ::getpwnam(name); entry != nullptr && entry->pw_uid != 0) {
      return Identity{name, entry->pw_uid, group};
    }
  }
  return std::nullopt;
}

// Only echo replies: else a raw socket gets a copy of every ICMP packet.
FileDescriptor open_ping(int family) {
  const int protocol = family == AF_INET ? IPPROTO_ICMP : static_cast<int>(IPPROTO_ICMPV6);
  FileDescriptor fd(::socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
  if (!fd.valid()) return fd;
  if (family == AF_INET) {
    const icmp_filter filter{~(1U << ICMP_ECHOREPLY)};
    ::setsockopt(fd.get(), SOL_RAW, ICMP_FILTER, &filter, sizeof filter);
  } else {
    icmp6_filter filter{};
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    ::setsockopt(fd.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
  }
  return fd;
}

// What the guardian waits for: its children, and the daemon's word that the prober has to go.
struct Awaited {
  int signals = -1, orders = -1;
};

// Descriptors of ours that the prober has no business with; its own three are kept, and `orders`.
void close_others(const ProberSockets& kept, int orders) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  constexpr rlim_t kLooked = 1024;  // nothing is open yet but a few
  for (int fd = 3; fd < static_cast<int>(std::min(limit.rlim_cur, kLooked)); ++fd) {
    if (fd == kept.channel || fd == kept.ping4 || fd == kept.ping6 || fd == orders) continue;
    ::close(fd);
  }
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// As somebody else, without capabilities, environment, or a way to get either back.
bool step_down(const std::optional<Identity>& identity) {
  bool changed = false;
  capng_clear(CAPNG_SELECT_BOUNDS);  // while the right to do so is still there
  capng_apply(CAPNG_SELECT_BOUNDS);
  if (identity) {
    changed = ::setgroups(0, nullptr) == 0 && ::setgid(identity->group) == 0 &&
              ::setuid(identity->user) == 0;
  }
  capng_clear(CAPNG_SELECT_CAPS);
  capng_apply(CAPNG_SELECT_CAPS);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::clearenv();
  if (::chdir("/") != 0) return false;
  // What ends the daemon reaches its whole group; these two go when it went.
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE}) ::signal(number, SIG_IGN);
  return changed;
}

void die_with_parent(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != parent) ::_exit(0);
}

[[noreturn]] void probe_on(const ProberSockets& sockets, pid_t parent) {
  die_with_parent(parent);
  try {
    run_prober(sockets);
  } catch (const std::exception&) {
    ::_exit(1);  // the guardian starts another, and the daemon says so
  }
  ::_exit(0);
}

// Whether there was one; of several that came while no prober ran, none is left.
bool take_orders(int orders) {
  char word = 0;
  bool any = false;
  while (::recv(orders, &word, 1, MSG_DONTWAIT) > 0) any = true;
  return any;
}

// The status of the prober; what else its programs left behind is let go on the way. One that
// hangs, be it stopped, ends by SIGKILL.
int await(pid_t prober, const Awaited& awaited) {
  std::array<pollfd, 2> polled{{{awaited.signals, POLLIN, 0}, {awaited.orders, POLLIN, 0}}};
  while (true) {
    int status = 0;
    for (pid_t ended = 1; ended > 0;) {
      ended = ::waitpid(-1, &status, WNOHANG);
      if (ended == prober || (ended < 0 && errno != EINTR)) return status;
    }
    if (::poll(polled.data(), polled.size(), -1) <= 0) continue;
    signalfd_siginfo ignored{};
    while (::read(awaited.signals, &ignored, sizeof ignored) > 0) {
    }
    if ((polled[1].revents & POLLIN) != 0 && take_orders(awaited.orders)) ::kill(prober, SIGKILL);
    if ((polled[1].revents & POLLHUP) != 0) polled[1].fd = -1;  // so will we be, with the daemon
  }
}

// Programs whose deadline went with the prober that kept it.
void end_programs() {
  const std::string self = std::to_string(::getpid());
  std::ifstream children("/proc/self/task/" + self + "/children");
  for (pid_t child = 0; children >> child;) {
    ::kill(-child, SIGKILL);
    ::kill(child, SIGKILL);
  }
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

// Forks probers one after the other, until one ends well: the daemon closed the channel.
[[noreturn]] void guard(const ProberSockets& sockets, int orders) {
  const pid_t self = ::getpid();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  sigset_t children, before;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &children, &before);
  const Awaited awaited{::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK), orders};
  while (true) {
    take_orders(orders);  // about one that is gone
    const pid_t prober = ::fork();
    if (prober == 0) {
      ::sigprocmask(SIG_SETMASK, &before, nullptr);
      ::close(awaited.signals);
      ::close(awaited.orders);
      probe_on(sockets, self);
    }
    const int status = prober > 0 ? await(prober, awaited) : -1;
    end_programs();
    if (prober > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) ::_exit(0);
    ::sleep(kPause);
  }
}

}  // namespace

Result<ProberProcess, Error> start_prober() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return fail("socketpair: " + std::generic_category().message(errno));
  }
  FileDescriptor ours(ends[0]), theirs(ends[1]);
  int order_ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, order_ends) != 0) {
    return fail("socketpair: " + std::generic_category().message(errno));
  }
  FileDescriptor orders(order_ends[0]), taken_orders(order_ends[1]);
  for (const int end : ends) {
    ::setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &kSocketBuffer, sizeof kSocketBuffer);
  }
  const FileDescriptor ping4 = open_ping(AF_INET), ping6 = open_ping(AF_INET6);
  const auto identity = find_identity();
  const pid_t parent = ::getpid();
  int told[2];  // whether it could become somebody else
  if (::pipe2(told, O_CLOEXEC) != 0) return fail("pipe: " + std::generic_category().message(errno));
  const FileDescriptor read_end(told[0]);
  FileDescriptor write_end(told[1]);
  const pid_t guardian = ::fork();
  if (guardian < 0) return fail("fork: " + std::generic_category().message(errno));
  if (guardian == 0) {
    const bool changed = step_down(identity);
    die_with_parent(parent);
    const char word = changed ? '1' : '0';
    if (::write(write_end.get(), &word, 1) != 1) ::_exit(1);
    const ProberSockets sockets{theirs.get(), ping4.get(), ping6.get()};
    close_others(sockets, taken_orders.get());
    guard(sockets, taken_orders.get());
  }
  write_end.reset();
  char word = '0';
  if (::read(read_end.get(), &word, 1) != 1) return fail("the prober does not start");
  return ProberProcess{std::move(ours), std::move(orders), guardian,
                       word == '1' ? identity->name : std::string()};
}

}  // namespace lvsd
