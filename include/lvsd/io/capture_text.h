// SPDX-License-Identifier: GPL-2.0-or-later
// A CapturePlan as text for iptables, ipset and nft: pure functions, so that tests and `lvsctl
// rules` need neither root nor a kernel. Nothing but numbers, printed addresses and our own names
// gets into the text, so nothing needs quoting.
//
// Both stages, tools and versions of IP carry the same rules, in this order:
//   frames to a link-layer group leave the chain, as in the kernel (reference 1.2);
//   later fragments to a VIP; ICMP errors; requests by protocol, address and port, by protocol and
//   address, and by firewall mark; what may be FTP data to a VIP;
//   then, where NAT destinations exist: packets to the host itself leave the chain (replies to the
//   director's own sockets work only at INPUT); later fragments from NAT destinations; replies by
//   protocol, source address and port, and by protocol and source address.
// Echo requests and neighbour discovery match none of them, even when fragmented.
//
// Stage early has all in raw PREROUTING; in mangle PREROUTING, as its last, where a firewall-mark
// service exists, because marks are set by the host's rules in mangle. Stage late has the first
// part at INPUT after the host's firewall, and the part from ICMP errors on in raw PREROUTING too,
// for what is not addressed to us. Later fragments of IPv4 do not occur at INPUT, as the kernel has
// reassembled by then; those of IPv6 do: their header is read behind the hook. Only where anything
// uses conntrack have they been joined, too.
//
// Where NAT destinations exist, both stages also have: at INPUT, their replies to sockets of the
// director, behind a rule by which a packet of TCP leaves that the kernel has given to a
// connection: what is connected to the server itself, as a check is, has no use for another source,
// and must not cost a worker anything (a client's socket is connected to the VIP, so its replies
// belong to none yet). The kernel does so for connections only, not for listeners, between
// PREROUTING and INPUT (net.ipv4.tcp_early_demux; without it, all is captured). iptables sees it by
// `-m cgroup --path /`, which says no more than that there is a socket. `-m socket` would find
// listeners too, on which an FTP client waits for its data, and would have the whole namespace
// reassemble fragments.
//
// Both stages also have, in mangle OUTPUT (behind conntrack, as the kernel's IPVS), what a NAT
// destination on the director itself sends; and requests of the director's own processes to
// addresses that may not be its own. Those to its own come by PREROUTING, over lo.
//
// Where checks take the data path of their service, their packets are taken in mangle OUTPUT, by
// their mark, and the answers, from the virtual address to an address of ours, in raw PREROUTING
// behind all that is a request.
//
// With several workers each rule is there once for every one, with a match on the client's address
// (steering_bpf.h) in all but the last; ICMP errors to virtual addresses, which quote a packet to
// the client, then have rules of their own. Where openers have a queue, the rules for requests
// come before all others a second time, for TCP with SYN and without ACK and for SCTP's INIT.
//
// Of what is with sets, the sets of services, their addresses and those of NAT destinations are
// always there, so that the rules stay when the first member comes; the rest where they are needed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lvsd/io/capture_rules.h"

namespace lvsd {

enum class IpFamily : std::uint8_t { v4, v6 };
constexpr const FamilyPlan& family_plan(const CapturePlan& plan, IpFamily family) {
  return family == IpFamily::v4 ? plan.v4 : plan.v6;
}

enum class SetKind : std::uint8_t { address, address_and_port, mark };

// An ipset or nft set and its members, in the tool's own notation.
struct TextSet {
  std::string name;
  IpFamily family = IpFamily::v4;
  SetKind kind = SetKind::address;
  std::vector<std::string> members;
  friend bool operator==(const TextSet&, const TextSet&) = default;
};

// The members by which two states of a set differ: so one service among ten thousand costs one.
struct SetDifference {
  std::vector<std::string> added, removed;
};
SetDifference difference(const TextSet& from, const TextSet& to);

// What this kernel and its tools have beside the NFQUEUE target.
struct IptablesFeatures {
  bool sets = true;      // ipset and `-m set`; else one rule per member
  bool addrtype = true;  // `-m addrtype`; else replies to our own sockets are captured too
  bool pkttype = true;   // `-m pkttype`; else broadcast and multicast frames are captured too
  bool cgroup = true;    // `-m cgroup`; else what a NAT destination answers to a check is, too
  bool bpf = true;       // `-m bpf`; else all comes to one worker, which hands it on
  bool security_table = true;  // else stage late is at the end of filter INPUT: there, a firewall
                               // rule that accepts a packet also keeps it from being captured
  bool owned_table = false;    // rules lie in a table that others cannot change (owned_table.h)
};

inline constexpr std::string_view kChainName = "LVSD";
inline constexpr std::string_view kOutputChainName = "LVSD-OUT";
inline constexpr std::string_view kNftTable = "inet lvsd";
inline constexpr std::string_view kSetPrefix = "lvsd-";
inline constexpr std::string_view kSpareSuffix = "-new";  // of a set that is about to be swapped in

// A chain of ours with its rules (what follows `-A NAME`), jumped to from a built-in chain: as its
// first rule in raw, as its last elsewhere.
struct IptablesChain {
  std::string table;  // raw, mangle, security, filter
  std::string hook;   // PREROUTING, INPUT, OUTPUT
  std::vector<std::string> rules;
  std::string name() const;  // LVSD; LVSD-OUT at OUTPUT
  std::string jump() const;  // "PREROUTING -j LVSD"
  bool first() const { return table == "raw"; }
  friend bool operator==(const IptablesChain&, const IptablesChain&) = default;
};

std::vector<TextSet> ipset_sets(const CapturePlan& plan);
// The INPUT chain comes first: installed in order, a change of stage leaves no gap. None for IPv6
// where the plan has nothing of it.
std::vector<IptablesChain> iptables_chains(const CapturePlan& plan, IpFamily family,
                                           const IptablesFeatures& features);
// The most members that a set made for so many can get; it costs no memory until they are there.
std::size_t ipset_room(std::size_t members);
// Input of `ipset restore` that makes `set` and fills it; under `name`, which may be the spare's.
std::string ipset_create(const TextSet& set, std::string_view name);
// What an operator would feed to ipset restore and (ip6)tables-restore --noflush.
std::string iptables_text(const CapturePlan& plan, const IptablesFeatures& features);

std::vector<TextSet> nft_sets(const CapturePlan& plan);
// What is done with a packet that matches: TCP from the network may have a queue of its own, and
// what would open a connection. Where kClientKey is in them, it becomes the client's address.
struct NftVerdicts {
  std::string datagrams, streams;  // the second empty: as the first
  std::string errors = datagrams;  // ICMP errors: whose they are the first worker finds out
  std::string openers = {};        // empty: as the others
  static constexpr std::string_view kClientKey = "CLIENT";

  NftVerdicts(std::string all) : datagrams(std::move(all)) {}
  NftVerdicts(const char* all) : datagrams(all) {}
};
NftVerdicts nft_queues(const CapturePlan& plan);  // "queue num 0"
std::string nft_chains(const CapturePlan& plan, const NftVerdicts& verdicts);
std::string nft_members(const std::vector<std::string>& members);  // "{ a, b }"
// table inet lvsd { ... }, its rules ending in `verdict`
std::string nft_text(const CapturePlan& plan, const NftVerdicts& verdicts);

}  // namespace lvsd
