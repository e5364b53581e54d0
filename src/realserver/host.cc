// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/realserver/host.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

#include "lvsd/io/process.h"
#include "lvsd/io/text_file.h"

namespace lvsd::realserver {
namespace {

constexpr const char* kProgram = "lvsd-decap";
constexpr std::chrono::milliseconds kEnd{5000}, kLook{20};

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

std::string process(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

// Numbers are used again, and one that has ended keeps its own until somebody waits for it: in a
// container, perhaps nobody does.
bool is_running(pid_t pid) {
  if (read_text_file(process(pid, "comm")) != std::string(kProgram) + "\n") return false;
  const std::string stat = read_text_file(process(pid, "stat")).value_or("");
  const std::size_t state = stat.rfind(") ");
  return state != std::string::npos && stat[state + 2] != 'Z' && stat[state + 2] != 'X';
}

pid_t running(const std::string& pid_file) {
  std::ifstream file(pid_file);
  pid_t pid = 0;
  if (!(file >> pid) || pid <= 1) return 0;
  return is_running(pid) ? pid : 0;
}

std::vector<std::string> arguments_of(pid_t pid) {
  std::vector<std::string> words;
  if (pid == 0) return words;
  const std::string text = read_text_file(process(pid, "cmdline")).value_or("");
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\0', at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

// One that a unit or a person started, without a file: on this network, with a device of our name.
std::vector<std::string> started_otherwise() {
  std::error_code error;
  const auto here = std::filesystem::read_symlink("/proc/self/ns/net", error);
  for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const pid_t pid = std::atoi(entry->path().filename().c_str());
    if (pid <= 1 || !is_running(pid)) continue;
    std::error_code gone;
    if (std::filesystem::read_symlink(process(pid, "ns/net"), gone) != here || gone) continue;
    std::vector<std::string> words = arguments_of(pid);
    if (std::find(words.begin(), words.end(), kTunnelDevice) != words.end()) return words;
  }
  return {};
}

Status stop_decapsulator(const std::string& pid_file) {
  const pid_t pid = running(pid_file);
  if (pid == 0) return Done{};
  if (::kill(pid, SIGTERM) != 0 && errno != ESRCH) {
    return fail("cannot end lvsd-decap: " + std::generic_category().message(errno));
  }
  const auto deadline = std::chrono::steady_clock::now() + kEnd;
  while (is_running(pid)) {
    if (std::chrono::steady_clock::now() > deadline) return fail("lvsd-decap does not end");
    std::this_thread::sleep_for(kLook);
  }
  std::error_code error;
  std::filesystem::remove(pid_file, error);
  return Done{};
}

// What was served before is served on where the new one does not start.
Status start_decapsulator(const Step& step) {
  const std::vector<std::string> earlier = arguments_of(running(step.what));
  if (const Status stopped = stop_decapsulator(step.what); !stopped) return stopped;
  const auto started = run_tool(step.apply);
  if (started) return Done{};
  if (earlier.empty()) return Unexpected{started.error()};
  const auto again = run_tool(earlier);
  return fail(started.error().message +
              (again ? "; the one before runs again"
                     : "; nor does the one before start again: " + again.error().message));
}

Status write_file(const Step& step) {
  const std::filesystem::path path(step.what);
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  std::ofstream file(path, std::ios::trunc);
  file << step.value << std::flush;
  if (!file) return fail("cannot write " + step.what);
  if (step.value.rfind("#!", 0) != 0) return Done{};
  using std::filesystem::perms;
  std::filesystem::permissions(path, perms::owner_exec | perms::group_exec | perms::others_exec,
                               std::filesystem::perm_options::add, error);
  return error ? fail("cannot make " + step.what + " executable: " + error.message())
               : Status(Done{});
}

// What `systemctl enable` made for a unit: links in the directories of what wants or requires it.
// systemctl itself may not be there, or the files be another root's.
void disable_unit(const std::filesystem::path& unit) {
  std::error_code error;
  std::filesystem::directory_iterator entry(unit.parent_path(), error);
  for (const std::filesystem::directory_iterator end; !error && entry != end;
       entry.increment(error)) {
    const std::string kind = entry->path().extension();
    if (kind != ".wants" && kind != ".requires") continue;
    const std::filesystem::path link = entry->path() / unit.filename();
    std::error_code ignored;
    if (std::filesystem::is_symlink(link, ignored)) std::filesystem::remove(link, ignored);
  }
}

Status restore_file(const Step& step) {
  std::error_code error;
  if (!step.before.empty()) {
    Step earlier = step;
    earlier.value = step.before;
    return write_file(earlier);
  }
  if (std::string_view(step.what).ends_with(".service")) disable_unit(step.what);
  std::filesystem::remove(step.what, error);
  return error ? fail("cannot remove " + step.what + ": " + error.message()) : Status(Done{});
}

bool has_any(std::string_view message, std::initializer_list<std::string_view> texts) {
  return std::any_of(texts.begin(), texts.end(), [message](std::string_view text) {
    return message.find(text) != std::string_view::npos;
  });
}

}  // namespace

HostFacts read_host(const Network& network, const std::string& state_directory) {
  HostFacts facts;
  for (const std::string& path : sysctls_of_interest(network)) {
    if (const auto value = read_setting(path)) facts.sysctls.emplace(path, *value);
  }
  if (const auto rules = run_tool({"ip", "-4", "rule", "show"})) facts.rules_v4 = *rules;
  if (const auto rules = run_tool({"ip", "-6", "rule", "show"})) facts.rules_v6 = *rules;
  if (const auto text = run_tool({"ip", "-j", "-d", "addr", "show"})) {
    if (auto addresses = parse_addresses(*text)) facts.addresses = std::move(*addresses);
  }
  facts.has_fou = std::filesystem::exists("/sys/module/fou");
  if (facts.has_fou) {
    if (const auto ports = run_tool({"ip", "fou", "show"})) facts.fou_ports = *ports;
  }
  facts.decap_program = find_decapsulator();
  facts.decap_directory = state_directory;
  facts.decap_running = arguments_of(running(state_directory + "/decap.pid"));
  if (facts.decap_running.empty()) facts.decap_running = started_otherwise();
  return facts;
}

Status carry_out(const Step& step) {
  switch (step.kind) {
    case StepKind::sysctl:
      return write_setting(step.what, step.value);
    case StepKind::file:
      return write_file(step);
    case StepKind::decapsulator:
      return start_decapsulator(step);
    case StepKind::command:
      break;
  }
  const auto output = run_tool(step.apply);
  return output ? Status(Done{}) : Unexpected{output.error()};
}

// iproute2 passes on what errno says, or what the kernel says itself: "Address already assigned."
bool is_so_already(const std::vector<std::string>& undo, std::string_view complaint) {
  const bool adds = std::find(undo.begin(), undo.end(), "add") != undo.end();
  if (adds && has_any(complaint, {"File exists", "already assigned"})) return true;
  return has_any(complaint,
                 {"Cannot assign requested address", "Address not found", "Cannot find device",
                  "No such process", "No such file or directory", "does not exist"});
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
  if (output || is_so_already(step.undo, output.error().message)) return Done{};
  return Unexpected{output.error()};
}

}  // namespace lvsd::realserver
