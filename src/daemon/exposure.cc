// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/exposure.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace lvsd {
namespace {

void collect(std::vector<std::string>& problems, const Status& status) {
  if (!status) problems.push_back(status.error().message);
}

}  // namespace

Exposure::Exposure(CaptureBackend backend, const SteeringHash& hash, const std::string& run_dir,
                   const std::string& settings)
    : rules_(backend), hash_(hash), announcer_(run_dir), settings_(run_dir, settings) {}

Status Exposure::open(const Config& config, const Network& network) {
  captured_ = config;
  addresses_ = announced(config, config, {});
  plan_ = make_capture_plan(captured_, hash_);
  if (const Status installed = rules_.install(plan_); !installed) return installed;
  put_settings(network);
  return put_addresses(network);
}

Status Exposure::close() {
  const Status withdrawn = announcer_.withdraw();
  const Status restored = settings_.restore();
  // With an address still there the rules stay: silence is better than resets (design section 4).
  if (!withdrawn) return withdrawn;
  Status removed = rules_.remove();
  return removed ? restored : removed;
}

std::vector<std::string> Exposure::before_reload(const Config& next, const Live& live,
                                                 const Network& network) {
  std::vector<std::string> problems;
  const bool changes = has_removed(captured_, next) || has_coming(captured_, next);
  if (!changes && !rules_failed_ && !addresses_failed_) return problems;
  const Config kept = with_coming(without_dead(captured_, next, live), next);
  std::vector<IpAddress> addresses = announced(kept, next, live);
  if (addresses != std::exchange(addresses_, addresses)) {
    collect(problems, put_addresses(network));
  }
  if (!addresses_failed_) collect(problems, put_rules(kept));
  return problems;
}

std::vector<std::string> Exposure::after_reload(const Config& next, const Live& live,
                                                const Network& network) {
  std::vector<std::string> problems;
  captured_ = with_retired(captured_, next, live);
  addresses_ = announced(captured_, next, live);
  collect(problems, put_rules(captured_));
  put_settings(network);
  // Without its rules a new address would be answered by the local stack.
  if (!rules_failed_) collect(problems, put_addresses(network));
  return problems;
}

Status Exposure::put_rules(const Config& captured) {
  CapturePlan plan = make_capture_plan(captured, hash_);
  if (plan == plan_ && !rules_failed_) return Done{};
  plan_ = std::move(plan);
  Status updated = rules_.update(plan_);
  rules_failed_ = !updated;
  return updated;
}

Status Exposure::put_addresses(const Network& network) {
  Status synced = announcer_.sync(addresses_, captured_.announce, network);
  addresses_failed_ = !synced;
  const bool announces = captured_.announce.enabled;
  const Status listening = claims_.listen(announces ? addresses_ : std::vector<IpAddress>());
  deaf_ = !listening;
  for (const IpAddress& address : announcer_.take_restored()) {
    spdlog::warn("virtual address {} was gone from its interface: restored", to_string(address));
  }
  if (synced && !listening) return listening;
  return synced;
}

// Forwarding goes on without: the log tells, once, what a firewall's or container's rules forbid.
void Exposure::put_settings(const Network& network) {
  const Status put = settings_.want(settings_for(captured_, network));
  if (!put && put.error().message != settings_error_) {
    spdlog::warn("ICMP redirects cannot be switched off: {}", put.error().message);
  }
  settings_error_ = put ? std::string() : put.error().message;
}

void Exposure::read_claims(const Network& network) {
  claims_.read([&](InterfaceIndex heard_on, const AddressClaim& claim) {
    notice(heard_on, claim, network);
  });
}

void Exposure::notice(InterfaceIndex heard_on, const AddressClaim& claim, const Network& network) {
  const Interface* heard = network.interface(heard_on);
  if (heard == nullptr) return;
  const auto decision = guard_.notice(heard_on, claim, addresses_, network,
                                      captured_.announce.defend, std::chrono::steady_clock::now());
  if (!decision) return;
  if (decision->report) {
    spdlog::warn("{} on {} claims the virtual address {}", to_string(claim.mac), heard->name,
                 to_string(claim.address));
  }
  if (decision->answer) announcer_.defend(claim.address, *heard);
}

void Exposure::sync_addresses(const Network& network) {
  put_settings(network);  // an interface may be new
  if (rules_failed_) return;
  if (const Status synced = put_addresses(network); !synced) {
    if (synced.error().message != last_error_) spdlog::error("{}", synced.error().message);
    last_error_ = synced.error().message;
  }
}

void Exposure::watch(const Network& network) {
  bool restored = false;
  const bool failed = rules_failed_;
  const Status status = failed ? put_rules(captured_) : rules_.check(restored);
  if (!status) {
    if (status.error().message != last_error_) spdlog::error("{}", status.error().message);
    last_error_ = status.error().message;
    return;
  }
  if (restored) {
    ++restored_;
    spdlog::warn("capture rules were changed by another program: restored");
  }
  if (rules_.withstood()) {
    spdlog::info("another program deleted tables of the packet filter: not the capture rules");
  }
  if (failed) spdlog::info("capture rules are in place again");
  if (failed || addresses_failed_ || deaf_) sync_addresses(network);
  if (!addresses_failed_ && !deaf_) last_error_.clear();
}

void Exposure::release(const Config& running, const Live& live, const Network& network) {
  const bool before = retiring(running);
  captured_ = with_retired(captured_, running, live);
  // Addresses first: none outlives its rules.
  std::vector<IpAddress> addresses = announced(captured_, running, live);
  if (addresses != std::exchange(addresses_, addresses)) sync_addresses(network);
  if (before && !retiring(running)) spdlog::info("the last retired connections have ended");
  if (const Status status = put_rules(captured_); !status)
    spdlog::error("{}", status.error().message);
}

Exposure::View Exposure::view() const {
  View view;
  view.backend = rules_.backend();
  view.rules_in_place = !rules_failed_;
  view.addresses_in_place = !addresses_failed_;
  view.restored = restored_;
  if (captured_.announce.enabled) view.addresses = addresses_;
  view.conflicts = guard_.conflicts();
  view.thieves = guard_.thieves();
  return view;
}

}  // namespace lvsd
