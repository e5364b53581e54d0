// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/host_settings.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

#include "lvsd/io/text_file.h"

namespace lvsd {
namespace {

std::optional<std::string> read_line(const std::string& path) {
  std::ifstream file(path);
  std::string value;
  if (!std::getline(file, value)) return std::nullopt;
  return value;
}

Status write_line(const std::string& path, const std::string& value) {
  std::ofstream file(path);
  file << value << std::flush;
  if (file) return Done{};
  return fail("cannot write " + path + ": " + std::generic_category().message(errno));
}

// Only what settings_for() may ask for: a record is no way to write elsewhere.
bool is_ours(const std::string& path) {
  return path.rfind("net/ipv4/conf/", 0) == 0 && path.find("..") == std::string::npos;
}

}  // namespace

SettingValues settings_for(const Config& config, const Network& network) {
  SettingValues wanted;
  for (const VirtualService& service : config.services) {
    for (const Destination& destination : service.destinations) {
      const IpAddress& address = destination.endpoint.address;
      if (!std::holds_alternative<Masquerade>(destination.method) || !address.is_v4()) continue;
      const auto hop = network.route(address);
      const Interface* out = hop ? network.interface(hop->interface) : nullptr;
      if (out == nullptr || out->loopback) continue;
      wanted["net/ipv4/conf/all/send_redirects"] = "0";
      wanted["net/ipv4/conf/" + out->name + "/send_redirects"] = "0";
    }
  }
  return wanted;
}

ChangedSettings parse_changed_settings(std::string_view text) {
  ChangedSettings changed;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string path, more;
    ChangedSetting setting;
    if (!(words >> path >> setting.before >> setting.ours) || (words >> more)) continue;
    if (is_ours(path)) changed.emplace(path, setting);
  }
  return changed;
}

std::string format_changed_settings(const ChangedSettings& changed) {
  std::string text;
  for (const auto& [path, setting] : changed) {
    text += path + " " + setting.before + " " + setting.ours + "\n";
  }
  return text;
}

HostSettings::HostSettings(std::string run_dir, std::string root)
    : file_(std::move(run_dir) + "/settings"), root_(std::move(root)) {
  changed_ = parse_changed_settings(read_text_file(file_).value_or(""));
}

Status HostSettings::save() const {
  std::error_code error;
  if (changed_.empty()) {
    std::filesystem::remove(file_, error);
    return error ? fail("cannot remove " + file_ + ": " + error.message()) : Status(Done{});
  }
  const std::string fresh = file_ + ".new";
  std::ofstream file(fresh, std::ios::trunc);
  file << format_changed_settings(changed_);
  file.close();
  if (!file) return fail("cannot write " + fresh);
  std::filesystem::rename(fresh, file_, error);
  return error ? fail("cannot rename " + fresh + ": " + error.message()) : Status(Done{});
}

Status HostSettings::want(const SettingValues& wanted) {
  Status outcome = Done{};
  const ChangedSettings before = changed_;
  for (const auto& [path, value] : wanted) {
    const auto now = read_line(root_ + path);
    if (!now || *now == value) continue;  // no such interface any more, or as it should be
    const auto known = changed_.find(path);
    if (known == changed_.end()) changed_[path] = {*now, value};
  }
  if (changed_ != before) outcome = save();
  if (!outcome) {
    changed_ = before;
    return outcome;
  }
  for (const auto& [path, value] : wanted) {
    const auto now = read_line(root_ + path);
    if (!now || *now == value) continue;
    if (Status written = write_line(root_ + path, value); !written) outcome = written;
  }
  for (auto entry = changed_.begin(); entry != changed_.end();) {
    if (wanted.contains(entry->first)) {
      ++entry;
      continue;
    }
    const auto now = read_line(root_ + entry->first);
    const Status written = now == entry->second.ours
                               ? write_line(root_ + entry->first, entry->second.before)
                               : Status(Done{});
    if (written) {
      entry = changed_.erase(entry);
    } else {
      outcome = written;
      ++entry;
    }
  }
  const Status saved = changed_ == before ? Status(Done{}) : save();
  return outcome ? saved : outcome;
}

}  // namespace lvsd
