// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/overrides_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <iterator>
#include <system_error>

#include "lvsd/control/json_reader.h"
#include "lvsd/io/text_file.h"

namespace lvsd {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr int kVersion = 1;

std::int64_t to_seconds(WallTime time) {
  return std::chrono::duration_cast<seconds>(time.time_since_epoch()).count();
}

json to_json(const OperatorDrain& drain) {
  json out = {{"clients", drain.keeps_clients ? "keep" : "move"},
              {"on_deadline", to_string(drain.at_deadline)},
              {"since", to_seconds(drain.since)},
              {"connections", drain.connections},
              {"ended", drain.ended}};
  if (drain.deadline) out["deadline"] = to_seconds(*drain.deadline);
  return out;
}

json to_json(const DestinationKey& key) {
  return {{"protocol", to_string(key.service.protocol)},
          {"listen", to_string(key.service.listen.address)},
          {"listen_port", key.service.listen.port.host()},
          {"mark", key.service.mark},
          {"address", to_string(key.endpoint.address)},
          {"port", key.endpoint.port.host()}};
}

WallTime time_of(const json& object, const char* key) {
  return WallTime(seconds(number<std::uint32_t>(object, key)));
}

OperatorDrain drain_of(const json& object) {
  OperatorDrain drain;
  drain.keeps_clients = object.at("clients").get<std::string>() == "keep";
  drain.at_deadline = known(parse_ending(object.at("on_deadline").get<std::string>()), "ending");
  drain.since = time_of(object, "since");
  drain.connections = number<std::uint32_t>(object, "connections");
  drain.ended = object.at("ended").get<bool>();
  if (object.contains("deadline")) drain.deadline = time_of(object, "deadline");
  return drain;
}

Overrides overrides_of(const json& whole) {
  if (whole.at("version") != kVersion) refuse_json("another version's");
  Overrides overrides;
  for (const json& each : whole.at("overrides")) {
    const DestinationKey key{
        {known(parse_protocol(each.at("protocol").get<std::string>()), "protocol"),
         endpoint_of(each, "listen", "listen_port"), number<std::uint32_t>(each, "mark")},
        endpoint_of(each, "address", "port")};
    Override what;
    if (each.contains("weight")) what.weight = Weight(number<std::uint16_t>(each, "weight"));
    if (each.contains("drain")) what.drain = drain_of(each.at("drain"));
    overrides.put(key, what);
  }
  return overrides;
}

Unexpected<Error> failed(const std::string& what) {
  return fail(what + ": " + std::generic_category().message(errno));
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(fd) == 0;
}

// A rename is on the disk with its directory only.
Status sync_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const Status status = synced ? Status(Done{}) : Status(failed("cannot sync " + path));
  if (fd >= 0) ::close(fd);
  return status;
}

}  // namespace

std::string to_text(const Overrides& overrides) {
  json all = json::array();
  for (const auto& [key, what] : overrides.all()) {
    json each = to_json(key);
    if (what.weight) each["weight"] = what.weight->value();
    if (what.drain) each["drain"] = to_json(*what.drain);
    all.push_back(std::move(each));
  }
  return json{{"version", kVersion}, {"overrides", std::move(all)}}.dump(1) + "\n";
}

Result<Overrides, Error> parse_overrides(std::string_view text) {
  try {
    return overrides_of(json::parse(text));
  } catch (const json::exception& wrong) {
    return fail(wrong.what());
  }
}

OverridesFile::Loaded OverridesFile::load() const {
  const auto text = read_text_file(path());
  if (!text && errno == ENOENT) return {};
  if (!text)
    return {{}, failed("cannot read " + path()).error.message + ": no overrides are in effect"};
  auto overrides = parse_overrides(*text);
  if (overrides) return {std::move(*overrides), {}};
  const std::string aside = path() + ".damaged";
  const bool moved = std::rename(path().c_str(), aside.c_str()) == 0;
  return {{},
          path() + " is damaged (" + overrides.error().message + "): no overrides are in effect; " +
              (moved ? "the file is now " + aside : "and it cannot be renamed")};
}

Status OverridesFile::save(const Overrides& overrides) const {
  if (overrides.empty()) {
    if (::unlink(path().c_str()) != 0 && errno != ENOENT) return failed("cannot remove " + path());
    return ::access(directory_.c_str(), F_OK) == 0 ? sync_directory(directory_) : Done{};
  }
  if (::mkdir(directory_.c_str(), 0755) != 0 && errno != EEXIST) {
    return failed("cannot create " + directory_);
  }
  const std::string next = path() + ".new";
  const int fd = ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return failed("cannot write " + next);
  const bool written = write_all(fd, to_text(overrides));
  const Status failure = written ? Status(Done{}) : Status(failed("cannot write " + next));
  ::close(fd);
  if (!written) return failure;
  if (std::rename(next.c_str(), path().c_str()) != 0) return failed("cannot replace " + path());
  return sync_directory(directory_);
}

}  // namespace lvsd
