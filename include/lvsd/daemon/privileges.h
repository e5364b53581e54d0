// SPDX-License-Identifier: GPL-2.0-or-later
// What lvsd may do: CAP_NET_ADMIN (queues, rules, addresses) and CAP_NET_RAW (packet and raw
// sockets), for itself and for the iptables it runs. Everything else is given away before anything
// else is done, so that what works at the start works at a reload, too; no program run later can
// get it back.
#pragma once

#include "lvsd/net/result.h"

namespace lvsd {

// Fails with a sentence that names what is missing. Capabilities belong to threads: call it before
// any is started.
Status drop_privileges();

}  // namespace lvsd
