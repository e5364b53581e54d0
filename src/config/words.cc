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
constexpr std::array<std::string_view, 2> kEncapsulations{"gre", "gue"};
constexpr std::array<Foreign, 7> kForeignSchedulers{{{"roundrobin", "rr"},
                                                     {"round-robin", "rr"},
                                                     {"round_robin", "rr"},
                                                     {"leastconn", "lc"},
                                                     {"least_conn", "lc"},
                                                     {"source", "sh"},
                                                     {"maglev", "mh"}}};
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
  } else if (among(*text, kEncapsulations)) {
    item.refuse(quoted(*text) + " is an encapsulation",
                "write tun, and beside it 'tunnel: {type: " + std::string(*text) + "}'");
  } else {
    refuse_choice(item, kNames);
  }
  return std::nullopt;
}

namespace {

constexpr std::array<std::string_view, kSchedulerKinds> kSchedulers{
    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos"};
constexpr std::string_view kSchedulerRemedy =
    "write its name, or where it has flags {name: mh, fallback: true, port: true}";

std::optional<SchedulerKind> read_scheduler_name(const Item& item) {
  const std::optional<std::string_view> text = read_text(item, "write " + listed(kSchedulers));
  if (!text) return std::nullopt;
  const std::optional<SchedulerKind> kind = parse_scheduler(*text);
  if (kind) return kind;
  const std::string_view ours = translate(*text, kForeignSchedulers);
  if (!ours.empty()) {
    item.refuse(quoted(*text) + " is not what lvsd calls it", "write " + std::string(ours));
  } else {
    refuse_choice(item, kSchedulers);
  }
  return std::nullopt;
}

// A flag, where the scheduler (if it could be read) has it.
bool read_scheduler_flag(const Mapping& map, std::string_view key,
                         std::optional<SchedulerKind> kind) {
  const std::optional<Item> field = map.find(key);
  if (!field) return false;
  const std::optional<bool> value = read_boolean(*field);
  if (kind && !takes_flags(*kind)) {
    field->refuse("the scheduler " + std::string(to_string(*kind)) + " has no flags",
                  "leave it out; fallback and port belong to sh and mh");
  }
  return value.value_or(false);
}

}  // namespace

std::optional<SchedulerChoice> read_scheduler(const Item& item) {
  constexpr std::array<std::string_view, 3> kKeys{"name", "fallback", "port"};
  constexpr std::string_view kFallback = "write 'fallback: true'", kPort = "write 'port: true'";
  constexpr std::array<OtherKey, 5> kOthers{
      {{"sh-fallback", "unknown key", kFallback},
       {"mh-fallback", "unknown key", kFallback},
       {"sh-port", "unknown key", kPort},
       {"mh-port", "unknown key", kPort},
       {"flags", "unknown key", "write each as a key of its own: 'fallback: true', 'port: true'"}}};
  if (item.value.kind() != ValueKind::mapping) {
    const std::optional<SchedulerKind> kind = read_scheduler_name(item);
    if (!kind) return std::nullopt;
    return SchedulerChoice{*kind, {}};
  }
  const Mapping map(item, kKeys, kSchedulerRemedy, kOthers);
  std::optional<SchedulerKind> kind;
  if (const std::optional<Item> name =
          map.require("name", "add the scheduler's name: 'name: mh'")) {
    kind = read_scheduler_name(*name);
  }
  const SchedulerFlags flags{.fallback = read_scheduler_flag(map, "fallback", kind),
                             .port = read_scheduler_flag(map, "port", kind)};
  if (!kind) return std::nullopt;
  return SchedulerChoice{*kind, flags};
}

}  // namespace lvsd
