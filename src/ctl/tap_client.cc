// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/tap_client.h"

#include <iostream>
#include <random>
#include <thread>

#include "lvsd/ctl/capture_time.h"

namespace lvsd::ctl {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

// Often enough that a page, of 256 packets per worker, lasts for a thousand packets a second.
constexpr std::chrono::milliseconds kPause{200};

std::optional<std::string> optional_text(const ParsedOptions& parsed, const char* name) {
  return parsed.has(name) ? std::optional(parsed.text(name)) : std::nullopt;
}

}  // namespace

void add_tap_options(po::options_description& table) {
  using Text = std::string;
  table.add_options()("service", po::value<Text>(), "only packets of this service");
  table.add_options()("client", po::value<Text>(), "only of this client, or network of clients");
  table.add_options()("destination", po::value<Text>(), "only to or from this real server");
  table.add_options()("verdict", po::value<Text>(),
                      "only those forwarded, held, accepted or dropped, or with this reason");
  table.add_options()("count", po::value<std::uint64_t>(), "end after so many packets");
  table.add_options()("run-dir", po::value<Text>()->default_value("/run/lvsd"),
                      "the daemon's run directory");
}

TapClient::TapClient(std::string command, const ParsedOptions& parsed)
    : command_(std::move(command)), run_dir_(parsed.text("run-dir")), json_(parsed.has("json")) {
  request_.id = std::random_device()();
  request_.service = optional_text(parsed, "service");
  request_.client = optional_text(parsed, "client");
  request_.destination = optional_text(parsed, "destination");
  request_.verdict = optional_text(parsed, "verdict");
  if (parsed.has("count")) count_ = parsed.values["count"].as<std::uint64_t>();
}

int TapClient::listen(const std::function<bool(const json&)>& seen) {
  std::uint64_t number = 0;
  while (true) {
    const auto reply = ask(run_dir_, request_, std::chrono::seconds(10));
    if (!reply) {
      std::cerr << "lvsctl " << command_ << ": " << reply.error().message << "\n";
      return reply.error().no_daemon ? kNoDaemon : kNo;
    }
    if (!reply->at("ok").get<bool>()) {
      return say_refused(command_, *reply, json_ ? std::optional(-1) : std::nullopt);
    }
    for (const json& packet : reply->value("packets", json::array())) {
      if (!seen(packet)) return kFine;
      if (count_ && ++number >= *count_) return kFine;
    }
    const auto missed = reply->value("missed", std::uint64_t{0});
    if (missed > 0) {
      std::cerr << "lvsctl " << command_ << ": " << missed << " more packets were not kept\n";
    }
    std::this_thread::sleep_for(kPause);
  }
}

TimePoint wall_time(const json& packet) {
  const auto time = CaptureTime::parse(packet.value("time", "0"));
  return TimePoint(time ? time->value : Duration::zero());
}

}  // namespace lvsd::ctl
