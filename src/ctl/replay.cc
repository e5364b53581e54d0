// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl replay: words to settings, files to open, and what status the outcome is.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "lvsd/config/load.h"
#include "lvsd/ctl/capture_time.h"
#include "lvsd/ctl/options.h"
#include "lvsd/ctl/replayer.h"
#include "lvsd/io/pcap_writer.h"

namespace lvsd::ctl {
namespace {

namespace po = boost::program_options;
namespace fs = std::filesystem;

constexpr std::string_view kUsageText =
    "lvsctl replay -c FILE --in IN [option ...]\n"
    "Runs the director on a capture: pcap or pcapng; Ethernet, raw IP or Linux cooked.\n"
    "Exit status: 0 done, and as expected; 1 different, or something was refused; 2 usage.\n";

struct Step {  // --reload and --network-at
  CaptureTime at;
  std::string file;
  bool reload = false;
  std::shared_ptr<const Network> network;  // of --network-at
};

struct Settings {
  std::string config, in, out, expect, json, network;
  bool bless = false, connections = false;
  Ignore ignore;
  std::vector<Step> steps;
};

using SettingsOr = Result<Settings, Error>;

po::options_description option_table() {
  using Text = std::string;
  using Texts = std::vector<std::string>;
  po::options_description table("options");
  table.add_options()("config,c", po::value<Text>(), "the configuration, as lvsd reads it");
  table.add_options()("in", po::value<Text>(), "the capture to replay; - is standard input");
  table.add_options()("out", po::value<Text>(), "write what the director emits to this capture");
  table.add_options()("expect", po::value<Text>(), "compare what it emits with this capture");
  table.add_options()("bless", "write the expectation anew instead of comparing");
  table.add_options()("ignore", po::value<Texts>(),
                      "a field that does not count: ip.id, mac, made.ip.id, ... (may be repeated)");
  table.add_options()("json", po::value<Text>(), "write a report of every packet to this file");
  table.add_options()("connections", "list the connections that there are at the end, too");
  table.add_options()("network", po::value<Text>(), "the network around the director");
  table.add_options()("reload", po::value<Texts>(),
                      "SECONDS=FILE: reload from FILE then; +SECONDS counts from the first packet");
  table.add_options()("network-at", po::value<Texts>(),
                      "SECONDS=NET: the network is as NET says from then on");
  return table;
}

Result<Step, Error> parse_step(const std::string& option, const std::string& word) {
  const std::size_t equals = word.find('=');
  const auto at = CaptureTime::parse(std::string_view(word).substr(0, equals));
  if (equals == std::string::npos || equals + 1 == word.size() || !at) {
    return fail(option + " " + word + ": SECONDS=FILE is expected, such as +1.5=next.yaml");
  }
  return Step{*at, word.substr(equals + 1), option == "--reload", nullptr};
}

// Options in the order of the command line, which decides between steps of the same time.
Result<std::vector<Step>, Error> parse_steps(const Words& words) {
  std::vector<Step> steps;
  const auto parsed =
      po::command_line_parser(words).options(option_table()).allow_unregistered().run();
  for (const auto& option : parsed.options) {
    if (option.string_key != "reload" && option.string_key != "network-at") continue;
    auto step = parse_step("--" + option.string_key, option.value.at(0));
    if (!step) return Unexpected{step.error()};
    steps.push_back(std::move(*step));
  }
  return steps;
}

bool same_file(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return !a.empty() && a != "-" && fs::equivalent(a, b, ignored);
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
  for (const std::string& read : {s.in, s.config, s.network}) {
    for (const std::string& written : {s.out, s.json, s.bless ? s.expect : std::string()}) {
      if (same_file(written, read)) return fail(written + " would be overwritten while it is read");
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
  s.network = parsed.text("network");
  s.bless = parsed.has("bless");
  s.connections = parsed.has("connections");
  if (parsed.has("ignore")) {
    for (const std::string& word : parsed.values["ignore"].as<std::vector<std::string>>()) {
      if (const Status status = s.ignore.add(word); !status) return Unexpected{status.error()};
    }
  }
  auto steps = parse_steps(words);
  if (!steps) return Unexpected{steps.error()};
  s.steps = std::move(*steps);
  if (const Status status = check_files(s); !status) return Unexpected{status.error()};
  return s;
}

void print(const Problems& problems, const std::string& file) {
  for (const Problem& problem : problems.list) std::cerr << to_string(problem, file) << "\n";
}

std::shared_ptr<const Network> read_network(const std::string& file) {
  if (file.empty()) return std::make_shared<const Network>(Network::assumed());
  auto network = load_network(file);
  if (network) return std::make_shared<const Network>(std::move(*network));
  print(network.error(), file);
  return nullptr;
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
  explicit Run(Settings settings) : settings_(std::move(settings)) {}

  int operator()() {
    if (!open_inputs() || !open_outputs()) return kNo;
    replay_frames();
    return conclude();
  }

 private:
  template <class T>
  bool fine(const Result<T, Error>& result) {
    if (!result) std::cerr << "lvsctl replay: " << result.error().message << "\n";
    return result.has_value();
  }

  bool open_inputs() {
    auto config = load_config(settings_.config);
    if (!config) print(config.error(), settings_.config);
    network_ = read_network(settings_.network);
    bool complete = config.has_value() && network_ != nullptr;
    for (Step& step : settings_.steps) {
      if (step.reload) continue;  // read when its time has come, as live
      step.network = read_network(step.file);
      complete = complete && step.network != nullptr;
    }
    auto reader = PcapReader::open(settings_.in);
    if (!fine(reader) || !complete) return false;
    reader_ = std::move(*reader);
    replayer_ = std::make_unique<Replayer>(
        *config, network_, !settings_.json.empty(),
        Observer{[this](const EmittedFrame& e, const Network& n) { outputs_.take(e, n); },
                 [this](std::span<const std::byte> packet, const Network& n) {
                   if (outputs_.comparison) outputs_.comparison->leave_to_stack(packet, n);
                 }});
    return true;
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
    add_macs(*network_);
    for (const Step& step : settings_.steps) {
      if (!step.reload) add_macs(*step.network);
    }
    auto comparison = Comparison::load(settings_.expect, settings_.ignore, macs);
    if (!fine(comparison)) return false;
    outputs_.comparison = std::move(*comparison);
    return true;
  }

  void take_step(const Step& step, TimePoint first) {
    if (step.reload) {
      replayer_->reload(step.at.from(first), step.file);
    } else {
      replayer_->change_network(step.at.from(first), step.file, step.network);
    }
  }

  void replay_frames() {
    std::size_t next_step = 0;
    std::optional<TimePoint> first;
    for (;;) {
      auto frame = reader_->next();
      if (!frame) damage_ = frame.error().message;
      const bool over = !frame || !*frame;
      if (!first) {
        first = over ? TimePoint() : (*frame)->time;
        replayer_->start(*first);
        std::stable_sort(
            settings_.steps.begin(), settings_.steps.end(),
            [&](const Step& a, const Step& b) { return a.at.from(*first) < b.at.from(*first); });
      }
      // A step comes before a frame of the same time; after the last frame, the rest of them.
      while (next_step < settings_.steps.size() &&
             (over || settings_.steps[next_step].at.from(*first) <= (*frame)->time)) {
        take_step(settings_.steps[next_step++], *first);
      }
      if (over) return;
      replayer_->frame(**frame, reader_->link_type());
    }
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

  int conclude() {
    ReplayReport report = replayer_->finish(settings_.connections);
    report.damage = damage_;
    std::optional<ComparisonResult> comparison;
    if (outputs_.comparison) {
      outputs_.comparison->finish();
      comparison =
          ComparisonResult{outputs_.comparison->compared(), outputs_.comparison->not_compared(),
                           outputs_.comparison->difference()};
    }
    const bool closed = close_outputs(), written = write_json(report, comparison);
    // Standard output belongs to the data where the user asked for data there.
    const bool aside = settings_.json == "-" || settings_.out == "-";
    (aside ? std::cerr : std::cout) << report_text(report, comparison) << std::flush;
    const bool refused = std::any_of(report.events.begin(), report.events.end(),
                                     [](const EventRecord& event) { return !event.applied; });
    const bool different = comparison && comparison->difference;
    return closed && written && !refused && !different && damage_.empty() ? kFine : kNo;
  }

  Settings settings_;
  std::shared_ptr<const Network> network_;
  std::optional<PcapReader> reader_;
  Outputs outputs_;
  std::unique_ptr<Replayer> replayer_;
  std::string damage_;
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
