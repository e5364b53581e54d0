// SPDX-License-Identifier: GPL-2.0-or-later
// Methods and schedulers: our words, and the words of those who come from other programs.
#include <algorithm>
#include <array>

#include "lvsd/config/services.h"

namespace lvsd {
namespace {

struct Foreign {
  std::string_view word, ours;
};
constexpr std::array<Foreign, 13> kForeignMethods{{{"masq", "nat"},
                                                   {"masquerade", "nat"},
                                                   {"masquerading", "nat"},
                                                   {"NAT", "nat"},
                                                   {"gate", "dr"},
                                                   {"route", "dr"},
                                                   {"direct", "dr"},
                                                   {"gatewaying", "dr"},
                                                   {"DR", "dr"},
                                                   {"ipip", "tun"},
                                                   {"tunnel", "tun"},
                                                   {"tunneling", "tun"},
                                                   {"TUN", "tun"}}};
constexpr std::array<std::string_view, 2> kLaterMethods{"gre", "gue"};
constexpr std::array<Foreign, 7> kForeignSchedulers{{{"roundrobin", "rr"},
                                                     {"round-robin", "rr"},
                                                     {"round_robin", "rr"},
                                                     {"leastconn", "lc"},
                                                     {"least_conn", "lc"},
                                                     {"source", "sh"},
                                                     {"maglev", "mh"}}};
// ipvsadm(8)'s others.
constexpr std::array<std::string_view, 9> kLaterSchedulers{"lblc", "lblcr", "dh", "sed", "nq",
                                                           "fo",   "ovf",   "mh", "twos"};

template <std::size_t N>
std::string_view translate(std::string_view word, const std::array<Foreign, N>& table) {
  for (const Foreign& foreign : table) {
    if (foreign.word == word) return foreign.ours;
  }
  return {};
}

template <std::size_t N>
bool among(std::string_view word, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), word) != names.end();
}

}  // namespace

std::optional<ForwardingMethod> read_method(const Item& item) {
  constexpr std::array<std::string_view, 3> kNames{"dr", "tun", "nat"};
  const std::optional<std::string_view> text = read_text(item, "write " + listed(kNames));
  if (!text) return std::nullopt;
  const std::optional<ForwardingMethod> method = parse_method(*text);
  if (method) return method;
  if (const std::string_view ours = translate(*text, kForeignMethods); !ours.empty()) {
    item.refuse(quoted(*text) + " is not what lvsd calls it", "write " + std::string(ours));
  } else if (among(*text, kLaterMethods)) {
    item.refuse("the encapsulation " + quoted(*text) + " is not in this version of lvsd",
                "write tun, which encapsulates in IPIP");
  } else {
    refuse_choice(item, kNames);
  }
  return std::nullopt;
}

std::optional<SchedulerKind> read_scheduler(const Item& item) {
  constexpr std::array<std::string_view, 5> kNames{"rr", "wrr", "lc", "wlc", "sh"};
  const std::optional<std::string_view> text = read_text(item, "write " + listed(kNames));
  if (!text) return std::nullopt;
  const std::optional<SchedulerKind> kind = parse_scheduler(*text);
  if (kind) return kind;
  const std::string_view ours = translate(*text, kForeignSchedulers);
  const std::string_view name = ours.empty() ? *text : ours;
  if (among(name, kLaterSchedulers)) {
    item.refuse("the scheduler " + quoted(name) + " is not in this version of lvsd",
                "write " + listed(kNames));
  } else if (!ours.empty()) {
    item.refuse(quoted(*text) + " is not what lvsd calls it", "write " + std::string(ours));
  } else {
    refuse_choice(item, kNames);
  }
  return std::nullopt;
}

}  // namespace lvsd
