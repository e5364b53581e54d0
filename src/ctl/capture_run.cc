// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/capture_run.h"

#include <algorithm>
#include <iostream>

namespace lvsd::ctl {

namespace po = boost::program_options;

namespace {

Result<Step, Error> parse_step(const std::string& option, const std::string& word) {
  const std::size_t equals = word.find('=');
  const auto at = CaptureTime::parse(std::string_view(word).substr(0, equals));
  if (equals == std::string::npos || equals + 1 == word.size() || !at) {
    return fail(option + " " + word + ": SECONDS=FILE is expected, such as +1.5=next.yaml");
  }
  return Step{*at, word.substr(equals + 1), option == "--reload", nullptr};
}

}  // namespace

void add_capture_options(po::options_description& table) {
  using Texts = std::vector<std::string>;
  table.add_options()("config,c", po::value<std::string>(), "the configuration, as lvsd reads it");
  table.add_options()("network", po::value<std::string>(), "the network around the director");
  table.add_options()("reload", po::value<Texts>(),
                      "SECONDS=FILE: reload from FILE then; +SECONDS counts from the first packet");
  table.add_options()("network-at", po::value<Texts>(),
                      "SECONDS=NET: the network is as NET says from then on");
}

Result<std::vector<Step>, Error> parse_steps(const Words& words,
                                             const po::options_description& table) {
  std::vector<Step> steps;
  const auto parsed = po::command_line_parser(words).options(table).allow_unregistered().run();
  for (const auto& option : parsed.options) {
    if (option.string_key != "reload" && option.string_key != "network-at") continue;
    auto step = parse_step("--" + option.string_key, option.value.at(0));
    if (!step) return Unexpected{step.error()};
    steps.push_back(std::move(*step));
  }
  return steps;
}

void print_problems(const Problems& problems, const std::string& file) {
  for (const Problem& problem : problems.list) std::cerr << to_string(problem, file) << "\n";
}

std::shared_ptr<const Network> read_network(const std::string& file) {
  if (file.empty()) return std::make_shared<const Network>(Network::assumed());
  auto network = load_network(file);
  if (network) return std::make_shared<const Network>(std::move(*network));
  print_problems(network.error(), file);
  return nullptr;
}

bool CaptureRun::open(bool records, Observer observer) {
  auto config = load_config(settings_.config);
  if (!config) print_problems(config.error(), settings_.config);
  network_ = read_network(settings_.network);
  bool complete = config.has_value() && network_ != nullptr;
  for (Step& step : settings_.steps) {
    if (step.reload) continue;  // read when its time has come, as live
    step.network = read_network(step.file);
    complete = complete && step.network != nullptr;
  }
  auto reader = PcapReader::open(settings_.in);
  if (!reader) {
    std::cerr << "lvsctl " << settings_.command << ": " << reader.error().message << "\n";
  }
  if (!reader || !complete) return false;
  reader_ = std::move(*reader);
  replayer_ = std::make_unique<Replayer>(*config, network_, records, std::move(observer));
  return true;
}

void CaptureRun::take_step(const Step& step, TimePoint first) {
  if (step.reload) {
    replayer_->reload(step.at.from(first), step.file);
  } else {
    replayer_->change_network(step.at.from(first), step.file, step.network);
  }
}

void CaptureRun::replay() {
  std::vector<Step>& steps = settings_.steps;
  std::size_t next_step = 0;
  std::optional<TimePoint> first;
  for (;;) {
    auto frame = reader_->next();
    if (!frame) damage_ = frame.error().message;
    const bool over = !frame || !*frame;
    if (!first) {
      first = over ? TimePoint() : (*frame)->time;
      replayer_->start(*first);
      std::stable_sort(steps.begin(), steps.end(), [&](const Step& a, const Step& b) {
        return a.at.from(*first) < b.at.from(*first);
      });
    }
    // A step comes before a frame of the same time; after the last frame, the rest of them.
    while (next_step < steps.size() &&
           (over || steps[next_step].at.from(*first) <= (*frame)->time)) {
      take_step(steps[next_step++], *first);
    }
    if (over) return;
    replayer_->frame(**frame, reader_->link_type());
  }
}

}  // namespace lvsd::ctl
