// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

#include "lvsd/io/file_descriptor.h"

namespace lvsd {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kFallbackPath = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin";
// A listing of 100,000 set members is about 5 MB; beyond this a tool has gone mad.
constexpr std::size_t kOutputLimit = 64U << 20U;

struct Pipe {
  FileDescriptor read, write;
};

std::optional<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  return Pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

// The input as a file at offset 0; an invalid descriptor where that failed.
FileDescriptor input_file(std::string_view input) {
  FileDescriptor file(memfd_create("lvsd-input", MFD_CLOEXEC));
  while (file.valid() && !input.empty()) {
    const ssize_t written = write(file.get(), input.data(), input.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return FileDescriptor();
    input.remove_prefix(static_cast<std::size_t>(written));
  }
  if (file.valid()) lseek(file.get(), 0, SEEK_SET);
  return file;
}

Error system_error(std::string_view what, int number) {
  return Error{std::string(what) + ": " + std::strerror(number)};
}

// posix_spawn's two attribute objects, released together.
struct SpawnSetup {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  SpawnSetup() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }

  void redirect(int input, int output, int errors) {
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  }
  // The daemon blocks the signals it reads from a descriptor; the tools must not inherit that.
  void default_signals() {
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
};

Result<pid_t, Error> spawn(const std::string& program, const std::vector<std::string>& argv,
                           int input, int output, int errors) {
  SpawnSetup setup;
  setup.redirect(input, output, errors);
  setup.default_signals();
  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  std::string path = "PATH=" + std::string(kFallbackPath);
  std::string locale = "LC_ALL=C";
  std::array<char*, 3> environment{path.data(), locale.data(), nullptr};
  pid_t pid = -1;
  const int failure = posix_spawn(&pid, program.c_str(), &setup.actions, &setup.attributes,
                                  arguments.data(), environment.data());
  if (failure != 0) return Unexpected{system_error(program, failure)};
  return pid;
}

int remaining_ms(Clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::max<long long>(left, 0));
}

// Takes in what is there; closes the descriptor at its end.
void drain(FileDescriptor& from, std::string& into) {
  std::array<char, 65536> buffer;
  const ssize_t got = read(from.get(), buffer.data(), buffer.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got <= 0) return from.reset();
  if (into.size() < kOutputLimit) into.append(buffer.data(), static_cast<std::size_t>(got));
}

// Reads both outputs to their ends; false where the time was up before.
bool collect(FileDescriptor& output, FileDescriptor& errors, ProcessResult& result,
             Clock::time_point deadline) {
  while (output.valid() || errors.valid()) {
    std::array<pollfd, 2> polled{pollfd{output.get(), POLLIN, 0}, pollfd{errors.get(), POLLIN, 0}};
    const int ready = poll(polled.data(), polled.size(), remaining_ms(deadline));
    if (ready == 0) return false;
    if (ready < 0) continue;  // EINTR: the deadline still holds
    if (polled[0].revents != 0) drain(output, result.output);
    if (polled[1].revents != 0) drain(errors, result.errors);
  }
  return true;
}

// The child closed its outputs, so it is about to end; still it gets no longer than the deadline.
std::optional<int> wait_until(pid_t pid, Clock::time_point deadline) {
  int status = 0;
  for (;;) {
    const pid_t ended = waitpid(pid, &status, WNOHANG);
    if (ended == pid || (ended < 0 && errno != EINTR)) return ended == pid ? status : -1;
    if (Clock::now() >= deadline) return std::nullopt;
    constexpr timespec kPause{0, 200'000};
    nanosleep(&kPause, nullptr);
  }
}

void kill_and_reap(pid_t pid) {
  kill(pid, SIGKILL);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

std::string find_program(std::string_view name) {
  if (name.find('/') != std::string_view::npos) return std::string(name);
  const char* path = secure_getenv("PATH");
  std::string directories = path != nullptr ? path : "";
  directories.append(":").append(kFallbackPath);
  for (std::size_t begin = 0; begin <= directories.size();) {
    const std::size_t end = std::min(directories.find(':', begin), directories.size());
    const std::string directory = directories.substr(begin, end - begin);
    begin = end + 1;
    if (directory.empty() || directory.front() != '/') continue;  // never from where we stand
    std::string candidate = directory + "/" + std::string(name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

Result<ProcessResult, Error> run_process(const std::vector<std::string>& argv,
                                         std::string_view input,
                                         std::chrono::milliseconds timeout) {
  const std::string program = find_program(argv.at(0));
  if (program.empty()) return fail(argv[0] + ": no such program in PATH");
  const Clock::time_point deadline = Clock::now() + timeout;
  FileDescriptor source = input_file(input);
  std::optional<Pipe> output = make_pipe();
  std::optional<Pipe> errors = make_pipe();
  if (!source.valid() || !output || !errors) return Unexpected{system_error(argv[0], errno)};

  auto pid = spawn(program, argv, source.get(), output->write.get(), errors->write.get());
  if (!pid) return Unexpected{pid.error()};
  output->write.reset();
  errors->write.reset();

  ProcessResult result;
  std::optional<int> status;
  if (collect(output->read, errors->read, result, deadline)) status = wait_until(*pid, deadline);
  if (!status) {
    kill_and_reap(*pid);
    return fail(argv[0] + ": still running after " + std::to_string(timeout.count()) +
                " ms, killed");
  }
  if (*status < 0) return fail(argv[0] + ": its exit status went to somebody else");
  result.status = WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
  return result;
}

Result<std::string, Error> run_tool(const std::vector<std::string>& argv, std::string_view input) {
  auto result = run_process(argv, input);
  if (!result) return Unexpected{result.error()};
  if (result->status == 0) return std::move(result->output);
  constexpr std::size_t kQuoted = 300;  // enough for the first complaint
  std::string complaint = result->errors.substr(0, kQuoted);
  while (!complaint.empty() && (complaint.back() == '\n' || complaint.back() == ' ')) {
    complaint.pop_back();
  }
  std::replace(complaint.begin(), complaint.end(), '\n', ' ');
  return fail(argv[0] + ": exit status " + std::to_string(result->status) +
              (complaint.empty() ? "" : ": " + complaint));
}

}  // namespace lvsd
