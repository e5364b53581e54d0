// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/health_keeper.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "log_fields.h"
#include "lvsd/daemon/effective.h"

namespace lvsd {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

constexpr std::size_t kShown = 5;  // results that are kept for people
constexpr std::chrono::milliseconds kRampStep{500};
constexpr std::chrono::seconds kSaveInterval{10};

TimePoint time_now() { return TimePoint(steady_clock::now().time_since_epoch()); }

std::string ordinal(unsigned number) {
  const unsigned last = number % 10, two = number % 100;
  const bool teen = two >= 11 && two <= 13;
  return std::to_string(number) + (teen        ? "th"
                                   : last == 1 ? "st"
                                   : last == 2 ? "nd"
                                   : last == 3 ? "rd"
                                               : "th");
}

HealthInfluence settle_all(std::map<ServiceKey, HealthPool>& pools, TimePoint now) {
  HealthInfluence influence;
  for (auto& [key, pool] : pools) influence.emplace(key, pool.settle(now));
  return influence;
}

// Not cut down as other events are: each transition is told once.
void say(const Event& event) {
  const LoggedFields fields(event);
  spdlog::log(to_spdlog(event.level), "health: {}{}{}{} {}", event.service,
              event.destination.empty() ? "" : " ", event.destination,
              event.destination.empty() ? ":" : "", event.text);
}

}  // namespace

std::string took_text(std::chrono::microseconds took) {
  const double milliseconds = std::chrono::duration<double, std::milli>(took).count();
  return fmt::format("{:.{}f} ms", milliseconds, milliseconds < 10 ? 1 : 0);
}

HealthKeeper::HealthKeeper(boost::asio::io_context& io, ProberProcess prober, std::string run_dir)
    : channel_(io), orders_(std::move(prober.orders)), file_(std::move(run_dir) + "/health.json") {
  const int fd = ::fcntl(prober.channel.get(), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "dup");
  channel_.assign(fd);
  receive();
}

HealthKeeper::~HealthKeeper() {
  if (!pools_.empty()) save();
}

const std::string& HealthKeeper::name_of(const ServiceKey& key) const {
  static const std::string kNone;
  const auto found = names_.find(key);
  return found != names_.end() ? found->second : kNone;
}

HealthKeeper::Prepared HealthKeeper::prepare(const ConfigFile& file, const Overrides& overrides,
                                             const Config* before) const {
  const TimePoint now = time_now();
  Prepared next;
  std::map<ServiceKey, const VirtualService*> running;
  if (before != nullptr) {
    for (const VirtualService& service : before->services) running[service.key] = &service;
  }
  const HealthIndex checks(file.health);
  for (const VirtualService& service : file.config.services) {
    next.names[service.key] = service.name;
    if (service.probes.mark != 0) next.probe_marks[service.key] = service.probes.mark;
    const ServiceHealth* const health = checks.find(service.key);
    if (health == nullptr) continue;
    HealthPool& pool = next.pools[service.key];
    if (const auto known = pools_.find(service.key); known != pools_.end()) {
      pool = known->second;
    } else if (const auto old = running.find(service.key); old != running.end()) {
      pool.configure({}, *old->second, now);  // it serves without a check so far
    }
    pool.configure(*health, overridden(service, overrides), now);
  }
  next.influence = settle_all(next.pools, now);
  return next;
}

void HealthKeeper::take_up(Prepared next) {
  pools_ = std::move(next.pools);
  names_ = std::move(next.names);
  probe_marks_ = std::move(next.probe_marks);
  const bool first = !std::exchange(loaded_, true);
  if (first) {
    load();
    next.influence = settle_all(pools_, time_now());
  }
  order_all();
  const HealthInfluence before = std::exchange(influence_, std::move(next.influence));
  for (const auto& [key, now] : influence_) {
    const auto known = before.find(key);
    if (!first) report_service(key, known != before.end() ? known->second : ServiceOutcome{}, now);
  }
  dirty_ = false;
  unsaved_ = true;
}

void HealthKeeper::heed(const Config& file, const Overrides& overrides) {
  for (const VirtualService& service : file.services) {
    const auto found = pools_.find(service.key);
    if (found != pools_.end()) found->second.weigh(overridden(service, overrides));
  }
  dirty_ = true;
}

// What the prober has to do now, as a difference to what it does.
void HealthKeeper::order_all() {
  std::set<Name> wanted;
  marks_.clear();
  for (const auto& [key, pool] : pools_) {
    for (const auto& [endpoint, member] : pool.members()) {
      if (!member.health) continue;
      Order order;
      order.health = *member.health;
      order.target = target_of(member.health->probe, endpoint);
      if (order.health.probe.via == Via::service) {  // to the prober nothing but a mark
        order.health.probe.via = Via::direct;
        order.health.probe.mark = probe_marks_.at(key);
      }
      if (order.health.probe.mark != 0) marks_.insert(order.health.probe.mark);
      order.service = name_of(key);
      order.destination = to_string(endpoint);
      place({key, endpoint, false}, order, wanted);
      if (!member.health->agent) continue;
      order.agent = true;
      order.health.probe = {};  // an agent has an interval and a timeout of its own
      order.health.rules = {};
      order.target = {member.health->agent->address.value_or(endpoint.address),
                      member.health->agent->port};
      place({key, endpoint, true}, order, wanted);
    }
  }
  for (auto it = ids_.begin(); it != ids_.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    send(json{{"drop", it->second}}.dump());
    checked_.erase(it->second);
    it = ids_.erase(it);
  }
}

// One that stays as it is goes on; another has a number of its own, so that what the old one still
// finds out is not taken for the new one's.
void HealthKeeper::place(const Name& name, const Order& order, std::set<Name>& wanted) {
  wanted.insert(name);
  Checked next;
  if (const auto found = ids_.find(name); found != ids_.end()) {
    Checked& before = checked_.at(found->second);
    if (before.order.health == order.health && before.order.target == order.target &&
        before.order.service == order.service) {
      return;
    }
    send(json{{"drop", found->second}}.dump());
    next = std::move(before);
    checked_.erase(found->second);
  }
  next.order = order;
  next.service = name.service;
  next.endpoint = name.endpoint;
  next.order.id = ++next_id_;
  next.paced = order.health.rules.interval;
  ids_[name] = next_id_;
  const bool waits = probe_marks_.contains(name.service) && order.health.probe.mark != 0;
  if (waits) {
    held_back_.insert(next_id_);
  } else {
    send(to_message(next.order));
  }
  Checked& placed = checked_.emplace(next_id_, std::move(next)).first->second;
  if (!order.agent && !waits) pace(placed, *pools_.at(name.service).find(name.endpoint));
}

void HealthKeeper::begin_held_back() {
  for (const std::uint64_t id : std::exchange(held_back_, {})) {
    const auto found = checked_.find(id);
    if (found != checked_.end()) begin(found->second);
  }
}

void HealthKeeper::begin(Checked& checked) {
  send(to_message(checked.order));
  checked.paced = checked.order.health.rules.interval;
  if (!checked.order.agent) pace(checked, *pools_.at(checked.service).find(checked.endpoint));
}

void HealthKeeper::take(std::string_view text) {
  const auto message = parse_message(text);
  if (!message) return;
  if (message->contains("hello")) {
    if (std::exchange(greeted_, true)) spdlog::warn("health: the prober died; another one goes on");
    outgoing_.clear();
    for (auto& [id, checked] : checked_) {
      if (!held_back_.contains(id)) begin(checked);
    }
  } else if (message->contains("results")) {
    for (const ProbeResult& result : parse_results(*message)) take(result);
  } else if (const auto need = parse_need(*message)) {
    give_socket(*need);
  } else if (const auto said = message->find("say"); said != message->end() && said->is_string()) {
    spdlog::info("health: {}", said->get_ref<const std::string&>().substr(0, 400));
  }
}

void HealthKeeper::take(const ProbeResult& result) {
  const auto found = checked_.find(result.id);
  // It ended meanwhile; or the prober died between the two messages about it.
  if (found == checked_.end()) return send(json{{"drop", result.id}}.dump());
  Checked& checked = found->second;
  ++(result.success ? checked.successes : checked.failures);
  if (result.expires != 0) checked.expires = result.expires;
  checked.last.push_back(
      {std::chrono::system_clock::now(), result.success, result.took, result.text.substr(0, 200)});
  if (checked.last.size() > kShown) checked.last.pop_front();
  if (checked.order.agent) return take_agent(checked, result);
  HealthPool& pool = pools_.at(checked.service);
  const HealthPool::Member& member = *pool.find(checked.endpoint);
  const unsigned needed =
      result.success ? member.track->rise(member.health->rules) : member.health->rules.fall;
  const auto transition = pool.take(checked.endpoint, result.success, time_now());
  if (transition) {
    dirty_ = unsaved_ = true;
    report_transition(checked, *transition, result, needed);
  }
  pace(checked, member);
}

void HealthKeeper::take_agent(Checked& checked, const ProbeResult& result) {
  const auto report = result.success ? parse_agent(result.text) : std::nullopt;
  if (!report || !pools_.at(checked.service).take_agent(checked.endpoint, *report)) return;
  dirty_ = unsaved_ = true;
  say({.level = LogLevel::info,
       .kind = "health",
       .service = name_of(checked.service),
       .destination = to_string(checked.endpoint),
       .reason = "agent",
       .text = fmt::format("is '{}' by its agent", checked.last.back().text)});
}

void HealthKeeper::pace(Checked& checked, const HealthPool::Member& member) {
  const Duration interval = member.track->interval(member.health->rules);
  if (interval == checked.paced) return;
  checked.paced = interval;
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(interval);
  send(json{{"pace", checked.order.id}, {"interval", milliseconds.count()}}.dump());
}

void HealthKeeper::report_transition(const Checked& checked, const Transition& transition,
                                     const ProbeResult& result, unsigned needed) {
  const bool up = transition.to == HealthState::up;
  const std::string evidence =
      fmt::format("{} after {}, {} of {}", result.text, took_text(result.took),
                  ordinal(transition.results), needed);
  say({.level = up ? LogLevel::info : LogLevel::warning,
       .kind = "health",
       .service = name_of(checked.service),
       .destination = to_string(checked.endpoint),
       .reason = std::string(to_string(transition.to)),
       .text = fmt::format("is {} (was {}): {}", to_string(transition.to),
                           to_string(transition.from), evidence)});
  tell(checked.service, {{"LVSD_EVENT", std::string(to_string(transition.to))},
                         {"LVSD_WAS", std::string(to_string(transition.from))},
                         {"LVSD_DESTINATION", to_string(checked.endpoint)},
                         {"LVSD_EVIDENCE", evidence}});
}

void HealthKeeper::report_service(const ServiceKey& key, const ServiceOutcome& before,
                                  const ServiceOutcome& now) {
  const auto tell_all = [&](bool good, const char* event, std::string sentence) {
    say({.level = good ? LogLevel::info : LogLevel::warning,
         .kind = "health",
         .service = name_of(key),
         .destination = {},
         .reason = event,
         .text = sentence});
    tell(key, {{"LVSD_EVENT", event}, {"LVSD_EVIDENCE", std::move(sentence)}});
  };
  if (before.quorum && !now.quorum) {
    tell_all(false, "quorum_lost",
             now.sorry_server ? "quorum lost; the sorry server serves" : "quorum lost");
  }
  if (!before.quorum && now.quorum) tell_all(true, "quorum_regained", "quorum regained");
  if (!before.panic && now.panic) {
    tell_all(false, "panic",
             "too few destinations are up; all are used, whatever their checks say");
  }
  if (before.panic && !now.panic) tell_all(true, "panic_over", "enough destinations are up again");
}

void HealthKeeper::tell(const ServiceKey& key,
                        std::vector<std::pair<std::string, std::string>> variables) {
  const auto found = pools_.find(key);
  if (found == pools_.end() || found->second.config().hooks.empty()) return;
  variables.insert(variables.begin(), {"LVSD_SERVICE", name_of(key)});
  send(to_message(Telling{found->second.config().hooks, std::move(variables)}));
}

bool HealthKeeper::tick() {
  const auto clock = steady_clock::now();
  const TimePoint now = time_now();
  watch_prober(clock);
  if (clock - saved_ >= kSaveInterval || unsaved_) {
    if (!pools_.empty()) save();
    saved_ = clock;
    unsaved_ = false;
  }
  const bool step = clock - ramped_ >= kRampStep;
  if (step) ramped_ = clock;
  bool changed = false;
  for (auto& [key, pool] : pools_) {
    if (!dirty_ && !step) continue;
    ServiceOutcome next = pool.settle(now);
    ServiceOutcome& before = influence_.at(key);
    if (next == before) continue;
    report_service(key, before, next);
    before = std::move(next);
    changed = true;
  }
  dirty_ = false;
  return changed;
}

}  // namespace lvsd
