// SPDX-License-Identifier: GPL-2.0-or-later
// The keeper's end of the channel to the prober. Nothing here waits: what the prober does not take
// at once lies in a queue, and what it says is taken in portions.
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "lvsd/daemon/health_keeper.h"

namespace lvsd {

using boost::system::error_code;
using nlohmann::json;
using Channel = boost::asio::posix::stream_descriptor;

void HealthKeeper::receive() {
  channel_.async_wait(Channel::wait_read, [this](error_code error) {
    if (error) return;
    static std::array<char, kLongestMessage + 1> bytes;
    constexpr int kPortion = 64;
    for (int i = 0; i < kPortion; ++i) {
      const ssize_t size =
          ::recv(channel_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (size == 0)
        return spdlog::error("health: the prober is gone; nothing is checked any more");
      if (size < 0) break;
      heard_ = true;
      take(std::string_view(bytes.data(), static_cast<std::size_t>(size)));
    }
    receive();
  });
}

// A prober that says nothing is asked, and one that does not answer is replaced: it may hang, or
// have been stopped, and its states would be the last ones for ever. Looks are counted rather than
// time, because nothing is heard either while this process is the one that stands still.
void HealthKeeper::watch_prober(std::chrono::steady_clock::time_point now) {
  constexpr std::chrono::seconds kLook{2};
  constexpr unsigned kPatience = 5;
  if (now - looked_ < kLook) return;
  looked_ = now;
  if (std::exchange(heard_, false) || checked_.empty()) {
    unanswered_ = 0;
    return;
  }
  if (unanswered_++ < kPatience) return send(json{{"ping", 1}}.dump());
  unanswered_ = 0;
  spdlog::error("health: the prober has said nothing for {} s; it is ended",
                (kLook * kPatience).count());
  const char word = 0;
  ::send(orders_.get(), &word, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// What it asks for, it has to take: one that asks and does not read gets no more. Orders that are
// lost so, the next prober gets with its greeting.
void HealthKeeper::send(std::string message, int fd) {
  FileDescriptor given(fd);
  if (message.size() > kLongestMessage) return spdlog::error("health: an order is too long");
  constexpr std::size_t kAnswers = 4096, kPerCheck = 4;
  if (outgoing_.size() >= kAnswers + kPerCheck * checked_.size()) return;
  outgoing_.emplace_back(std::move(message), std::move(given));
  flush();
}

void HealthKeeper::flush() {
  while (!writing_ && !outgoing_.empty()) {
    auto& [text, fd] = outgoing_.front();
    iovec part{text.data(), text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fd.valid()) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* const header = CMSG_FIRSTHDR(&message);
      *header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
      const int number = fd.get();
      std::memcpy(CMSG_DATA(header), &number, sizeof number);
    }
    const ssize_t sent = ::sendmsg(channel_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      writing_ = true;
      channel_.async_wait(Channel::wait_write, [this](error_code error) {
        writing_ = false;
        if (!error) flush();
      });
      return;
    }
    outgoing_.pop_front();
  }
}

// The mark is one that a check has: the prober cannot ask for any other. Without it a check would
// take another way than it should, and say that all is well there.
void HealthKeeper::give_socket(const SocketNeed& need) {
  int fd = -1;
  if (marks_.contains(need.mark)) {
    const int type = (need.stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    fd = ::socket(need.v4 ? AF_INET : AF_INET6, type, 0);
    if (fd >= 0 && ::setsockopt(fd, SOL_SOCKET, SO_MARK, &need.mark, sizeof need.mark) != 0) {
      ::close(std::exchange(fd, -1));
    }
  }
  send(json{{"socket", need.number}}.dump(), fd);
}

}  // namespace lvsd
