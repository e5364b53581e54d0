// SPDX-License-Identifier: GPL-2.0-or-later
// What the network sees of us: capture rules and virtual addresses, kept equal to what is captured
// (retire.h). One rule orders everything here: an address is ours to the network only while the
// rules that keep the local stack away from it are in place. So rules go in before addresses and
// addresses go away before rules, at start, at stop, and around the workers on a reload.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lvsd/daemon/retire.h"
#include "lvsd/io/announcer.h"
#include "lvsd/io/capture_rules.h"
#include "lvsd/io/host_settings.h"
#include "lvsd/io/vip_guard.h"

namespace lvsd {

class Exposure {
 public:
  // `settings` is where the kernel's settings are.
  Exposure(CaptureBackend backend, const SteeringHash& hash, const std::string& run_dir,
           const std::string& settings = "/proc/sys/");

  Status open(const Config& config, const Network& network);
  Status close();  // addresses, then rules

  // A reload's two halves, before and after the workers apply it. What fails is named in the result
  // and tried again by watch(). What the first half stopped capturing for want of connections is
  // captured again by the second if one began in between.
  std::vector<std::string> before_reload(const Config& next, const Live& live,
                                         const Network& network);
  std::vector<std::string> after_reload(const Config& next, const Live& live,
                                        const Network& network);

  void sync_addresses(const Network& network);  // somebody may have deleted one
  void watch(const Network& network);           // restores what is gone, tries again what failed
  // Whether anything retired is still captured; then `release` takes what has ended out. Beside
  // that, more may be captured than `running` asks for because a method was edited (retire.h).
  bool retiring(const Config& running) const { return has_retired(captured_, running); }
  bool exceeds(const Config& running) const { return captured_ != running; }
  std::vector<ServiceKey> widened(const Config& running) const {
    return lvsd::widened(captured_, running);
  }
  void release(const Config& running, const Live& live, const Network& network);

  void repeat_announcements() { announcer_.repeat(); }  // about once a second
  // Readable when somebody said to have an address. If it is one of ours, the log is told once of
  // each who does, and it is announced again, as often as director.announce.defend says.
  int claims_fd() const { return claims_.fd(); }
  void read_claims(const Network& network);

  struct View {
    std::string backend;
    bool rules_in_place = false, addresses_in_place = false;
    std::uint64_t restored = 0;  // times that somebody else's change was undone
    std::vector<IpAddress> addresses;
    std::uint64_t conflicts = 0;  // frames in which others claimed one of them
    std::map<AddressClaim, std::uint64_t> thieves;
  };
  View view() const;
  std::string print_rules() const { return rules_.print(plan_); }
  const Config& captured() const { return captured_; }
  int watch_fd() const { return rules_.watch_fd(); }

 private:
  Status put_rules(const Config& captured);
  Status put_addresses(const Network& network);
  void put_settings(const Network& network);
  void notice(InterfaceIndex heard_on, const AddressClaim& claim, const Network& network);

  CaptureRules rules_;
  SteeringHash hash_;
  Announcer announcer_;
  HostSettings settings_;
  VipGuard guard_;
  ClaimSocket claims_;
  Config captured_;
  std::vector<IpAddress> addresses_;  // that should be there
  CapturePlan plan_;                  // as last asked for: of captured_, but amid a reload
  bool rules_failed_ = false;         // the kernel does not have plan_
  bool addresses_failed_ = false;
  bool deaf_ = false;  // claims_ could not be opened
  std::uint64_t restored_ = 0;
  std::string settings_error_;
  std::string last_error_;  // logged once, not once a second
};

}  // namespace lvsd
