// SPDX-License-Identifier: GPL-2.0-or-later
// Programs: checks of type exec, and hooks. They get a bare environment, no input, this process's
// user and a deadline; what they print goes to the log. And hooks that are a POST.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cstring>
#include <nlohmann/json.hpp>

#include "session.h"

namespace lvsd {
namespace {

namespace http = boost::beast::http;
using asio::ip::tcp;
using Variables = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kMostOutput = 1024;
constexpr Duration kHookTimeout = std::chrono::seconds(10);
constexpr auto kLook = std::chrono::milliseconds(5);

struct Ended {
  enum class How : std::uint8_t { by_itself, not_in_time, never_began };
  How how = How::by_itself;
  int status = -1;  // exit status, or 128 + signal
  std::string output;
};
Ended never_began(int error) { return {Ended::How::never_began, -1, std::strerror(error)}; }

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

pid_t spawn_program(std::vector<std::string> command, const Variables& variables, int output) {
  std::vector<std::string> environment{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"};
  for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output, 1);
  posix_spawn_file_actions_adddup2(&files, output, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, command.front().c_str(), &files, &attributes,
                                  pointers(command).data(), pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error == 0 ? pid : -error;
}

// Readable when the program has ended; null where the kernel (before 5.3) cannot tell.
std::shared_ptr<asio::posix::stream_descriptor> watch_end(ProbeWorld& world, pid_t pid) {
  const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return nullptr;
  return std::make_shared<asio::posix::stream_descriptor>(world.io, fd);
}

// Its group goes with it: a program that left children behind has none afterwards. They may hold
// its output open for long, so it counts when it has ended itself.
Ended run(ProbeWorld& world, const std::vector<std::string>& command, const Variables& variables,
          Duration timeout, asio::yield_context yield) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return never_began(errno);
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  const auto output = std::make_shared<asio::posix::stream_descriptor>(world.io, ends[0]);
  const pid_t pid = spawn_program(command, variables, ends[1]);
  ::close(ends[1]);
  if (pid <= 0) return never_began(-pid);
  const Deadline deadline(world.io, timeout, [output, pid] {
    ::kill(-pid, SIGKILL);
    error_code ignored;
    output->close(ignored);
  });
  const auto over = std::make_shared<bool>(false);
  const auto end = watch_end(world, pid);
  if (end) {
    end->async_wait(asio::posix::stream_descriptor::wait_read,
                    [output, over](const error_code& ignored) {
                      error_code unneeded;
                      *over = !ignored;
                      if (*over) output->cancel(unneeded);
                    });
  }
  Ended ended;
  error_code error;
  std::array<char, kMostOutput> part{};
  while (!error && !*over) {
    const std::size_t size = output->async_read_some(asio::buffer(part), yield[error]);
    if (ended.output.size() < kMostOutput) ended.output.append(part.data(), size);
  }
  while (*over && output->is_open() && ended.output.size() < kMostOutput) {
    const ssize_t size = ::read(output->native_handle(), part.data(), part.size());
    if (size <= 0) break;
    ended.output.append(part.data(), static_cast<std::size_t>(size));
  }
  int status = 0;
  asio::steady_timer timer(world.io);
  while (::waitpid(pid, &status, WNOHANG) == 0) {  // closed its output, and goes on
    timer.expires_after(kLook);
    timer.async_wait(yield[error]);
  }
  ::kill(-pid, SIGKILL);
  if (deadline.expired()) {
    ended.how = Ended::How::not_in_time;
    return ended;
  }
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended;
}

std::string how_it_ended(const Ended& ended) {
  if (ended.how == Ended::How::never_began) return "cannot be run";
  if (ended.how == Ended::How::not_in_time) {
    return "not done within " + seconds_text(kHookTimeout);
  }
  return fmt::format("exit status {}", ended.status);
}

struct Url {
  std::string host, port, path;
};
std::optional<Url> split(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return std::nullopt;
  url.remove_prefix(kScheme.size());
  const std::size_t slash = std::min(url.find('/'), url.size());
  std::string_view place = url.substr(0, slash);
  Url out{{}, "80", slash < url.size() ? std::string(url.substr(slash)) : "/"};
  const std::size_t colon = place.rfind(':');
  if (colon != std::string_view::npos && place.find(']', colon) == std::string_view::npos) {
    out.port = place.substr(colon + 1);
    place = place.substr(0, colon);
  }
  if (place.starts_with('[') && place.ends_with(']')) place = place.substr(1, place.size() - 2);
  out.host = place;
  return out;
}

// Empty when it went well.
std::string post(ProbeWorld& world, const std::string& url, const Variables& variables,
                 asio::yield_context yield) {
  const auto parts = split(url);
  if (!parts) return "not an address to POST to";
  error_code error;
  const asio::ip::address address = asio::ip::make_address(parts->host, error);
  if (error) return parts->host + " is not an address";
  const auto socket = std::make_shared<tcp::socket>(world.io);
  const Deadline deadline(world.io, kHookTimeout, [socket] {
    error_code ignored;
    socket->close(ignored);
  });
  const int port = std::atoi(parts->port.c_str());
  const tcp::endpoint target(address, static_cast<std::uint16_t>(port));
  error = open_private(*socket, target.protocol());
  if (!error) socket->async_connect(target, yield[error]);
  if (error) return error.message();
  http::request<http::string_body> request{http::verb::post, parts->path, 11};
  request.set(http::field::host, parts->host);
  request.set(http::field::user_agent, "lvsd");
  request.set(http::field::content_type, "application/json");
  request.set(http::field::connection, "close");
  nlohmann::json body = nlohmann::json::object();
  for (const auto& [name, value] : variables) body[name] = value;
  request.body() = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  request.prepare_payload();
  http::async_write(*socket, request, yield[error]);
  boost::beast::flat_buffer buffer(kLongestAnswer);
  http::response_parser<http::empty_body> parser;
  if (!error) http::async_read_header(*socket, buffer, parser, yield[error]);
  if (error) return error.message();
  const unsigned status = parser.get().result_int();
  return status < 300 ? std::string() : std::to_string(status);
}

}  // namespace

Outcome probe_exec(ProbeWorld& world, const Order& order, asio::yield_context yield) {
  const Probe& probe = order.health.probe;
  const Variables variables{{"LVSD_SERVICE", order.service},
                            {"LVSD_DESTINATION", order.destination},
                            {"LVSD_ADDRESS", to_string(order.target.address)},
                            {"LVSD_PORT", std::to_string(order.target.port.host())}};
  const Ended ended = run(world, probe.command, variables, probe.timeout, yield);
  if (ended.how == Ended::How::never_began) return {false, "cannot be run: " + ended.output};
  const std::string said = printable(ended.output, 120);
  if (!said.empty()) {
    world.say(fmt::format("{} for {} {}: {}", probe.command.front(), order.service,
                          order.destination, said));
  }
  if (ended.how == Ended::How::not_in_time) {
    return {false, "not done within " + seconds_text(probe.timeout)};
  }
  return {ended.status == 0, fmt::format("exit status {}", ended.status)};
}

void tell(ProbeWorld& world, const Telling& telling, asio::yield_context yield) {
  if (!telling.hooks.command.empty()) {
    const Ended ended = run(world, telling.hooks.command, telling.variables, kHookTimeout, yield);
    const std::string said = printable(ended.output, 120);
    if (ended.status != 0 || !said.empty()) {
      world.say(fmt::format("hook {}: {}{}", telling.hooks.command.front(), how_it_ended(ended),
                            said.empty() ? said : ": " + said));
    }
  }
  if (telling.hooks.url.empty()) return;
  const std::string wrong = post(world, telling.hooks.url, telling.variables, yield);
  if (!wrong.empty()) world.say(fmt::format("hook {}: {}", telling.hooks.url, wrong));
}

}  // namespace lvsd
