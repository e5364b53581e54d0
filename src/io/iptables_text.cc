// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <array>
#include <bit>

#include "capture_sets.h"
#include "lvsd/io/capture_text.h"
#include "lvsd/io/steering_bpf.h"

namespace lvsd {
namespace {

std::string ipset_member(const ServiceKey& key) {
  return to_string(key.listen.address) + ',' + std::string(protocol_name(key.protocol)) + ':' +
         to_string(key.listen.port);
}

// Writes one chain's rules, through sets or member by member.
class IptablesWriter {
 public:
  // Super-packets come from the network: what processes of this host send or get takes the way of
  // datagrams, since the kernel does not expect a changed packet to be one.
  IptablesWriter(const CapturePlan& plan, IpFamily family, const IptablesFeatures& features,
                 bool from_network)
      : plan_(plan),
        family_plan_(family_plan(plan, family)),
        family_(family),
        sets_(features.sets),
        streams_(plan.super_packets && from_network),
        openers_(plan.openers && from_network),
        bpf_(features.bpf),
        addrtype_(features.addrtype),
        workers_(features.bpf ? plan.steering.used(family == IpFamily::v4) : 1) {}

  // At INPUT, IPv4 has been reassembled, IPv6 has not.
  bool has_fragments_at_input() const { return !v4(); }

  // ip6tables cannot tell a later fragment from the first one, which the director sorts out.
  void fragments(bool replies) {
    for (const std::string_view protocol : {"tcp", "udp", "sctp"}) {
      if (protocol == "sctp" && !family_plan_.sctp) continue;
      for_addresses(kAddressStem, side(replies).addresses, replies,
                    "-p " + std::string(protocol) + (v4() ? " -f" : " -m frag"), {from(replies)});
    }
  }

  // Errors that concern a connection: destination unreachable, source quench, time exceeded
  // (reference 1.10); every error of ICMPv6.
  void icmp_errors() {
    const std::string start =
        v4() ? "-p icmp -m icmp --icmp-type " : "-p ipv6-icmp -m icmp6 --icmpv6-type ";
    for (const int type : v4() ? std::vector<int>{3, 4, 11} : std::vector<int>{1, 2, 3, 4}) {
      const std::string match = start + std::to_string(type);
      if (workers_ > 1 || !family_plan_.every_icmp_error) {
        for_addresses(kAddressStem, family_plan_.requests.addresses, false, match,
                      {ClientAt::quoted_destination});
      }
      if (family_plan_.every_icmp_error) queue(match, {ClientAt::destination});
    }
  }

  // What would open a connection, before all else.
  void openers() {
    if (!openers_) return;
    for (const std::string_view protocol : {"tcp", "sctp"}) {
      const bool tcp = protocol == "tcp";
      if (!tcp && !(family_plan_.sctp && bpf_)) continue;
      const std::string match =
          tcp ? "-p tcp -m tcp --tcp-flags SYN,ACK SYN"
              : "-p sctp -m bpf --bytecode \"" + bytecode(sctp_init_program(family_)) + '"';
      const Target target{ClientAt::source, QueueRole::openers};
      opening_ports(tcp ? ServiceProtocol::tcp : ServiceProtocol::sctp, match, target);
      const auto& addresses = tcp ? family_plan_.requests.tcp : family_plan_.requests.sctp;
      if (!addresses.empty()) for_addresses(protocol, addresses, false, match, target);
      for (const std::uint32_t mark : family_plan_.marks) {
        queue(match + " -m mark --mark " + std::to_string(mark), target);
      }
      if (tcp) ftp_data(match, target);
    }
  }

  void endpoints(bool replies) {
    ports(replies);
    for (const ProtocolGroup& group : kProtocolGroups) {
      const auto& addresses = side(replies).*group.addresses;
      if (addresses.empty()) continue;
      for (const std::string& match : protocol_matches(group.name)) {
        for_addresses(group.name, addresses, replies, match,
                      {from(replies), role_of(group.name == "tcp")});
      }
    }
  }

  void marked() {
    for (const std::uint32_t mark : family_plan_.marks) {
      for (const std::string_view group : {"tcp", "udp", "sctp", "ipsec"}) {
        for (const std::string& match : protocol_matches(group)) {
          queue(match + " -m mark --mark " + std::to_string(mark),
                {ClientAt::source, role_of(group == "tcp")});
        }
      }
    }
  }

  void ftp_data() { ftp_data("-p tcp -m tcp", {ClientAt::source, role_of(true)}); }

  // Of checks that take their service's data path.
  void probes() {
    if (!family_plan_.has_probes()) return;
    const std::uint32_t first = std::uint32_t{plan_.probe_marks} << ProbePath::kServiceBits;
    queue("-m mark --mark " + std::to_string(first) + "/0xffff0000", {ClientAt::source});
  }
  void answers() {
    const std::string local = addrtype_ ? " -m addrtype --dst-type LOCAL" : "";
    if (sets_ && family_plan_.has_probes()) {
      return queue(set_match("answers", false, "src,src") + local, {ClientAt::destination});
    }
    for (const ServiceKey& key : family_plan_.answers) {
      queue(port_match(key, true) + local, {ClientAt::destination});
    }
  }

  // There is no send_redirects of IPv6: where the kernel forwards, too, it tells a NAT server's
  // host of the client's own MAC on their network, and the next answer goes past the director.
  void drop_redirects() {
    if (v4()) return;
    for (const std::string& rule :
         address_matches(kAddressStem, family_plan_.replies.addresses, true, false,
                         "-p ipv6-icmp -m icmp6 --icmpv6-type 137")) {
      rules_.push_back(rule + " -j DROP");
    }
  }

  void leave_groups() { rules_.emplace_back("-m pkttype ! --pkt-type unicast -j RETURN"); }
  void leave_connected() { rules_.emplace_back("-p tcp -m cgroup --path / -j RETURN"); }
  void leave_local() { rules_.emplace_back("-m addrtype --dst-type LOCAL -j RETURN"); }

  std::vector<std::string> take() { return std::move(rules_); }

 private:
  struct Target {
    ClientAt client;
    QueueRole role = QueueRole::datagrams;
  };

  bool v4() const { return family_ == IpFamily::v4; }
  static ClientAt from(bool replies) { return replies ? ClientAt::destination : ClientAt::source; }
  QueueRole role_of(bool tcp) const {
    return tcp && streams_ ? QueueRole::streams : QueueRole::datagrams;
  }
  const CaptureSide& side(bool replies) const {
    return replies ? family_plan_.replies : family_plan_.requests;
  }

  // AH is an extension header to ip6tables, which looks past it for the protocol.
  std::vector<std::string> protocol_matches(std::string_view group) const {
    if (group != "ipsec") return {"-p " + std::string(group)};
    return {"-p esp", v4() ? "-p ah" : "-m ah"};
  }

  std::string set_match(std::string_view stem, bool replies, std::string_view direction) const {
    return "-m set --match-set " + std::string(kSetPrefix) + set_name(stem, family_, replies) +
           ' ' + std::string(direction);
  }
  std::string address_match(const IpAddress& address, bool source) const {
    return (source ? "-s " : "-d ") + to_string(address) + (v4() ? "/32" : "/128");
  }

  std::string port_match(const ServiceKey& key, bool source) const {
    const std::string protocol(protocol_name(key.protocol));
    return address_match(key.listen.address, source) + " -p " + protocol + " -m " + protocol +
           (source ? " --sport " : " --dport ") + to_string(key.listen.port);
  }

  void ports(bool replies) {
    if (sets_) {
      const std::string match = set_match(kPortStem, replies, replies ? "src,src" : "dst,dst");
      if (!streams_) return queue(match, {from(replies)});
      queue("-p tcp " + match, {from(replies), QueueRole::streams});
      return queue("! -p tcp " + match, {from(replies)});  // or it is looked up twice
    }
    for (const ServiceKey& key : side(replies).ports) {
      queue(port_match(key, replies),
            {from(replies), role_of(key.protocol == ServiceProtocol::tcp)});
    }
  }

  void opening_ports(ServiceProtocol protocol, const std::string& match, const Target& target) {
    if (sets_) return queue(match + ' ' + set_match(kPortStem, false, "dst,dst"), target);
    for (const ServiceKey& key : family_plan_.requests.ports) {
      if (key.protocol != protocol) continue;
      const std::string port(protocol_name(protocol));
      queue(address_match(key.listen.address, false) + ' ' + match +
                (protocol == ServiceProtocol::tcp ? "" : " -m " + port) + " --dport " +
                to_string(key.listen.port),
            target);
    }
  }

  void ftp_data(const std::string& match, const Target& target) {
    if (family_plan_.ftp.empty()) return;
    for (const char* ports : {" --dport 20", " --dport 1024:65535"}) {
      for_addresses("ftp", family_plan_.ftp, false, match + ports, target);
    }
  }

  void for_addresses(std::string_view stem, const std::vector<IpAddress>& addresses, bool replies,
                     const std::string& match, const Target& target) {
    for (const std::string& rule : address_matches(stem, addresses, replies, replies, match)) {
      queue(rule, target);
    }
  }

  // Of packets from these addresses, or to them: by their set in one rule, or in one for each.
  std::vector<std::string> address_matches(std::string_view stem,
                                           const std::vector<IpAddress>& addresses, bool replies,
                                           bool source, const std::string& match) const {
    if (sets_) return {match + ' ' + set_match(stem, replies, source ? "src" : "dst")};
    std::vector<std::string> rules;
    for (const IpAddress& address : addresses) {
      rules.push_back(address_match(address, source) + ' ' + match);
    }
    return rules;
  }

  // One rule for each worker; the last takes what is left.
  void queue(const std::string& match, const Target& target) {
    for (unsigned worker = 0; worker < workers_; ++worker) {
      std::string rule = match;
      if (worker + 1 < workers_) {
        rule += " -m bpf --bytecode \"" +
                bytecode(steering_program(plan_.steering, family_, target.client, worker)) + '"';
      }
      rules_.push_back(rule + " -j NFQUEUE --queue-num " +
                       std::to_string(plan_.queue_of(target.role, worker)) +
                       (plan_.bypass ? " --queue-bypass" : ""));
    }
  }

  const CapturePlan& plan_;
  const FamilyPlan& family_plan_;
  IpFamily family_;
  bool sets_;
  bool streams_, openers_, bpf_, addrtype_;
  unsigned workers_;
  std::vector<std::string> rules_;
};

void write_matches(IptablesWriter& writer) {
  writer.endpoints(false);
  writer.marked();
  writer.ftp_data();
}

void write_requests(const CapturePlan& plan, const IptablesFeatures& features,
                    IptablesWriter& writer) {
  if (features.pkttype) writer.leave_groups();
  writer.openers();
  if (plan.stage == CaptureStage::early || writer.has_fragments_at_input()) writer.fragments(false);
  writer.icmp_errors();
  write_matches(writer);
}

// The part of a PREROUTING chain that NAT needs, in both stages; what is for ourselves leaves
// first.
void write_nat(const CapturePlan& plan, const IptablesFeatures& features, IptablesWriter& writer) {
  if (features.pkttype && plan.stage == CaptureStage::late) writer.leave_groups();
  if (features.addrtype) writer.leave_local();
  if (plan.stage == CaptureStage::late) writer.icmp_errors();
  writer.fragments(true);
  writer.endpoints(true);
}

std::string restore_text(const std::vector<IptablesChain>& chains) {
  std::string text;
  for (const IptablesChain& chain : chains) {
    text += '*' + chain.table + "\n:" + chain.name() + " - [0:0]\n" +
            (chain.first() ? "-I " : "-A ") + chain.jump() + '\n';
    for (const std::string& rule : chain.rules) text += "-A " + chain.name() + ' ' + rule + '\n';
    text += "COMMIT\n";
  }
  return text;
}

}  // namespace

std::string IptablesChain::name() const {
  return std::string(hook == "OUTPUT" ? kOutputChainName : kChainName);
}

std::string IptablesChain::jump() const { return hook + " -j " + name(); }

std::vector<TextSet> ipset_sets(const CapturePlan& plan) {
  std::vector<TextSet> sets = family_sets(plan.v4, IpFamily::v4, kSetPrefix, ipset_member);
  if (plan.v6.empty()) return sets;
  for (TextSet& set : family_sets(plan.v6, IpFamily::v6, kSetPrefix, ipset_member)) {
    sets.push_back(std::move(set));
  }
  return sets;
}

std::vector<IptablesChain> iptables_chains(const CapturePlan& plan, IpFamily family,
                                           const IptablesFeatures& features) {
  const FamilyPlan& part = family_plan(plan, family);
  if (family == IpFamily::v6 && part.empty()) return {};
  const bool early = plan.stage == CaptureStage::early;
  IptablesWriter input(plan, family, features, !early), output(plan, family, features, false);
  IptablesWriter forward(plan, family, features, true);
  write_requests(plan, features, early ? forward : input);
  std::vector<IptablesChain> chains;
  forward.answers();
  output.probes();
  if (part.has_nat()) {
    write_nat(plan, features, forward);
    if (features.cgroup) input.leave_connected();
    input.endpoints(true);
    output.drop_redirects();
    output.endpoints(true);
  }
  if (part.own_requests) {
    if (features.addrtype) output.leave_local();
    write_matches(output);
  }
  if (!early || part.has_nat()) {
    chains.push_back({features.security_table ? "security" : "filter", "INPUT", input.take()});
  }
  if (early || part.has_nat() || part.has_probes()) {
    chains.push_back(
        {early && !part.marks.empty() ? "mangle" : "raw", "PREROUTING", forward.take()});
  }
  if (part.has_nat() || part.own_requests || part.has_probes())
    chains.push_back({"mangle", "OUTPUT", output.take()});
  return chains;
}

std::size_t ipset_room(std::size_t members) {
  constexpr std::size_t kUsual = 65536;  // ipset's default
  return std::max(kUsual, std::bit_ceil(2 * members));
}

std::string ipset_create(const TextSet& set, std::string_view name) {
  const std::string quoted(name);
  std::string text =
      "create " + quoted + (set.kind == SetKind::address_and_port ? " hash:ip,port" : " hash:ip") +
      (set.family == IpFamily::v4 ? " family inet maxelem " : " family inet6 maxelem ") +
      std::to_string(ipset_room(set.members.size())) + '\n';
  for (const std::string& member : set.members) text += "add " + quoted + ' ' + member + '\n';
  return text;
}

std::string iptables_text(const CapturePlan& plan, const IptablesFeatures& features) {
  std::string text;
  if (features.owned_table) {
    text +=
        "# The chains lie in the nf_tables tables ip lvsd and ip6 lvsd, which only lvsd can\n"
        "# change, each at the hook of its table; shown here as iptables would have them.\n";
  }
  if (features.sets) {
    text += "# ipset restore\n";
    for (const TextSet& set : ipset_sets(plan)) text += ipset_create(set, set.name);
  }
  text += "# iptables-restore --noflush\n" +
          restore_text(iptables_chains(plan, IpFamily::v4, features));
  if (plan.v6.empty()) return text;
  return text + "# ip6tables-restore --noflush\n" +
         restore_text(iptables_chains(plan, IpFamily::v6, features));
}

}  // namespace lvsd
