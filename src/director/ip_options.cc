// SPDX-License-Identifier: GPL-2.0-or-later
// Options of IPv4 headers: what the kernel's stack does before IPVS sees the packet.
#include "lvsd/forward/ip_options.h"

#include "state.h"

namespace lvsd {
namespace {

std::uint32_t since_midnight(TimePoint now, Duration utc_offset) {
  constexpr auto kDay = std::chrono::hours(24);
  const Duration utc = now.time_since_epoch() + utc_offset;
  const Duration today = (utc % kDay + kDay) % kDay;
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(today).count());
}

}  // namespace

// What goes neither to a virtual address nor comes from a NAT server is left to the stack, which
// refuses it, too.
std::optional<Verdict> Director::State::refuse_options(const Passage& passage) {
  if (passage.packet.options_done()) return std::nullopt;
  const auto fault = find_fault(passage.packet.bytes());
  if (!fault) return std::nullopt;
  const Tuple& tuple = passage.view.tuple;
  const bool to_us = virtual_addresses->contains(tuple.destination);
  if (!to_us && passage.packet.mark() == 0 && !destinations.is_nat_address(tuple.source)) {
    return accept(AcceptReason::not_ours);
  }
  if (fault->source_route) return drop(DropReason::source_route);
  originate(passage, {.type = icmp::kParameterProblem, .pointer = fault->pointer},
            to_us ? tuple.destination : egress.route(tuple.source).hop.source);
  return drop(DropReason::bad_ip_options);
}

void Director::State::fill_options_of(const Passage& passage, const IpAddress& route,
                                      const IpAddress& stamp) {
  if (passage.packet.options_done()) return;
  if (!route.is_v4() || !stamp.is_v4()) return;
  fill_options(passage.packet.bytes(),
               {route.v4(), stamp.v4(), since_midnight(passage.now, utc_offset)}, egress.network());
}

}  // namespace lvsd
