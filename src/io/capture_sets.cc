// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture_sets.h"

#include <algorithm>
#include <iterator>

namespace lvsd {
namespace {

TextSet port_set(std::string name, IpFamily family, const std::vector<ServiceKey>& keys,
                 DescribeMember describe) {
  TextSet set{std::move(name), family, SetKind::address_and_port, {}};
  set.members.reserve(keys.size());
  for (const ServiceKey& key : keys) set.members.push_back(describe(key));
  return set;
}

TextSet address_set(std::string name, IpFamily family, const std::vector<IpAddress>& addresses) {
  TextSet set{std::move(name), family, SetKind::address, {}};
  set.members.reserve(addresses.size());
  for (const IpAddress& address : addresses) set.members.push_back(to_string(address));
  return set;
}

}  // namespace

std::string_view protocol_name(ServiceProtocol protocol) {
  switch (static_cast<std::uint8_t>(protocol)) {
    case 6:
      return "tcp";
    case 17:
      return "udp";
    default:
      return "sctp";
  }
}

std::string set_name(std::string_view stem, IpFamily family, bool replies) {
  std::string name(replies ? "nat-" : "");
  if (stem == kPortStem) {
    name += replies ? "sources" : "services";
  } else {
    name += stem;
  }
  return name + (family == IpFamily::v4 ? '4' : '6');
}

std::vector<TextSet> family_sets(const FamilyPlan& plan, IpFamily family, std::string_view prefix,
                                 DescribeMember describe) {
  std::vector<TextSet> sets;
  const std::string start(prefix);
  for (const bool replies : {false, true}) {
    const CaptureSide& side = replies ? plan.replies : plan.requests;
    const auto name = [&](std::string_view stem) {
      return start + set_name(stem, family, replies);
    };
    sets.push_back(port_set(name(kPortStem), family, side.ports, describe));
    sets.push_back(address_set(name(kAddressStem), family, side.addresses));
    for (const ProtocolGroup& group : kProtocolGroups) {
      const auto& addresses = side.*group.addresses;
      if (!addresses.empty()) sets.push_back(address_set(name(group.name), family, addresses));
    }
  }
  if (plan.has_probes()) {
    sets.push_back(
        port_set(start + set_name("answers", family, false), family, plan.answers, describe));
  }
  if (!plan.ftp.empty()) {
    sets.push_back(address_set(start + set_name("ftp", family, false), family, plan.ftp));
  }
  return sets;
}

SetDifference difference(const TextSet& from, const TextSet& to) {
  // Both are sorted, as addresses and not as text: what they begin and end with alike is left
  // aside, so that a member more among a hundred thousand needs no sorting.
  const auto [first, new_first] =
      std::mismatch(from.members.begin(), from.members.end(), to.members.begin(), to.members.end());
  const auto [last, new_last] =
      std::mismatch(from.members.rbegin(), std::make_reverse_iterator(first), to.members.rbegin(),
                    std::make_reverse_iterator(new_first));
  std::vector<std::string> before(first, last.base());
  std::vector<std::string> after(new_first, new_last.base());
  std::sort(before.begin(), before.end());
  std::sort(after.begin(), after.end());
  SetDifference found;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                      std::back_inserter(found.added));
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                      std::back_inserter(found.removed));
  return found;
}

}  // namespace lvsd
