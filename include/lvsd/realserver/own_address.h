// SPDX-License-Identifier: GPL-2.0-or-later
// Which address of this host is the destination of a role for which that was not said: the one
// towards its director, else towards its gateway. NAT answers from it, so that a guess would set up
// routing for the wrong one; the other methods need no more of it than the interface that requests
// come in by, for which any address on the director's network does.
#pragma once

#include <vector>

#include "lvsd/realserver/plan.h"

namespace lvsd::realserver {

// `role` needs no address yet. `vips` are none that could be a destination.
Result<IpAddress, Error> own_address(const Network& network, const Role& role,
                                     const std::vector<IpAddress>& directors,
                                     const std::vector<IpAddress>& vips);

}  // namespace lvsd::realserver
