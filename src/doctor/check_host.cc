// SPDX-License-Identifier: GPL-2.0-or-later
// The director itself, and its virtual addresses.
#include <algorithm>

#include "checks.h"

namespace lvsd::doctor {
namespace {

constexpr std::uint64_t kNearlyFull = 90;  // percent of gc_thresh3

bool uses(const Config& config, bool v4) {
  for (const VirtualService& service : config.services) {
    if (service.key.listen.address.is_v4() == v4) return true;
  }
  return false;
}

bool has_nat(const Config& config, bool v4) {
  for (const VirtualService& service : config.services) {
    for (const Destination& destination : service.destinations) {
      if (std::holds_alternative<Masquerade>(destination.method) &&
          destination.endpoint.address.is_v4() == v4) {
        return true;
      }
    }
  }
  return false;
}

void add(Findings& out, std::string_view name, Severity severity, std::string what,
         std::string evidence, std::string remedy) {
  out.push_back({name, severity, {}, {}, std::move(what), std::move(evidence), std::move(remedy)});
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// True: somebody else reads a queue of ours, so that the daemon cannot.
bool check_queues(const HostEvidence& host, Findings& out) {
  bool taken = false;
  for (const QueueEvidence& queue : host.queues) {
    const std::string number = std::to_string(queue.number);
    if (queue.bound && queue.pid != 0 && queue.pid != host.daemon_pid) {
      taken = true;
      add(out, "queue-taken", Severity::fault, "another program reads NFQUEUE " + number,
          queue.program + ", process " + std::to_string(queue.pid) +
              ", in /proc/net/netfilter/nfnetlink_queue",
          "stop it, or give lvsd other queues: director: {capture: {queue: N}}");
    } else if (!queue.bound && host.daemon) {
      add(out, "queue-unread", Severity::fault, "nobody reads NFQUEUE " + number,
          "it is not in /proc/net/netfilter/nfnetlink_queue", "systemctl restart lvsd");
    }
  }
  return taken;
}

void check_rules(const Evidence& evidence, Findings& out) {
  const HostEvidence& host = evidence.host;
  if (host.rules_known) {
    for (const bool v4 : {true, false}) {
      if (!uses(evidence.config, v4) || (v4 ? host.rules_v4 : host.rules_v6)) continue;
      const bool manual = evidence.config.startup.backend == CaptureBackend::manual;
      add(out, "rules-missing", Severity::fault,
          std::string("no rule brings IPv") + (v4 ? "4" : "6") + " packets to lvsd",
          "neither nft nor iptables shows one",
          manual ? "capture is manual: put in what lvsctl rules prints"
                 : "see the daemon's log, then lvsctl reload");
    }
  }
  for (const std::string& rule : host.shadows) {
    add(out, "rules-shadowed", Severity::fault,
        "an earlier rule of another program drops packets of a virtual service", rule,
        "delete it, or let it except the virtual address");
  }
}

void check_settings(const Evidence& evidence, Findings& out) {
  const HostEvidence& host = evidence.host;
  if (host.forwards_v4 && has_nat(evidence.config, true) && !host.redirecting.empty()) {
    add(out, "sends-redirects", Severity::fault,
        "this host tells NAT servers by ICMP redirects of ways past itself",
        "net.ipv4.ip_forward is 1, and send_redirects is on for " + listed(host.redirecting),
        "sysctl -w net.ipv4.conf.all.send_redirects=0, and the same for each of these interfaces");
  }
  if (host.forwards_v4 || host.forwards_v6) {
    add(out, "ip-forward", Severity::note, "this host forwards packets, which lvsd does not need",
        host.forwards_v4 ? "net.ipv4.ip_forward is 1" : "net.ipv6.conf.all.forwarding is 1",
        "sysctl -w " +
            std::string(host.forwards_v4 ? "net.ipv4.ip_forward=0"
                                         : "net.ipv6.conf.all.forwarding=0") +
            " if nothing else needs it");
  }
  if (evidence.config.startup.stage == CaptureStage::late && !host.strict.empty()) {
    add(out, "rp-filter", Severity::note,
        "with capture stage late, the kernel drops requests that come by another interface than "
        "the one that leads back to the client",
        "rp_filter is 1 for " + listed(host.strict),
        "sysctl -w net.ipv4.conf.IF.rp_filter=2, or capture: {stage: early}");
  }
  for (const bool v4 : {true, false}) {
    const HostEvidence::Neighbors& table = v4 ? host.neighbors_v4 : host.neighbors_v6;
    if (table.limit == 0 || table.entries * 100 < table.limit * kNearlyFull) continue;
    const std::string key =
        std::string("net.") + (v4 ? "ipv4" : "ipv6") + ".neigh.default.gc_thresh3";
    add(out, "neighbor-table-full", Severity::fault,
        "the neighbour table is nearly full: new neighbours will not be resolved",
        std::to_string(table.entries) + " entries, " + key + " is " + std::to_string(table.limit),
        "sysctl -w " + key + "=" + std::to_string(table.limit * 4));
  }
}

bool is_destinations(const Evidence& evidence, const Mac& mac, std::string& whose) {
  for (const DestinationEvidence& seen : evidence.destinations) {
    if (!seen.hop || seen.hop->gateway != seen.destination.endpoint.address) continue;
    if (std::find(seen.macs.begin(), seen.macs.end(), mac) == seen.macs.end()) continue;
    whose = to_string(seen.destination.endpoint.address);
    return true;
  }
  return false;
}

}  // namespace

void check_host(const Evidence& evidence, Findings& out) {
  const HostEvidence& host = evidence.host;
  const bool taken = check_queues(host, out);
  if (!host.daemon && !taken) {
    add(out, "daemon-not-running", Severity::fault,
        "lvsd does not run, or not with this run directory", "nobody answers on its control socket",
        "systemctl start lvsd");
  }
  if (host.daemon) check_rules(evidence, out);
  check_settings(evidence, out);
}

void check_vip(const Evidence& evidence, const VipEvidence& vip, Findings& out) {
  const std::string address = to_string(vip.vip);
  const char* const protocol = vip.vip.is_v4() ? "ARP" : "neighbour discovery";
  const bool holds = vip.local || evidence.config.announce.enabled;
  std::string other;  // a host that has the address, where this one need not
  for (const Claim& claim : vip.claims) {
    std::string whose;
    const bool server = is_destinations(evidence, claim.mac, whose);
    const std::string seen = to_string(claim.mac) + " answered on " + claim.interface;
    if (server) {
      add(out, "realserver-answers-arp", Severity::fault,
          "the real server " + whose + " answers " + protocol + " for " + address +
              ": clients may go to it past the director",
          seen,
          "on that server: lvsctl realserver apply, or put the address on lo with "
          "arp_ignore=1 and arp_announce=2");
    } else if (!holds) {
      other = seen;
    } else {
      add(out, "two-directors", Severity::fault,
          "another host answers " + std::string(protocol) + " for " + address +
              ": a second director, or a host that has it by mistake",
          seen, "find the host with this MAC, and take the address away from it");
    }
  }
  if (!other.empty()) {
    return add(out, "vip-elsewhere", Severity::note,
               "another host has " + address + ": right on a standby director", other,
               "nothing, if that is the director that is active now");
  }
  if (vip.local || !evidence.host.daemon) return;
  if (evidence.config.announce.enabled || !vip.on_link.empty()) {
    add(out, "vip-not-local", Severity::fault,
        address + " is on no interface of this host, so nobody is told to send its packets here",
        vip.on_link.empty()
            ? "not among this host's addresses"
            : "not among this host's addresses, and its network is on " + vip.on_link,
        "director: {announce: true}, or ip addr add " + address + "/" +
            std::to_string(vip.vip.width()) + " dev " + (vip.on_link.empty() ? "lo" : vip.on_link));
  } else {
    add(out, "vip-elsewhere", Severity::note,
        address + " is on no interface of this host: a router has to send its packets here",
        "director.announce is false", "nothing, if a router does");
  }
}

}  // namespace lvsd::doctor
