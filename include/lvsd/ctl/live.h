// SPDX-License-Identifier: GPL-2.0-or-later
// What the live commands share: their options, asking, and explaining why there is no answer.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <optional>
#include <string>

#include "lvsd/ctl/client.h"
#include "lvsd/ctl/commands.h"

namespace lvsd::ctl {

namespace po = boost::program_options;

// One live command's words, parsed. `--run-dir`, `--json` and `--help` are everybody's.
class LiveCommand {
 public:
  LiveCommand(Command command, const std::string& purpose);
  // One that asks several things, each a request of the caller's.
  LiveCommand(std::string name, const std::string& purpose);
  po::options_description_easy_init add_options() { return options_.add_options(); }

  // Parses the words, asks the daemon, prints what does not need laying out (help, failures, JSON).
  // A reply to lay out, or nothing: then exit with status().
  std::optional<nlohmann::json> ask(const Words& words);
  // The same in two steps: false where there is nothing to ask, exit with status().
  bool parse(const Words& words);
  // With words that are no options, by name: "DEST".
  bool parse(const Words& words, const std::vector<const char*>& names);
  // False, having said what is wrong with the words.
  bool refuse(const std::string& message);
  std::optional<nlohmann::json> ask();
  std::optional<nlohmann::json> ask_and_print(const Request& request);
  // A request of the caller's, who prints its reply; nothing where it failed, which is said: with
  // --json by the reply itself.
  std::optional<nlohmann::json> ask(const Request& request);
  // The reply's text, even where it is a refusal, as status() then tells.
  std::optional<std::string> ask_for_text(const Request& request);
  int status() const { return status_; }
  int failure() const { return status_ == kFine ? kNo : status_; }
  bool given(const char* option) const { return values_.count(option) > 0; }
  const std::string& text(const char* option) const { return values_[option].as<std::string>(); }
  double number(const char* option) const { return values_[option].as<double>(); }
  void patience(std::chrono::seconds patience) { patience_ = patience; }

 private:
  std::optional<nlohmann::json> exchange(const Request& request);
  template <class Reply>
  std::optional<Reply> taken(Result<Reply, AskFailure> reply);
  void say_refused(const nlohmann::json& reply) const;

  Command command_ = Command::status;
  std::string name_, purpose_;
  po::options_description options_{"Options"};
  po::variables_map values_;
  std::chrono::seconds patience_{10};
  int status_ = kFine;
};

int list_connections(LiveCommand& command);  // the exit status

}  // namespace lvsd::ctl
