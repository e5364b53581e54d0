// SPDX-License-Identifier: GPL-2.0-or-later
// SteeringHash as a program for `iptables -m bpf`: classic BPF, which xt_bpf limits to 64
// instructions and which sees a packet from its IP header on. It leaves the packet's mark alone
// and can look into the packet that an ICMP error quotes; HMARK can do neither, and the fan-out of
// NFQUEUE itself (--queue-balance) hashes both addresses.
//
// A quoted packet is looked for where it is without extension headers in front of it. Where it is
// not there, the worker that gets the packet finds the right one (model/steering.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lvsd/io/capture_text.h"
#include "lvsd/model/steering.h"

namespace lvsd {

// Where the client's address is: requests have it as source, replies as destination, and so have
// errors that are on their way to the client; errors to a virtual address quote a packet to it.
enum class ClientAt : std::uint8_t { source, destination, quoted_destination };

// As in linux/filter.h, which clashes with what other headers define.
struct BpfInstruction {
  std::uint16_t code = 0;
  std::uint8_t jump_true = 0, jump_false = 0;
  std::uint32_t k = 0;
};

// Returns 1 for packets whose client is `worker`'s, else 0.
std::vector<BpfInstruction> steering_program(const SteeringHash& hash, IpFamily family,
                                             ClientAt client, unsigned worker);
// Returns 1 for SCTP whose first chunk is INIT, which would open a connection. (`-m sctp` drops
// what it cannot read, whoever it is for.)
std::vector<BpfInstruction> sctp_init_program(IpFamily family);
// "15,32 0 0 12,...", as `--bytecode` takes it.
std::string bytecode(const std::vector<BpfInstruction>& program);

}  // namespace lvsd
