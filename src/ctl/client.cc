// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <system_error>

#include "lvsd/ctl/commands.h"
#include "lvsd/ctl/json_layout.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;

std::string reason(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK) return "no answer in time";
  return std::generic_category().message(error);
}

class Socket {
 public:
  Socket() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

  // Each returns 0 or an errno.
  int connect(const std::string& path, std::chrono::seconds patience) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (fd_ < 0) return errno;
    if (path.size() >= sizeof(address.sun_path)) return ENAMETOOLONG;
    std::memcpy(address.sun_path, path.data(), path.size());
    const timeval limit{.tv_sec = patience.count(), .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    return ::connect(fd_, generic, sizeof(address)) == 0 ? 0 : errno;
  }
  int send(std::string_view line) {
    while (!line.empty()) {
      const ssize_t sent = ::send(fd_, line.data(), line.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0) return errno;
      line.remove_prefix(static_cast<std::size_t>(sent));
    }
    return 0;
  }
  int receive_line(std::string& line) {
    std::array<char, 65536> chunk{};
    while (line.empty() || line.back() != '\n') {
      const ssize_t size = ::recv(fd_, chunk.data(), chunk.size(), 0);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return errno;
      if (size == 0) return ECONNRESET;
      line.append(chunk.data(), static_cast<std::size_t>(size));
    }
    return 0;
  }

 private:
  int fd_;
};

Unexpected<AskFailure> failure(const std::string& path, const std::string& what, bool no_daemon) {
  return Unexpected<AskFailure>{{no_daemon, what + " (socket " + path + ")"}};
}

Unexpected<AskFailure> unreadable(const std::string& path) {
  return failure(path, "lvsd's answer cannot be read", false);
}

}  // namespace

Result<std::string, AskFailure> ask_for_text(const std::string& run_dir, const Request& request,
                                             std::chrono::seconds patience) {
  const std::string path = control_socket(run_dir);
  const auto failed = [&path](const std::string& what) { return failure(path, what, true); };
  Socket socket;
  if (const int error = socket.connect(path, patience); error != 0) {
    const bool absent = error == ENOENT || error == ECONNREFUSED;
    if (absent) return failed("no lvsd is running here; start it, or name its --run-dir");
    return failed("cannot reach lvsd: " + reason(error));
  }
  std::string line;
  int error = socket.send(request_line(request));
  if (error == 0) error = socket.receive_line(line);
  if (error != 0) return failed("lvsd did not answer: " + reason(error));
  line.pop_back();
  const auto ok = json_member(line, "ok");
  if (ok != "true" && ok != "false") return unreadable(path);
  return line;
}

Reply ask(const std::string& run_dir, const Request& request, std::chrono::seconds patience) {
  const auto text = ask_for_text(run_dir, request, patience);
  if (!text) return Unexpected{text.error()};
  json reply = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!reply.is_object() || !reply.contains("ok") || !reply["ok"].is_boolean()) {
    return unreadable(control_socket(run_dir));
  }
  return reply;
}

int say_refused(std::string_view command, const json& reply, const std::optional<int>& indent) {
  if (indent) {
    std::cout << reply.dump(*indent, ' ', false, json::error_handler_t::replace) << "\n";
  } else {
    std::cerr << "lvsctl " << command << ": " << reply.value("error", "refused, without a reason")
              << "\n";
  }
  return kNo;
}

}  // namespace lvsd::ctl
