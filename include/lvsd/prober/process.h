// SPDX-License-Identifier: GPL-2.0-or-later
// The process that probes: forked before this one has threads, secrets or sockets, as another user
// and without any capability. Between the two stands a third that does nothing but fork the prober
// again when it died, and end it when it is told that it hangs: neither could the daemon, having
// given up the right to become another user and to send signals to one.
//
// What takes a privilege it is given: one raw ICMP socket of each family for ping, which lie open
// when it starts, and sockets with a mark, which it asks for.
#pragma once

#include <sys/types.h>

#include <string>

#include "lvsd/io/file_descriptor.h"
#include "lvsd/net/result.h"

namespace lvsd {

struct ProberProcess {
  FileDescriptor channel;  // our end
  FileDescriptor orders;   // a byte here has the guardian replace it
  pid_t guardian = -1;     // its parent, a child of ours
  std::string user;        // as which it runs; empty where it could not become another one
};

// To be called while there is one thread.
Result<ProberProcess, Error> start_prober();

// Descriptors that the prober begins with; -1 where there is none.
struct ProberSockets {
  int channel = -1, ping4 = -1, ping6 = -1;
};
// Probes until the channel is closed.
void run_prober(const ProberSockets& sockets);

}  // namespace lvsd
