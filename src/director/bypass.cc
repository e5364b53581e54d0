// SPDX-License-Identifier: GPL-2.0-or-later
// cache_bypass: a packet that a service by mark has no destination for goes on to where it was
// addressed, as if lvsd were a router (reference 6.6).
#include "lvsd/forward/rewrite.h"
#include "state.h"

namespace lvsd {

Verdict Director::State::to_original(const Passage& passage, const Connection& connection) {
  const IpAddress to = passage.view.tuple.destination;
  const ResolvedRoute route = egress.route(to);
  const Context context{connection.destination, Direction::request, false,
                        passage.view.is_icmp_error()};
  if (decision != nullptr) note_way(passage, connection, context, route);
  if (route.is_local()) return accept(AcceptReason::local_node);
  if (!route.usable()) return drop(DropReason::no_route);
  const IpAddress own = egress.route(passage.view.tuple.source).hop.source;
  if (passage.view.ttl <= 1) {
    originate(passage, {.type = icmp::kTimeExceeded, .code = icmp::kTtlExceeded}, own);
    return drop(DropReason::ttl_exceeded);
  }
  decrement_ttl(passage.packet.bytes(), passage.view);
  if (!passage.packet.offload().aggregated && is_refused(passage, route.hop.mtu, context)) {
    return refuse_oversize(passage, route.hop.mtu, own);
  }
  return send(passage, connection, route, route.hop.mtu, context);
}

}  // namespace lvsd
