// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl capture: packets of the running daemon as pcapng, each with its verdict and reason as a
// comment: what was refused lately, or what passes, as it came.
#include <fstream>
#include <iostream>

#include "lvsd/control/explanation.h"
#include "lvsd/ctl/refused.h"
#include "lvsd/ctl/tap_client.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;
namespace po = boost::program_options;

constexpr std::string_view kUsageText =
    "lvsctl capture --drops FILE\n"
    "       lvsctl capture -w FILE [option ...]\n"
    "Writes pcapng, - is standard output: the packets that the running daemon refused lately, or\n"
    "those that pass, as they came. Each has its verdict and reason as comment.\n"
    "Exit status: 0 written; 1 refused, or it cannot be written; 2 usage; 3 no daemon.\n";

// A file or standard output.
class Output {
 public:
  explicit Output(const std::string& name) {
    if (name != "-") file_.open(name, std::ios::binary);
  }
  std::ostream& stream() { return file_.is_open() ? file_ : std::cout; }
  bool open(const std::string& name) const { return name == "-" || file_.is_open(); }

 private:
  std::ofstream file_;
};

int cannot_write(const std::string& name) {
  std::cerr << "lvsctl capture: " << name << ": cannot be written\n";
  return kNo;
}

int capture_drops(const ParsedOptions& parsed) {
  const std::string name = parsed.text("drops");
  const auto reply = ask(parsed.text("run-dir"), Request{Command::drops}, std::chrono::seconds(10));
  if (!reply) {
    std::cerr << "lvsctl capture: " << reply.error().message << "\n";
    return reply.error().no_daemon ? kNoDaemon : kNo;
  }
  if (!reply->at("ok").get<bool>()) {
    std::cerr << "lvsctl capture: " << reply->value("error", "refused, without a reason") << "\n";
    return kNo;
  }
  Output output(name);
  if (!output.open(name)) return cannot_write(name);
  PcapngWriter writer(output.stream());
  std::size_t number = 0;
  for (const json& packet : reply->value("packets", json::array())) {
    const auto bytes = from_hex(packet.value("bytes", ""));
    if (!bytes) continue;
    writer.write(wall_time(packet), *bytes, packet.value("length", std::size_t{0}),
                 comment_of(packet.value("reason", "")));
    ++number;
  }
  if (!writer.good()) return cannot_write(name);
  std::cerr << number << " refused packets written\n";
  return kFine;
}

int capture_passing(const ParsedOptions& parsed) {
  const std::string name = parsed.text("write");
  Output output(name);
  if (!output.open(name)) return cannot_write(name);
  PcapngWriter writer(output.stream());
  TapClient client("capture", parsed);
  const int status = client.listen([&](const json& packet) {
    const auto bytes = from_hex(packet.value("asked", ""));
    if (!bytes) return true;
    std::string comment = packet.value("verdict", "") + ", " + packet.value("reason", "");
    const std::string destination = packet.value("destination", "");
    if (!destination.empty()) comment += ", " + destination;
    writer.write(wall_time(packet), *bytes, bytes->size(), comment);
    return writer.good();
  });
  return status == kFine && !writer.good() ? cannot_write(name) : status;
}

}  // namespace

int capture(const Words& words) {
  po::options_description table("options");
  table.add_options()("drops", po::value<std::string>(), "write what was refused lately here");
  table.add_options()("write,w", po::value<std::string>(), "write what passes here");
  add_tap_options(table);
  const ParsedOptions parsed = parse_options("capture", kUsageText, words, table);
  if (parsed.exit_status) return *parsed.exit_status;
  if (parsed.has("drops") == parsed.has("write")) {
    return usage_error("capture", "either --drops FILE or -w FILE is expected");
  }
  return parsed.has("drops") ? capture_drops(parsed) : capture_passing(parsed);
}

}  // namespace lvsd::ctl
