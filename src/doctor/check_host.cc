// SPDX-License-Identifier: GPL-2.0-or-later
// The director itself, and its virtual addresses.
#include <algorithm>

#include "remedies.h"

namespace lvsd::doctor {
namespace {

constexpr std::uint64_t kNearlyFull = 90;  // percent of gc_thresh3

using Names = std::vector<std::string>;

Names services_if(const Config& config, bool (*concerns)(const VirtualService&)) {
  Names names;
  for (const VirtualService& service : config.services) {
    if (concerns(service)) names.push_back(service.name);
  }
  return names;
}
Names all_services(const Config& config) {
  return services_if(config, [](const VirtualService&) { return true; });
}
Names services_with(const Config& config, const IpAddress& vip) {
  Names names;
  for (const VirtualService& service : config.services) {
    if (!service.key.is_by_mark() && service.key.listen.address == vip) {
      names.push_back(service.name);
    }
  }
  return names;
}

bool has_nat_v4(const VirtualService& service) {
  return std::any_of(service.destinations.begin(), service.destinations.end(),
                     [](const Destination& destination) {
                       return std::holds_alternative<Masquerade>(destination.method) &&
                              destination.endpoint.address.is_v4();
                     });
}

void add(Findings& out, std::string_view name, Severity severity, std::string what,
         std::string evidence, std::string remedy, Names services = {}) {
  out.push_back({name,
                 severity,
                 {},
                 {},
                 std::move(what),
                 std::move(evidence),
                 std::move(remedy),
                 std::move(services)});
}

std::string listed(const Names& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// One setting for each of these interfaces.
std::string sysctl_each(const Names& interfaces, const std::string& key, int value) {
  std::string text;
  for (const std::string& name : interfaces) {
    // A dot in its name is a slash there (sysctl.d(5)).
    std::string escaped = name;
    std::replace(escaped.begin(), escaped.end(), '.', '/');
    text += " net.ipv4.conf." + escaped + "." + key + "=" + std::to_string(value);
  }
  return text;
}

// True: somebody else reads a queue of ours, so that the daemon cannot.
bool check_queues(const Evidence& evidence, Findings& out) {
  const HostEvidence& host = evidence.host;
  const Names all = all_services(evidence.config);
  bool taken = false;
  for (const QueueEvidence& queue : host.queues) {
    const std::string number = std::to_string(queue.number);
    if (queue.bound && queue.pid != 0 && queue.pid != host.daemon_pid) {
      taken = true;
      add(out, "queue-taken", Severity::fault, "another program reads NFQUEUE " + number,
          queue.program + ", process " + std::to_string(queue.pid) +
              ", in /proc/net/netfilter/nfnetlink_queue",
          "stop it, or give lvsd other queues: director: {capture: {queue: N}}", all);
    } else if (!queue.bound && host.daemon) {
      add(out, "queue-unread", Severity::fault, "nobody reads NFQUEUE " + number,
          "it is not in /proc/net/netfilter/nfnetlink_queue", "systemctl restart lvsd", all);
    }
  }
  return taken;
}

void check_rules(const Evidence& evidence, Findings& out) {
  const HostEvidence& host = evidence.host;
  const bool manual = evidence.config.startup.backend == CaptureBackend::manual;
  const std::string which =
      host.uncaptured == all_services(evidence.config) ? "any service" : listed(host.uncaptured);
  if (!host.uncaptured.empty() && host.rules_known) {
    add(out, "rules-missing", Severity::fault, "no rule brings packets of " + which + " to lvsd",
        "neither nft nor iptables shows one to a queue that it reads",
        manual ? "capture is manual: put in what lvsctl rules prints"
               : "see the daemon's log, then lvsctl reload",
        host.uncaptured);
  } else if (!host.uncaptured.empty()) {
    add(out, "rules-missing", Severity::unknown,
        "it cannot be told whether a rule brings packets of " + which + " to lvsd",
        "what iptables shows has none, and nft is not there to show its own tables",
        "install nft and ask again, or see that a connection moves the counters of lvsctl status",
        host.uncaptured);
  }
  for (const ShadowEvidence& shadow : host.shadows) {
    add(out, "rules-shadowed", shadow.sure ? Severity::fault : Severity::unknown,
        (shadow.sure
             ? "a firewall drops packets of " + listed(shadow.services) + " before lvsd has them"
             : "it cannot be told whether a firewall drops packets of " + listed(shadow.services) +
                   " before lvsd has them"),
        shadow.rule + (shadow.sure ? "" : ", and a rule that may decide is not understood"),
        "accept the virtual address and port there, before that", shadow.services);
  }
}

void check_settings(const Evidence& evidence, Findings& out) {
  const HostEvidence& host = evidence.host;
  if (host.forwards_v4 && !services_if(evidence.config, has_nat_v4).empty() &&
      !host.redirecting.empty()) {
    add(out, "sends-redirects", Severity::fault,
        "this host tells NAT servers by ICMP redirects of ways past itself",
        "net.ipv4.ip_forward is 1, and send_redirects is on for " + listed(host.redirecting),
        "sysctl -w net.ipv4.conf.all.send_redirects=0" +
            sysctl_each(host.redirecting, "send_redirects", 0),
        services_if(evidence.config, has_nat_v4));
  }
  if (host.forwards_v4 || host.forwards_v6) {
    Names keys;
    if (host.forwards_v4) keys.emplace_back("net.ipv4.ip_forward");
    if (host.forwards_v6) keys.emplace_back("net.ipv6.conf.all.forwarding");
    std::string off;
    for (const std::string& key : keys) off += " " + key + "=0";
    add(out, "ip-forward", Severity::note, "this host forwards packets, which lvsd does not need",
        listed(keys) + (keys.size() > 1 ? " are 1" : " is 1"),
        "sysctl -w" + off + " if nothing else needs it");
  }
  if (evidence.config.startup.stage == CaptureStage::late && !host.strict.empty()) {
    add(out, "rp-filter", Severity::note,
        "with capture stage late, the kernel drops requests that come by another interface than "
        "the one that leads back to the client",
        "rp_filter is 1 for " + listed(host.strict),
        "sysctl -w" + sysctl_each(host.strict, "rp_filter", 2) + ", or capture: {stage: early}");
  }
  for (const bool v4 : {true, false}) {
    const HostEvidence::Neighbors& table = v4 ? host.neighbors_v4 : host.neighbors_v6;
    if (table.limit == 0 || table.entries * 100 < table.limit * kNearlyFull) continue;
    const std::string key =
        std::string("net.") + (v4 ? "ipv4" : "ipv6") + ".neigh.default.gc_thresh3";
    add(out, "neighbor-table-full", Severity::fault,
        "the neighbour table is nearly full: new neighbours will not be resolved",
        std::to_string(table.entries) + " entries, " + key + " is " + std::to_string(table.limit),
        "sysctl -w " + key + "=" + std::to_string(table.limit * 4), all_services(evidence.config));
  }
}

// The destination whose interface this is, as far as can be told. One that serves the address
// itself is named first.
const DestinationEvidence* owner_of(const Evidence& evidence, const IpAddress& vip,
                                    const Claim& claim) {
  const DestinationEvidence* owner = nullptr;
  for (const DestinationEvidence& seen : evidence.destinations) {
    const IpAddress& server = seen.destination.endpoint.address;
    const bool by_mac = seen.hop && seen.hop->gateway == server &&
                        std::find(seen.macs.begin(), seen.macs.end(), claim.mac) != seen.macs.end();
    const bool answered = !claim.owner.is_unspecified() && claim.owner == server;
    if (!by_mac && !answered) continue;
    if (seen.virtual_service.key.listen.address == vip) return &seen;
    if (owner == nullptr) owner = &seen;
  }
  return owner;
}

void add_server_claim(const VipEvidence& vip, const DestinationEvidence& owner,
                      const std::string& said, const Names& services, Findings& out) {
  const bool serves = owner.virtual_service.key.listen.address == vip.vip && !is_nat(owner);
  add(out, "realserver-answers-arp", Severity::fault,
      "the real server " + rip(owner) + " answers " +
          (vip.vip.is_v4() ? "ARP" : "neighbour discovery") + " for " + to_string(vip.vip) +
          ": clients may go to it past the director",
      said,
      serves ? apply_there(owner) + ", which sets arp_ignore=1 and arp_announce=2"
             : "there: take " + to_string(vip.vip) +
                   " away, or put it on lo with net.ipv4.conf.all.arp_ignore=1 and "
                   "net.ipv4.conf.all.arp_announce=2",
      services);
}

void add_stranger(const Evidence& evidence, const VipEvidence& vip, const std::string& said,
                  const Names& services, Findings& out) {
  std::string servers;
  for (const DestinationEvidence& seen : evidence.destinations) {
    if (seen.virtual_service.key.listen.address != vip.vip || is_nat(seen)) continue;
    if (servers.find(rip(seen)) == std::string::npos) {
      servers += (servers.empty() ? "" : ", ") + rip(seen);
    }
  }
  add(out, "two-directors", Severity::fault,
      "another host answers " + std::string(vip.vip.is_v4() ? "ARP" : "neighbour discovery") +
          " for " + to_string(vip.vip) + ": a second director, or one that has it by mistake" +
          (servers.empty() ? "" : ", or a real server (" + servers + ") by another interface"),
      said,
      "find the host with this MAC (ip -br link shows its own) and take the address away from it" +
          std::string(servers.empty() ? ""
                                      : "; a real server needs it, but silently: there, sysctl -w "
                                        "net.ipv4.conf.all.arp_ignore=1 "
                                        "net.ipv4.conf.all.arp_announce=2"),
      services);
}

}  // namespace

void check_host(const Evidence& evidence, Findings& out) {
  const HostEvidence& host = evidence.host;
  const bool taken = check_queues(evidence, out);
  if (!host.daemon && !taken) {
    add(out, "daemon-not-running", Severity::fault,
        "lvsd does not run, or not with this run directory", "nobody answers on its control socket",
        "systemctl start lvsd", all_services(evidence.config));
  }
  if (host.daemon) check_rules(evidence, out);
  check_settings(evidence, out);
}

void check_vip(const Evidence& evidence, const VipEvidence& vip, Findings& out) {
  const std::string address = to_string(vip.vip);
  const Names services = services_with(evidence.config, vip.vip);
  const bool holds = vip.local || evidence.config.announce.enabled;
  std::string other;  // a host that has the address, where this one need not
  for (const Claim& claim : vip.claims) {
    const std::string said = to_string(claim.mac) + " answered on " + claim.interface;
    const DestinationEvidence* owner = owner_of(evidence, vip.vip, claim);
    if (owner != nullptr) {
      add_server_claim(vip, *owner, said, services, out);
    } else if (!holds) {
      other = said;
    } else {
      add_stranger(evidence, vip, said, services, out);
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
            std::to_string(vip.vip.width()) + " dev " + (vip.on_link.empty() ? "lo" : vip.on_link),
        services);
  } else {
    add(out, "vip-elsewhere", Severity::note,
        address + " is on no interface of this host: a router has to send its packets here",
        "director.announce is false", "nothing, if a router does");
  }
}

}  // namespace lvsd::doctor
