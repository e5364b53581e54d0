// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl explain: what becomes of a packet, and why, in sentences. Offline on a configuration, with
// a packet that is typed or those of a capture; without -c it asks the running daemon
// (explain_live.cc).
#include "lvsd/ctl/explain.h"

#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "lvsd/config/diff.h"
#include "lvsd/ctl/capture_run.h"
#include "lvsd/ctl/decode.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;
namespace po = boost::program_options;

constexpr std::string_view kUsageText =
    "lvsctl explain [-c FILE] PROTOCOL CLIENT:PORT VIRTUAL:PORT [option ...]\n"
    "       lvsctl explain [-c FILE] --pcap FILE [--packet N] [option ...]\n"
    "Says what becomes of a packet, and why. With -c offline, by that file; else by the running\n"
    "daemon, in which nothing changes.\n"
    "Exit status: 0 explained; 1 a file was refused, or there is no such packet; 2 usage; 3 no\n"
    "daemon.\n";

po::options_description option_table() {
  po::options_description table("options");
  add_capture_options(table);
  table.add_options()("pcap", po::value<std::string>(), "explain the packets of this capture");
  table.add_options()("packet", po::value<std::uint64_t>(), "only this one, counted from 1");
  table.add_options()("flags", po::value<std::string>()->default_value("S"),
                      "TCP flags of the packet, letters of FSRPAU");
  table.add_options()("size", po::value<std::size_t>()->default_value(0), "its length in bytes");
  table.add_options()("ttl", po::value<unsigned>()->default_value(64), "its TTL, or hop limit");
  table.add_options()("mark", po::value<std::uint32_t>()->default_value(0),
                      "the firewall mark that it carries");
  table.add_options()("bytes", "show the emitted bytes in hexadecimal, too");
  table.add_options()("rehearse", "ask of each packet of a capture beforehand, too, and compare");
  table.add_options()("json", "print JSON");
  table.add_options()("run-dir", po::value<std::string>()->default_value("/run/lvsd"),
                      "the daemon's run directory");
  return table;
}

ExplainSettings read_settings(const ParsedOptions& parsed) {
  ExplainSettings s;
  s.config = parsed.text("config");
  s.network = parsed.text("network");
  s.pcap = parsed.text("pcap");
  if (parsed.has("packet")) s.packet = parsed.values["packet"].as<std::uint64_t>();
  s.words.flags = parsed.text("flags");
  s.words.size = parsed.values["size"].as<std::size_t>();
  s.words.ttl = parsed.values["ttl"].as<unsigned>();
  s.mark = parsed.values["mark"].as<std::uint32_t>();
  s.bytes = parsed.has("bytes");
  s.rehearse = parsed.has("rehearse");
  s.json = parsed.has("json");
  s.run_dir = parsed.text("run-dir");
  return s;
}

// The packets of a capture, one after the other.
class CaptureExplainer {
 public:
  CaptureExplainer(const ExplainSettings& settings, std::vector<Step> steps)
      : settings_(settings),
        out_(settings),
        run_({"explain", settings.config, settings.pcap, settings.network, std::move(steps)}) {}

  int operator()() {
    Observer observer;
    if (settings_.rehearse) {
      observer.rehearsed = [this](const ExplainedPacket& p) { rehearsed_ = explained(p); };
    }
    observer.explained = [this](const ExplainedPacket& p) { take(p); };
    if (!run_.open(false, std::move(observer))) return kNo;
    run_.replay();
    out_.finish();
    if (!run_.damage().empty()) std::cerr << "lvsctl explain: " << run_.damage() << "\n";
    if (settings_.packet && out_.count() == 0) {
      std::cerr << "lvsctl explain: there is no packet " << *settings_.packet
                << " for the director in " << settings_.pcap << "\n";
      return kNo;
    }
    return different_ == 0 && run_.damage().empty() ? kFine : kNo;
  }

 private:
  static Explanation explained(const ExplainedPacket& p) {
    return explain(p.decision, p.emissions, p.network);
  }

  void take(const ExplainedPacket& p) {
    if (!first_) first_ = p.time;
    const Explanation explanation = explained(p);
    if (settings_.rehearse && to_json(explanation) != to_json(rehearsed_)) {
      ++different_;
      std::cerr << "lvsctl explain: packet " << p.frame
                << " was not decided as it would have been:\n"
                << to_json(rehearsed_).dump(2) << "\n"
                << to_json(explanation).dump(2) << "\n";
    }
    if (settings_.packet && *settings_.packet != p.frame) return;
    const std::string where = p.arrival.interface.empty() ? "" : " on " + p.arrival.interface;
    out_.add({p.frame,
              fmt::format("packet {}, +{} s{}", p.frame, to_string(p.time - *first_), where),
              describe(decode_packet(p.arrival.packet)), explanation});
  }

  const ExplainSettings& settings_;
  ExplainPrinter out_;
  CaptureRun run_;
  std::optional<TimePoint> first_;
  Explanation rehearsed_;
  std::uint64_t different_ = 0;
};

// One packet that somebody typed, and a director that has seen nothing yet.
int explain_typed(const ExplainSettings& settings, std::vector<std::byte> packet) {
  const auto config = load_config(settings.config);
  if (!config) print_problems(config.error(), settings.config);
  const auto network = read_network(settings.network);
  if (!config || network == nullptr) return kNo;
  Director director({.connection_limit = config->startup.connection_limit, .seed = {}}, network);
  Emissions out;
  const TimePoint now(std::chrono::seconds(1));
  director.apply(diff({}, *config), now, out);
  out.clear();
  const std::string asked = describe(decode_packet(packet));
  packet.insert(packet.begin(), kPacketHeadroom, std::byte{0});
  PacketBuffer buffer(packet, kPacketHeadroom, packet.size() - kPacketHeadroom);
  buffer.set_mark(settings.mark);
  if (const auto view = parse_packet(buffer.bytes())) {  // as Director::explain() takes it to come
    const auto hop = network->route(view->tuple.source);
    if (hop) buffer.set_arrival(hop->interface);
  }
  Decision decision;
  director.handle(buffer, now, out, decision);
  ExplainPrinter printer(settings);
  printer.add({0, "", asked, explain(decision, out.list(), *network)});
  printer.finish();
  return kFine;
}

std::optional<std::string> contradiction(const ExplainSettings& s, const Words& rest,
                                         const std::vector<Step>& steps) {
  if (s.pcap.empty() && rest.size() != 3) {
    return "PROTOCOL CLIENT:PORT VIRTUAL:PORT, or --pcap FILE, is expected";
  }
  if (!s.pcap.empty() && !rest.empty()) return "either a packet or --pcap is expected, not both";
  if (s.packet && s.pcap.empty()) return "--packet goes with --pcap";
  const bool offline = !s.config.empty();
  if (!offline && (!s.network.empty() || !steps.empty() || s.rehearse)) {
    return "--network, --reload, --network-at and --rehearse go with -c";
  }
  if (offline && s.pcap.empty() && !steps.empty())
    return "--reload and --network-at go with --pcap";
  if (!offline && !s.pcap.empty() && !s.packet) {
    return "the running daemon explains one packet at a time: say which by --packet";
  }
  return std::nullopt;
}

}  // namespace

void ExplainPrinter::add(const ExplainedText& packet) {
  ++count_;
  if (settings_.json) {
    json entry = to_json(packet.explanation);
    if (packet.frame != 0) entry["packet"] = packet.frame;
    entry["asked"] = packet.asked;
    for (json& emitted : entry["emitted"]) {
      const auto bytes = from_hex(emitted["bytes"].get_ref<const std::string&>());
      emitted["packet"] = describe(decode_packet(*bytes));
    }
    packets_.push_back(std::move(entry));
    return;
  }
  if (count_ > 1) std::cout << "\n";
  if (!packet.title.empty()) std::cout << packet.title << ": ";
  std::cout << packet.asked << "\n";
  for (const std::string& sentence : packet.explanation.sentences) {
    std::cout << "  " << sentence << "\n";
  }
  for (const EmittedPacket& emitted : packet.explanation.emitted) print(emitted);
}

void ExplainPrinter::print(const EmittedPacket& emitted) const {
  std::cout << "  Emitted on " << emitted.interface
            << (emitted.routed ? " by the kernel's route"
                               : ", " + to_string(emitted.source) + " > " +
                                     to_string(emitted.destination))
            << ": " << describe(decode_packet(emitted.bytes)) << "\n";
  if (settings_.bytes) std::cout << "    " << to_hex(emitted.bytes) << "\n";
}

void ExplainPrinter::finish() {
  if (!settings_.json) return;
  const json all = {{"version", 1}, {"packets", packets_}};
  std::cout << all.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
}

int explain(const Words& words) {
  ParsedOptions parsed = parse_options("explain", kUsageText, words, option_table(), Rest::taken);
  if (parsed.exit_status) return *parsed.exit_status;
  ExplainSettings settings = read_settings(parsed);
  auto steps = parse_steps(words, option_table());
  if (!steps) return usage_error("explain", steps.error().message);
  if (const auto wrong = contradiction(settings, parsed.rest, *steps)) {
    return usage_error("explain", *wrong);
  }
  if (!settings.pcap.empty() && !settings.config.empty()) {
    return CaptureExplainer(settings, std::move(*steps))();
  }
  if (!settings.pcap.empty()) {
    const auto packet = packet_of_capture(settings.pcap, *settings.packet);
    if (packet) return explain_live(settings, *packet);
    std::cerr << "lvsctl explain: " << packet.error().message << "\n";
    return kNo;
  }
  settings.words.protocol = parsed.rest[0];
  settings.words.client = parsed.rest[1];
  settings.words.server = parsed.rest[2];
  auto packet = make_packet(settings.words);
  if (!packet) return usage_error("explain", packet.error().message);
  return settings.config.empty() ? explain_live(settings, *packet)
                                 : explain_typed(settings, std::move(*packet));
}

}  // namespace lvsd::ctl
