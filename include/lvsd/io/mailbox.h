// SPDX-License-Identifier: GPL-2.0-or-later
// Messages for one thread from any other: a bounded list behind a mutex, and an eventfd that the
// owner polls. The owner takes all messages at once by swapping vectors, so the lock is held for a
// few instructions, and while nothing is posted it costs the owner one atomic load.
//
// The owner has packets to see to and never waits for a poster, which may have lost its CPU with
// the lock in its hand: it leaves the messages for its next turn. So nobody is woken before the
// lock is free, and a wake may come late, for what has been taken already; heard() clears it.
#pragma once

#include <sys/eventfd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <system_error>
#include <vector>

#include "lvsd/io/file_descriptor.h"

namespace lvsd {

template <class Message>
class Mailbox {
 public:
  explicit Mailbox(std::size_t limit)
      : limit_(limit), event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (!event_.valid()) throw std::system_error(errno, std::system_category(), "eventfd");
    messages_.reserve(limit);
  }

  int fd() const { return event_.get(); }  // readable while there is something to take()

  // Any thread. False where the box is full or closed: even so the owner is woken, as it may have
  // found the lock taken by us and left what is there.
  bool post(Message message) {
    bool taken = false;
    {
      const std::lock_guard lock(mutex_);
      taken = !closed_.load(std::memory_order_relaxed) && messages_.size() < limit_;
      if (taken) messages_.push_back(std::move(message));
      if (taken) pending_.store(true, std::memory_order_release);
    }
    wake();
    return taken;
  }
  // Any thread: nothing more is taken in; what is there can still be taken out.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_.store(true, std::memory_order_release);
      pending_.store(true, std::memory_order_release);
    }
    wake();
  }
  bool closed() const { return closed_.load(std::memory_order_acquire); }

  // The owner, where fd() was readable; before take().
  void heard() {
    eventfd_t count = 0;
    eventfd_read(event_.get(), &count);
  }
  // The owner: replaces `out` by what has come, oldest first. Of an open box perhaps nothing, where
  // somebody is just posting, whose wake is then still to come; `patient`, it waits for him.
  void take(std::vector<Message>& out, bool patient = false) {
    out.clear();
    if (!pending_.load(std::memory_order_acquire)) return;
    std::unique_lock lock(mutex_, std::defer_lock);
    if (patient || closed()) {
      lock.lock();
    } else if (!lock.try_lock()) {
      return;
    }
    pending_.store(false, std::memory_order_relaxed);
    heard();
    out.swap(messages_);
  }

 private:
  void wake() { eventfd_write(event_.get(), 1); }

  const std::size_t limit_;
  FileDescriptor event_;
  std::atomic<bool> pending_ = false, closed_ = false;
  std::mutex mutex_;
  std::vector<Message> messages_;
};

}  // namespace lvsd
