// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl replay: words to settings, files to open, and what status the outcome is.
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "lvsd/ctl/capture_run.h"
#include "lvsd/ctl/junit.h"
#include "lvsd/ctl/refused.h"
#include "lvsd/io/pcap_writer.h"

namespace lvsd::ctl {
namespace {

namespace po = boost::program_options;
namespace fs = std::filesystem;

constexpr std::string_view kUsageText =
    "lvsctl replay -c FILE --in IN [option ...]\n"
    "Runs the director on a capture: pcap or pcapng; Ethernet, raw IP or Linux cooked.\n"
    "Exit status: 0 done, and as expected; 1 different, or something was refused; 2 usage.\n";

struct Settings {
  std::string config, in, out, expect, json, junit, drops, network;
  bool bless = false, connections = false;
  Ignore ignore;
  std::vector<Step> steps;
};

using SettingsOr = Result<Settings, Error>;

po::options_description option_table() {
  using Text = std::string;
  using Texts = std::vector<std::string>;
  po::options_description table("options");
  add_capture_options(table);
  table.add_options()("in", po::value<Text>(), "the capture to replay; - is standard input");
  table.add_options()("out", po::value<Text>(), "write what the director emits to this capture");
  table.add_options()("expect", po::value<Text>(), "compare what it emits with this capture");
  table.add_options()("bless", "write the expectation anew instead of comparing");
  table.add_options()("ignore", po::value<Texts>(),
                      "a field that does not count: ip.id, mac, made.ip.id, ... (may be repeated)");
  table.add_options()("drops", po::value<Text>(),
                      "write the packets refused last to this file, with the reasons as comments");
  table.add_options()("json", po::value<Text>(), "write a report of every packet to this file");
  table.add_options()("junit", po::value<Text>(),
                      "write the outcome to this file as tests, as CI systems show them");
  table.add_options()("connections", "list the connections that there are at the end, too");
  return table;
}

bool same_file(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return !a.empty() && a != "-" && fs::equivalent(a, b, ignored);
}

// Of two that are still to be made, by their names.
bool same_output(const std::string& a, const std::string& b) {
  if (a.empty() || b.empty() || a == "-" || b == "-") return false;
  return same_file(a, b) ||
         fs::absolute(a).lexically_normal() == fs::absolute(b).lexically_normal();
}

Status check_files(const Settings& s) {
  if (s.config.empty()) return fail("-c is missing");
  if (s.in.empty()) return fail("--in is missing");
  if (s.bless && (s.expect.empty() || s.expect == "-")) {
    return fail("--bless writes the file that --expect names, and there is none");
  }
  if (s.out == "-" && s.json == "-") {
    return fail("--out and --json cannot both be standard output");
  }
  if (s.in == "-" && s.expect == "-") {
    return fail("--in and --expect cannot both be standard input");
  }
  const std::string blessed = s.bless ? s.expect : std::string();
  const std::string compared = s.bless ? std::string() : s.expect;
  const std::array written = {s.out, s.json, s.junit, s.drops, blessed};
  for (std::size_t i = 0; i < written.size(); ++i) {
    for (const std::string& read : {s.in, s.config, s.network, compared}) {
      if (same_file(written[i], read)) {
        return fail(written[i] + " would be overwritten while it is read");
      }
    }
    for (std::size_t other = 0; other < i; ++other) {
      if (same_output(written[i], written[other])) {
        return fail(written[i] + " would be written twice over");
      }
    }
  }
  return Done{};
}

SettingsOr read_settings(const ParsedOptions& parsed, const Words& words) {
  Settings s;
  s.config = parsed.text("config");
  s.in = parsed.text("in");
  s.out = parsed.text("out");
  s.expect = parsed.text("expect");
  s.json = parsed.text("json");
  s.drops = parsed.text("drops");
  s.junit = parsed.text("junit");
  s.network = parsed.text("network");
  s.bless = parsed.has("bless");
  s.connections = parsed.has("connections");
  if (parsed.has("ignore")) {
    for (const std::string& word : parsed.values["ignore"].as<std::vector<std::string>>()) {
      if (const Status status = s.ignore.add(word); !status) return Unexpected{status.error()};
    }
  }
  auto steps = parse_steps(words, option_table());
  if (!steps) return Unexpected{steps.error()};
  s.steps = std::move(*steps);
  if (const Status status = check_files(s); !status) return Unexpected{status.error()};
  return s;
}

// Where emitted frames go: a capture, an expectation, or nowhere.
struct Outputs {
  std::vector<PcapWriter> writers;
  std::optional<Comparison> comparison;

  void take(const EmittedFrame& emitted, const Network& network) {
    for (PcapWriter& writer : writers) writer.write(emitted.frame);
    if (comparison) comparison->take(emitted, network);
  }
};

// Everything that one replay holds while it runs.
class Run {
 public:
  explicit Run(Settings settings)
      : settings_(std::move(settings)),
        run_({"replay", settings_.config, settings_.in, settings_.network, settings_.steps}) {}

  int operator()() {
    if (!open_inputs() || !open_outputs()) {
      write_tests({{"can be replayed", "its files cannot be used: see the log"}});
      return kNo;
    }
    run_.replay();
    return conclude();
  }

 private:
  template <class T>
  bool fine(const Result<T, Error>& result) {
    if (!result) std::cerr << "lvsctl replay: " << result.error().message << "\n";
    return result.has_value();
  }

  bool open_inputs() {
    Observer observer;
    observer.emitted = [this](const EmittedFrame& e, const Network& n) { outputs_.take(e, n); };
    observer.left_to_stack = [this](std::span<const std::byte> packet, const Network& n) {
      if (outputs_.comparison) outputs_.comparison->leave_to_stack(packet, n);
    };
    return run_.open(!settings_.json.empty(), std::move(observer));
  }

  std::string blessed_file() const { return settings_.expect + ".new"; }

  bool open_writer(const std::string& file) {
    auto writer = PcapWriter::open(file);
    if (!fine(writer)) return false;
    outputs_.writers.push_back(std::move(*writer));
    return true;
  }

  bool open_outputs() {
    if (!settings_.out.empty() && !open_writer(settings_.out)) return false;
    if (settings_.expect.empty()) return true;
    if (settings_.bless) return open_writer(blessed_file());
    std::set<Mac> macs;
    const auto add_macs = [&macs](const Network& network) {
      for (const Interface& i : network.interfaces()) {
        if (i.mac) macs.insert(*i.mac);
      }
    };
    add_macs(run_.network());
    for (const Step& step : run_.steps()) {
      if (!step.reload) add_macs(*step.network);
    }
    auto comparison = Comparison::load(settings_.expect, settings_.ignore, macs);
    if (!fine(comparison)) return false;
    outputs_.comparison = std::move(*comparison);
    return true;
  }

  bool close_outputs() {
    bool good = true;
    for (PcapWriter& writer : outputs_.writers) good = fine(writer.close()) && good;
    if (!settings_.bless || !good) return good;
    std::error_code error;
    fs::rename(blessed_file(), settings_.expect, error);
    if (error)
      std::cerr << "lvsctl replay: " << settings_.expect << ": " << error.message() << "\n";
    return !error;
  }

  bool write_json(const ReplayReport& report, const std::optional<ComparisonResult>& comparison) {
    if (settings_.json.empty()) return true;
    const std::string text = report_json(report, comparison);
    if (settings_.json == "-") {
      std::cout << text << std::flush;
      return std::cout.good();
    }
    std::ofstream file(settings_.json, std::ios::binary);
    file << text << std::flush;
    if (!file) std::cerr << "lvsctl replay: " << settings_.json << ": cannot be written\n";
    return file.good();
  }

  bool write_tests(const std::vector<JunitCase>& cases) {
    return settings_.junit.empty() || fine(write_junit(settings_.junit, settings_.in, cases));
  }

  bool write_drops(const ReplayReport& report) {
    if (settings_.drops.empty()) return true;
    std::ofstream file(settings_.drops, std::ios::binary);
    PcapngWriter writer(file);
    for (const RefusedPacket& packet : report.refused) {
      writer.write(packet.time, packet.bytes, packet.length, comment_of(packet.reason));
    }
    if (!file) std::cerr << "lvsctl replay: " << settings_.drops << ": cannot be written\n";
    return file.good();
  }

  int conclude() {
    ReplayReport report = run_.replayer().finish(settings_.connections);
    report.damage = run_.damage();
    std::optional<ComparisonResult> comparison;
    if (outputs_.comparison) {
      outputs_.comparison->finish();
      comparison =
          ComparisonResult{outputs_.comparison->compared(), outputs_.comparison->not_compared(),
                           outputs_.comparison->difference()};
    }
    const bool closed = close_outputs(), written = write_json(report, comparison),
               told = write_tests(report_tests(report, comparison)), kept = write_drops(report);
    // Standard output belongs to the data where the user asked for data there.
    const bool aside = settings_.json == "-" || settings_.out == "-";
    (aside ? std::cerr : std::cout) << report_text(report, comparison) << std::flush;
    const bool refused = std::any_of(report.events.begin(), report.events.end(),
                                     [](const EventRecord& event) { return !event.applied; });
    const bool different = comparison && comparison->difference;
    return closed && written && told && kept && !refused && !different && run_.damage().empty()
               ? kFine
               : kNo;
  }

  Settings settings_;
  CaptureRun run_;
  Outputs outputs_;
};

}  // namespace

int replay(const Words& words) {
  const ParsedOptions parsed = parse_options("replay", kUsageText, words, option_table());
  if (parsed.exit_status) return *parsed.exit_status;
  auto settings = read_settings(parsed, words);
  if (!settings) return usage_error("replay", settings.error().message);
  return Run(std::move(*settings))();
}

}  // namespace lvsd::ctl
