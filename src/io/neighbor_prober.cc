// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <sys/socket.h>

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>
#include <vector>

#include "lvsd/io/netlink_socket.h"
#include "lvsd/io/network_monitor.h"

namespace lvsd {
namespace {

constexpr std::size_t kWaiting =
    4096;  // as many neighbours as a default-sized kernel table holds, and more

struct Wish {
  InterfaceIndex interface = kNoInterface;
  IpAddress address;
  bool refresh = false;
};

NetlinkRequest neighbor_request(std::uint16_t type, int flags, const Wish& wish,
                                std::uint16_t state, std::uint8_t neighbor_flags) {
  ndmsg header{};
  header.ndm_family = wish.address.is_v4() ? AF_INET : AF_INET6;
  header.ndm_ifindex = static_cast<int>(wish.interface);
  header.ndm_state = state;
  header.ndm_flags = neighbor_flags;
  NetlinkRequest request(type, NLM_F_REQUEST | flags, header);
  request.put(NDA_DST, wish.address);
  return request;
}

// What the kernel has under that key. ENOENT where it has nothing.
int read_entry(NetlinkSocket& socket, const Wish& wish, NeighborMessage& entry) {
  NetlinkRequest request = neighbor_request(RTM_GETNEIGH, 0, wish, 0, 0);
  std::vector<NetlinkValue> replies;
  if (const int error = socket.transact(request, &replies); error != 0) return error;
  for (const NetlinkValue& reply : replies) {
    const auto* neighbor = std::get_if<NeighborMessage>(&reply);
    if (neighbor == nullptr || neighbor->neighbor.address != wish.address) continue;
    entry = *neighbor;
    return 0;
  }
  return ENOENT;
}

// Errors are left aside: an interface or an entry that is gone meanwhile is something the monitor
// tells.
void carry_out(NetlinkSocket& socket, const Wish& wish) {
  NeighborMessage entry;
  const int missing = read_entry(socket, wish, entry);
  if (missing != 0 && missing != ENOENT) return;
  if (missing == 0 && (entry.untouchable || entry.probing)) return;
  if (wish.refresh) {
    if (missing != 0 || !entry.known) return;
    // Without NLM_F_REPLACE the kernel keeps what the entry says beside its state (the IPv6 router
    // flag).
    NetlinkRequest request = neighbor_request(RTM_NEWNEIGH, 0, wish, NUD_PROBE, 0);
    socket.transact(request);
  } else if (!entry.known) {
    NetlinkRequest request = neighbor_request(RTM_NEWNEIGH, NLM_F_CREATE, wish, NUD_NONE, NTF_USE);
    socket.transact(request);
  }
}

}  // namespace

struct NeighborProber::State {
  NetlinkSocket socket;
  std::mutex mutex;
  std::condition_variable wake;
  std::vector<Wish> waiting;
  bool stopping = false;
  std::thread thread;

  void add(const Wish& wish);
  void run();
};

void NeighborProber::State::add(const Wish& wish) {
  {
    const std::lock_guard lock(mutex);
    if (waiting.size() >= kWaiting) return;
    waiting.push_back(wish);
  }
  wake.notify_one();
}

void NeighborProber::State::run() {
  std::vector<Wish> taken;
  for (;;) {
    {
      std::unique_lock lock(mutex);
      wake.wait(lock, [this] { return stopping || !waiting.empty(); });
      if (stopping) return;
      taken.clear();
      taken.swap(waiting);
    }
    for (const Wish& wish : taken) carry_out(socket, wish);
  }
}

NeighborProber::NeighborProber() : state_(std::make_unique<State>()) {
  sigset_t all, before;  // signals are the main thread's
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    state_->thread = std::thread([state = state_.get()] { state->run(); });
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

NeighborProber::~NeighborProber() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_one();
  state_->thread.join();
}

void NeighborProber::resolve(InterfaceIndex interface, const IpAddress& address) {
  state_->add({interface, address, false});
}

void NeighborProber::refresh(InterfaceIndex interface, const IpAddress& address) {
  state_->add({interface, address, true});
}

}  // namespace lvsd
