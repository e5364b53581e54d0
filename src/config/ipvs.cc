// SPDX-License-Identifier: GPL-2.0-or-later
// The `ipvs` mapping: the kernel's settings under the kernel's names.
#include "lvsd/config/ipvs.h"

#include <array>

namespace lvsd {
namespace {

constexpr std::string_view kRemedy = "write its keys below it, or leave 'ipvs' out";
constexpr std::array<std::string_view, 16> kKeys{"expire_nodest_conn", "expire_quiescent_template",
                                                 "conn_reuse_mode",    "sloppy_tcp",
                                                 "sloppy_sctp",        "schedule_icmp",
                                                 "cache_bypass",       "nat_icmp_send",
                                                 "snat_reroute",       "drop_entry",
                                                 "drop_packet",        "secure_tcp",
                                                 "amemthresh",         "am_droprate",
                                                 "lblc_expiration",    "lblcr_expiration"};

constexpr std::string_view kNoDaemon = "the synchronization of connections is not in this version";
constexpr std::string_view kLeaveOut = "leave the key out";
constexpr std::array<OtherKey, 15> kOthers{
    {{"ignore_tunneled", "what tunnels of this host carry is captured only where a rule says so",
      kLeaveOut},
     {"conntrack", "lvsd's packets never pass connection tracking, so there is nothing to switch",
      kLeaveOut},
     {"pmtu_disc", "unknown key", "write 'oversize: icmp' (1) or 'oversize: fragment' (0)"},
     {"backup_only", kNoDaemon, kLeaveOut},
     {"sync_version", kNoDaemon, kLeaveOut},
     {"sync_ports", kNoDaemon, kLeaveOut},
     {"sync_persist_mode", kNoDaemon, kLeaveOut},
     {"sync_qlen_max", kNoDaemon, kLeaveOut},
     {"sync_sock_size", kNoDaemon, kLeaveOut},
     {"sync_threshold", kNoDaemon, kLeaveOut},
     {"sync_refresh_period", kNoDaemon, kLeaveOut},
     {"sync_retries", kNoDaemon, kLeaveOut},
     {"run_estimation", "lvsd's rates cost nothing while nobody looks", kLeaveOut},
     {"est_cpulist", "lvsd has no estimation threads", kLeaveOut},
     {"est_nice", "lvsd has no estimation threads", kLeaveOut}}};

constexpr std::array<Choice<DefenceMode>, 3> kModes{
    {{"off", DefenceMode::off}, {"auto", DefenceMode::automatic}, {"on", DefenceMode::on}}};

class IpvsReader {
 public:
  explicit IpvsReader(const Mapping& map) : map_(map) {}

  void flag(std::string_view key, bool& into) const {
    if (const auto field = map_.find(key)) assign(into, read_boolean(*field));
  }
  void mode(std::string_view key, DefenceMode& into) const {
    if (const auto field = map_.find(key)) assign(into, read_choice<DefenceMode>(*field, kModes));
  }
  void duration(std::string_view key, Duration& into) const {
    if (const auto field = map_.find(key)) assign(into, read_duration(*field));
  }
  template <class T>
  void number(std::string_view key, Range range, std::string_view remedy, T& into) const {
    if (const auto field = map_.find(key)) assign(into, read_number(*field, range, remedy));
  }

 private:
  const Mapping& map_;
};

}  // namespace

IpvsOptions read_ipvs(const Item& item) {
  const Mapping map(item, kKeys, kRemedy, kOthers);
  const IpvsReader read(map);
  IpvsOptions out;
  if (const auto field = map.find("expire_nodest_conn")) {
    out.expire_nodest_conn = read_boolean(*field);
  }
  read.flag("expire_quiescent_template", out.expire_quiescent_template);
  read.number("conn_reuse_mode", {0, 3}, "0 (never), 1 (TIME_WAIT and CLOSE) to 3 (FIN_WAIT, too)",
              out.conn_reuse_mode);
  read.flag("sloppy_tcp", out.sloppy_tcp);
  read.flag("sloppy_sctp", out.sloppy_sctp);
  read.flag("schedule_icmp", out.schedule_icmp);
  read.flag("cache_bypass", out.cache_bypass);
  read.flag("nat_icmp_send", out.nat_icmp_send);
  read.flag("snat_reroute", out.snat_reroute);
  read.mode("drop_entry", out.drop_entry);
  read.mode("drop_packet", out.drop_packet);
  read.mode("secure_tcp", out.secure_tcp);
  constexpr Range kAny{0, 0xffffffffU};
  read.number("amemthresh", kAny, "a number of pages of 4 KiB", out.amemthresh);
  read.number("am_droprate", kAny, "one of so many; 0 drops none", out.am_droprate);
  read.duration("lblc_expiration", out.lblc_expiration);
  read.duration("lblcr_expiration", out.lblcr_expiration);
  return out;
}

}  // namespace lvsd
