// SPDX-License-Identifier: GPL-2.0-or-later
#include "pinger.h"

#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace lvsd {
namespace {

std::uint64_t random_number() {
  std::uint64_t number = 0;
  return ::getrandom(&number, sizeof number, 0) == sizeof number ? number : 0;
}

sockaddr_storage socket_address(const IpAddress& address, socklen_t& size) {
  const asio::ip::udp::endpoint endpoint(address_of(address), 0);
  sockaddr_storage out{};
  size = static_cast<socklen_t>(endpoint.size());
  std::memcpy(&out, endpoint.data(), endpoint.size());
  return out;
}

error_code last_error() { return {errno, boost::system::system_category()}; }

// The socket is everyone's, so that a source of one's own travels with the packet.
ssize_t send_from(int fd, const std::string& packet, const IpAddress& to,
                  const std::optional<IpAddress>& from) {
  socklen_t size = 0;
  sockaddr_storage target = socket_address(to, size);
  iovec part{const_cast<char*>(packet.data()), packet.size()};
  msghdr message{};
  message.msg_name = &target;
  message.msg_namelen = size;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> control{};
  if (from) {
    const bool v4 = to.is_v4();
    message.msg_control = control.data();
    message.msg_controllen = v4 ? CMSG_SPACE(sizeof(in_pktinfo)) : CMSG_SPACE(sizeof(in6_pktinfo));
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    socklen_t ignored = 0;
    const sockaddr_storage source = socket_address(*from, ignored);
    if (v4) {
      *header = {CMSG_LEN(sizeof(in_pktinfo)), IPPROTO_IP, IP_PKTINFO};
      in_pktinfo info{};
      sockaddr_in in{};
      std::memcpy(&in, &source, sizeof in);
      info.ipi_spec_dst = in.sin_addr;
      std::memcpy(CMSG_DATA(header), &info, sizeof info);
    } else {
      *header = {CMSG_LEN(sizeof(in6_pktinfo)), IPPROTO_IPV6, IPV6_PKTINFO};
      in6_pktinfo info{};
      sockaddr_in6 in{};
      std::memcpy(&in, &source, sizeof in);
      info.ipi6_addr = in.sin6_addr;
      std::memcpy(CMSG_DATA(header), &info, sizeof info);
    }
  }
  return ::sendmsg(fd, &message, MSG_DONTWAIT);
}

}  // namespace

Pinger::Pinger(asio::io_context& io, int fd, bool v4)
    : io_(io), socket_(io, fd), v4_(v4), id_(static_cast<std::uint16_t>(random_number())) {
  receive();
}

void Pinger::receive() {
  socket_.async_wait(asio::posix::stream_descriptor::wait_read, [this](error_code error) {
    if (error) return;
    std::array<char, 2048> bytes{};
    for (int i = 0; i < 64; ++i) {
      const ssize_t size =
          ::recv(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (size < 0) break;
      const auto reply = read_ping(v4_, {bytes.data(), static_cast<std::size_t>(size)});
      if (!reply || reply->id != id_) continue;
      const auto found = waiting_.find(reply->number);
      if (found == waiting_.end() || found->second->token != reply->token) continue;
      found->second->answered = true;
      found->second->timer->cancel();
    }
    receive();
  });
}

error_code Pinger::ping(const IpAddress& address, const std::optional<IpAddress>& source,
                        Duration timeout, asio::yield_context yield) {
  const std::uint64_t number = random_number();
  Waiting waiting;
  waiting.token.assign(reinterpret_cast<const char*>(&number), sizeof number);
  asio::steady_timer timer(io_, std::chrono::duration_cast<steady_clock::duration>(timeout));
  waiting.timer = &timer;
  if (waiting_.size() >= 0xffff) return asio::error::no_buffer_space;
  while (waiting_.contains(next_)) ++next_;
  const std::uint16_t place = next_++;
  const std::string packet = ask_ping(v4_, id_, place, waiting.token);
  if (send_from(socket_.native_handle(), packet, address, source) < 0) return last_error();
  waiting_[place] = &waiting;
  error_code ended;
  timer.async_wait(yield[ended]);
  waiting_.erase(place);
  if (waiting.answered) return {};
  return asio::error::timed_out;
}

}  // namespace lvsd
