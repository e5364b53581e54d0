// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/live.h"

#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>
#include <iostream>

#include "lvsd/ctl/json_layout.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;

// Reloading runs iptables a few times; with many services each takes a while.
constexpr std::chrono::seconds kReloadPatience{120};

void print_text(const json& reply, const char* key) {
  const auto found = reply.find(key);
  if (found != reply.end() && found->is_string()) {
    std::cout << found->get_ref<const std::string&>();
  }
}

}  // namespace

LiveCommand::LiveCommand(Command command, const std::string& purpose)
    : LiveCommand(std::string(to_string(command)), purpose) {
  command_ = command;
}

LiveCommand::LiveCommand(std::string name, const std::string& purpose)
    : name_(std::move(name)), purpose_(purpose) {
  options_.add_options()("run-dir",
                         po::value<std::string>()->default_value("/run/lvsd")->value_name("DIR"),
                         "the daemon's run directory")("json", "print the daemon's reply as JSON")(
      "help,h", "print this");
}

bool LiveCommand::parse(const Words& words) { return parse(words, {}); }

bool LiveCommand::parse(const Words& words, const std::vector<const char*>& names) {
  po::options_description all;
  all.add(options_);
  po::positional_options_description places;
  std::string usage = "usage: lvsctl " + name_;
  for (const char* name : names) {
    all.add_options()(name, po::value<std::string>());
    places.add(name, 1);
    usage += std::string(" ") + name;
  }
  try {
    po::store(po::command_line_parser(words).options(all).positional(places).run(), values_);
    po::notify(values_);
  } catch (const po::error& wrong) {
    return refuse(wrong.what());
  }
  if (!given("help")) return true;
  std::cout << usage << " [options]\n" << purpose_ << "\n" << options_;
  return false;
}

bool LiveCommand::refuse(const std::string& message) {
  std::cerr << "lvsctl " << name_ << ": " << message << "\n";
  status_ = kUsage;
  return false;
}

// Nothing where there is none, which is said.
template <class Reply>
std::optional<Reply> LiveCommand::taken(Result<Reply, AskFailure> reply) {
  if (reply) return std::move(*reply);
  std::cerr << "lvsctl: " << reply.error().message << "\n";
  status_ = reply.error().no_daemon ? kNoDaemon : kNo;
  return std::nullopt;
}

std::optional<json> LiveCommand::exchange(const Request& request) {
  auto reply = taken(ctl::ask(text("run-dir"), request, patience_));
  if (reply) status_ = reply->at("ok").get<bool>() ? kFine : kNo;
  return reply;
}

std::optional<std::string> LiveCommand::ask_for_text(const Request& request) {
  auto reply = taken(ctl::ask_for_text(text("run-dir"), request, patience_));
  if (reply) status_ = json_member(*reply, "ok") == "true" ? kFine : kNo;
  return reply;
}

void LiveCommand::say_refused(const json& reply) const {
  if (given("json")) {
    std::cout << reply.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
    return;
  }
  std::cerr << "lvsctl: " << reply.value("error", "refused, without a reason") << "\n";
}

std::optional<json> LiveCommand::ask(const Request& request) {
  auto reply = exchange(request);
  if (!reply || status_ == kFine) return reply;
  say_refused(*reply);
  return std::nullopt;
}

std::optional<json> LiveCommand::ask() { return ask_and_print({command_}); }

std::optional<json> LiveCommand::ask_and_print(const Request& request) {
  if (given("json")) {
    if (const auto text = ask_for_text(request)) JsonPrinter(std::cout).value(*text).raw("\n");
    return std::nullopt;
  }
  auto reply = exchange(request);
  if (!reply) return std::nullopt;
  if (status_ != kFine && !reply->contains("reload")) {
    say_refused(*reply);
    return std::nullopt;
  }
  return reply;
}

std::optional<json> LiveCommand::ask(const Words& words) {
  return parse(words) ? ask() : std::nullopt;
}

int rules(const Words& words) {
  LiveCommand command(Command::rules, "Prints the capture rules, as installed or to be installed.");
  if (const auto reply = command.ask(words)) print_text(*reply, "rules");
  return command.status();
}

int network(const Words& words) {
  LiveCommand command(Command::network,
                      "Prints the network as the daemon sees it, in the form that "
                      "'lvsctl replay --network' reads.");
  if (const auto reply = command.ask(words)) print_text(*reply, "network");
  return command.status();
}

int zero(const Words& words) {
  LiveCommand command(Command::zero,
                      "Sets the counters and rates of all services, and the totals, to zero.");
  command.add_options()("service", po::value<std::string>()->value_name("NAME"),
                        "of this service and its destinations only");
  if (!command.parse(words)) return command.status();
  Request request{Command::zero, {}, {}};
  if (command.given("service")) request.service = command.text("service");
  command.ask_and_print(request);
  return command.status();
}

int reload(const Words& words) {
  LiveCommand command(Command::reload, "Reloads the configuration, and waits for the result.");
  command.patience(kReloadPatience);
  command.add_options()("discard-overrides", "forgets drains and weights set with lvsctl");
  if (!command.parse(words)) return command.status();
  Request request{Command::reload};
  request.discard_overrides = command.given("discard-overrides");
  const auto reply = command.ask_and_print(request);
  if (!reply) return command.status();
  const json result = reply->value("reload", json::object());
  std::ostream& out = command.status() == kFine ? std::cout : std::cerr;
  for (const json& line : result.value("changes", json::array())) {
    out << line.get<std::string>() << "\n";
  }
  for (const json& problem : result.value("problems", json::array())) {
    out << problem.get<std::string>() << "\n";
  }
  for (const json& key : result.value("needs_restart", json::array())) {
    out << key.get<std::string>() << ": takes effect at the next restart only\n";
  }
  out << "reload " << result.value("outcome", "refused") << ": " << result.value("summary", "")
      << "\n";
  return command.status();
}

}  // namespace lvsd::ctl
