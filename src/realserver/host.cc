// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/realserver/host.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <thread>

#include "lvsd/io/process.h"

namespace lvsd::realserver {
namespace {

constexpr const char* kProgram = "lvsd-decap";
constexpr std::chrono::milliseconds kEnd{5000}, kLook{20};

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::optional<std::string> read_setting(const std::string& path) {
  std::ifstream file("/proc/sys/" + path);
  std::string value;
  if (!std::getline(file, value)) return std::nullopt;
  return value;
}

Status write_setting(const std::string& path, const std::string& value) {
  std::ofstream file("/proc/sys/" + path);
  file << value << std::flush;
  if (file) return Done{};
  return fail("cannot write " + value + " to /proc/sys/" + path + ": " +
              std::generic_category().message(errno));
}

// Beside this program, as in a build directory; else where it is installed.
std::string find_decapsulator() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto beside = self.parent_path() / kProgram;
  if (!error && ::access(beside.c_str(), X_OK) == 0) return beside.string();
  return find_program(kProgram);
}

// The process that the file names, if it is one of ours: numbers are used again.
pid_t running(const std::string& pid_file) {
  std::ifstream file(pid_file);
  pid_t pid = 0;
  if (!(file >> pid) || pid <= 1) return 0;
  const std::string name = read_text("/proc/" + std::to_string(pid) + "/comm");
  return name == std::string(kProgram) + "\n" ? pid : 0;
}

std::vector<std::string> arguments_of(pid_t pid) {
  std::vector<std::string> words;
  if (pid == 0) return words;
  const std::string text = read_text("/proc/" + std::to_string(pid) + "/cmdline");
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\0', at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

Status stop_decapsulator(const std::string& pid_file) {
  const pid_t pid = running(pid_file);
  if (pid == 0) return Done{};
  if (::kill(pid, SIGTERM) != 0 && errno != ESRCH) {
    return fail("cannot end lvsd-decap: " + std::generic_category().message(errno));
  }
  const auto deadline = std::chrono::steady_clock::now() + kEnd;
  while (::kill(pid, 0) == 0) {
    if (std::chrono::steady_clock::now() > deadline) return fail("lvsd-decap does not end");
    std::this_thread::sleep_for(kLook);
  }
  std::error_code error;
  std::filesystem::remove(pid_file, error);
  return Done{};
}

Status write_file(const Step& step) {
  const std::filesystem::path path(step.what);
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  std::ofstream file(path, std::ios::trunc);
  file << step.value << std::flush;
  return file ? Status(Done{}) : fail("cannot write " + step.what);
}

Status restore_file(const Step& step) {
  std::error_code error;
  if (!step.before.empty()) {
    Step earlier = step;
    earlier.value = step.before;
    return write_file(earlier);
  }
  std::filesystem::remove(step.what, error);
  return error ? fail("cannot remove " + step.what + ": " + error.message()) : Status(Done{});
}

bool says_gone(const std::string& message) {
  for (const char* text :
       {"Cannot assign requested address", "Address not found", "Cannot find device",
        "No such process", "No such file or directory", "does not exist"}) {
    if (message.find(text) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

HostFacts read_host(const Network& network, const std::string& state_directory) {
  HostFacts facts;
  for (const std::string& path : sysctls_of_interest(network)) {
    if (const auto value = read_setting(path)) facts.sysctls.emplace(path, *value);
  }
  if (const auto rules = run_tool({"ip", "-4", "rule", "show"})) facts.rules_v4 = *rules;
  if (const auto rules = run_tool({"ip", "-6", "rule", "show"})) facts.rules_v6 = *rules;
  facts.has_fou = std::filesystem::exists("/sys/module/fou");
  facts.decap_program = find_decapsulator();
  facts.decap_directory = state_directory;
  facts.decap_running = arguments_of(running(state_directory + "/decap.pid"));
  return facts;
}

Status carry_out(const Step& step) {
  switch (step.kind) {
    case StepKind::sysctl:
      return write_setting(step.what, step.value);
    case StepKind::file:
      return write_file(step);
    case StepKind::decapsulator:
      if (const Status stopped = stop_decapsulator(step.what); !stopped) return stopped;
      break;
    case StepKind::command:
      break;
  }
  const auto output = run_tool(step.apply);
  return output ? Status(Done{}) : Unexpected{output.error()};
}

Status take_back(const Step& step) {
  switch (step.kind) {
    case StepKind::sysctl:
      if (!read_setting(step.what)) return Done{};  // its interface is gone
      return write_setting(step.what, step.before);
    case StepKind::file:
      return restore_file(step);
    case StepKind::decapsulator:
      return stop_decapsulator(step.what);
    case StepKind::command:
      break;
  }
  const auto output = run_tool(step.undo);
  if (output || says_gone(output.error().message)) return Done{};
  return Unexpected{output.error()};
}

}  // namespace lvsd::realserver
