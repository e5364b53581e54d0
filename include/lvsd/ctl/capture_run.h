// SPDX-License-Identifier: GPL-2.0-or-later
// One run of the director over a capture: the files of replay, explain and plan, and the steps
// (reload, another network) that happen on the way.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lvsd/config/load.h"
#include "lvsd/ctl/capture_time.h"
#include "lvsd/ctl/commands.h"
#include "lvsd/ctl/options.h"
#include "lvsd/ctl/replayer.h"
#include "lvsd/io/pcap_reader.h"
#include "lvsd/net/result.h"

namespace lvsd::ctl {

struct Step {  // --reload and --network-at
  CaptureTime at;
  std::string file;
  bool reload = false;
  std::shared_ptr<const Network> network;  // of --network-at
};

struct CaptureSettings {
  std::string command;  // whose messages these are: "replay"
  std::string config, in, network;
  std::vector<Step> steps;
};

// The options config, network, reload and network-at, which every such command has.
void add_capture_options(boost::program_options::options_description& table);
// Steps in the order of the command line, which decides between those of the same time; `table` is
// the command's own.
Result<std::vector<Step>, Error> parse_steps(
    const Words& words, const boost::program_options::options_description& table);
// The network of a file, or the assumed one; null where the file is wrong, which is printed.
std::shared_ptr<const Network> read_network(const std::string& file);
void print_problems(const Problems& problems, const std::string& file);

class CaptureRun {
 public:
  explicit CaptureRun(CaptureSettings settings) : settings_(std::move(settings)) {}

  // False where a file is wrong, which is printed. Every file is read before any frame.
  bool open(bool records, Observer observer);
  void replay();

  Replayer& replayer() { return *replayer_; }
  const Network& network() const { return *network_; }
  const std::vector<Step>& steps() const { return settings_.steps; }
  const std::string& damage() const { return damage_; }  // why the capture was not read to its end

 private:
  void take_step(const Step& step, TimePoint first);

  CaptureSettings settings_;
  std::shared_ptr<const Network> network_;
  std::optional<PcapReader> reader_;
  std::unique_ptr<Replayer> replayer_;
  std::string damage_;
};

}  // namespace lvsd::ctl
