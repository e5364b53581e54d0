// SPDX-License-Identifier: GPL-2.0-or-later
// Messages for one thread from any other: a bounded list behind a mutex, and an eventfd that the
// owner polls. The owner takes all messages at once by swapping vectors, so the lock is held for a
// few instructions, and while nothing is posted it costs the owner one atomic load.
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

  // Any thread. False where the box is full or closed.
  bool post(Message message) {
    const std::lock_guard lock(mutex_);
    if (closed_.load(std::memory_order_relaxed) || messages_.size() >= limit_) return false;
    messages_.push_back(std::move(message));
    wake();
    return true;
  }
  // Any thread: nothing more is taken in; what is there can still be taken out.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_.store(true, std::memory_order_release);
    wake();
  }
  bool closed() const { return closed_.load(std::memory_order_acquire); }

  // The owner: replaces `out` by what has come, oldest first.
  void take(std::vector<Message>& out) {
    out.clear();
    if (!pending_.load(std::memory_order_acquire)) return;
    const std::lock_guard lock(mutex_);
    pending_.store(false, std::memory_order_relaxed);
    eventfd_t count = 0;
    eventfd_read(event_.get(), &count);
    out.swap(messages_);
  }

 private:
  void wake() {
    pending_.store(true, std::memory_order_release);
    eventfd_write(event_.get(), 1);
  }

  const std::size_t limit_;
  FileDescriptor event_;
  std::atomic<bool> pending_ = false, closed_ = false;
  std::mutex mutex_;
  std::vector<Message> messages_;
};

}  // namespace lvsd
