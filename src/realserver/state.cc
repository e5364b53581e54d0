// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/realserver/state.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>

#include "lvsd/io/text_file.h"

namespace lvsd::realserver {
namespace {

using nlohmann::json;

constexpr std::array kKinds{StepKind::sysctl, StepKind::command, StepKind::decapsulator,
                            StepKind::file};

json to_json(const Step& step) {
  return {{"kind", to_string(step.kind)},
          {"what", step.what},
          {"value", step.value},
          {"before", step.before},
          {"apply", step.apply},
          {"undo", step.undo},
          {"why", step.why}};
}

Step from_json(const json& entry) {
  Step step;
  bool known = false;
  for (const StepKind kind : kKinds) {
    if (entry.at("kind").get<std::string>() != to_string(kind)) continue;
    step.kind = kind;
    known = true;
  }
  if (!known) throw std::invalid_argument("there is no such kind of step");
  entry.at("what").get_to(step.what);
  entry.at("value").get_to(step.value);
  entry.at("before").get_to(step.before);
  entry.at("apply").get_to(step.apply);
  entry.at("undo").get_to(step.undo);
  entry.at("why").get_to(step.why);
  if (step.kind == StepKind::command && (step.apply.empty() || step.undo.empty())) {
    throw std::invalid_argument("a command without words");
  }
  return step;
}

json list_of(const std::vector<Step>& steps) {
  json list = json::array();
  for (const Step& step : steps) list.push_back(to_json(step));
  return list;
}

std::vector<Step> steps_from(const json& list) {
  std::vector<Step> steps;
  for (const json& entry : list) steps.push_back(from_json(entry));
  return steps;
}

// Of two addresses, undo gives that one back first which the other would else get in front of.
bool goes_back_before(const Step& one, const Step& other) {
  return one.kind == StepKind::command && !other.what.empty() &&
         ("\n" + one.before).find("\n" + other.what + "\n") != std::string::npos;
}

}  // namespace

std::string format_state(const Record& record) {
  const json lasting{{"commands", record.lasting.commands},
                     {"steps", list_of(record.lasting.steps)}};
  const json state{{"version", 1}, {"steps", list_of(record.steps)}, {"lasting", lasting}};
  return state.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<Record, Error> parse_state(std::string_view text) {
  try {
    const json state = json::parse(text);
    if (state.at("version").get<int>() != 1) return fail("it is of another version of lvsctl");
    Record record;
    record.steps = steps_from(state.at("steps"));
    if (!state.contains("lasting")) return record;
    const json& lasting = state.at("lasting");
    lasting.at("commands").get_to(record.lasting.commands);
    record.lasting.steps = steps_from(lasting.at("steps"));
    return record;
  } catch (const std::exception& wrong) {
    return fail(wrong.what());
  }
}

Status State::load() {
  record_ = {};
  const auto text = read_text_file(file_);
  if (!text) {
    if (errno == ENOENT) return Done{};
    return fail("cannot read " + file_ + ": " + std::generic_category().message(errno));
  }
  Result<Record, Error> record = parse_state(*text);
  if (!record) return fail(file_ + ": " + record.error().message);
  record_ = std::move(*record);
  return Done{};
}

Result<std::size_t, Error> State::add(const Step& step) {
  const auto earlier =
      std::find_if(record_.steps.begin(), record_.steps.end(), [&step](const Step& one) {
        return step.kind == StepKind::file && one.kind == step.kind && one.what == step.what;
      });
  std::size_t place = static_cast<std::size_t>(earlier - record_.steps.begin());
  if (earlier != record_.steps.end()) {
    earlier->value = step.value;
  } else {
    record_.steps.push_back(step);
    const auto moved =
        std::stable_partition(record_.steps.begin(), record_.steps.end(),
                              [&step](const Step& one) { return !goes_back_before(one, step); });
    place = static_cast<std::size_t>(moved - record_.steps.begin()) - 1;
  }
  if (const Status saved = save(); !saved) return Unexpected{saved.error()};
  return place;
}

Status State::drop(std::size_t place) {
  record_.steps.erase(record_.steps.begin() + static_cast<std::ptrdiff_t>(place));
  return save();
}

Status State::keep(const Lasting& more) {
  record_.lasting.add(more);
  return save();
}

Status State::forget() {
  if (record_.lasting.empty()) return Done{};
  record_.lasting = {};
  return save();
}

// Whole or not at all: a reader sees the old list or the new one.
Status State::save() const {
  std::error_code error;
  if (record_.steps.empty() && record_.lasting.empty()) {
    std::filesystem::remove(file_, error);
    if (!error) return Done{};
    return fail("cannot remove " + file_ + ": " + error.message());
  }
  const std::filesystem::path path(file_), fresh(file_ + ".new");
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  std::ofstream file(fresh, std::ios::trunc);
  file << format_state(record_);
  file.close();
  if (!file) return fail("cannot write " + fresh.string());
  std::filesystem::rename(fresh, path, error);
  if (!error) return Done{};
  return fail("cannot rename " + fresh.string() + ": " + error.message());
}

}  // namespace lvsd::realserver
