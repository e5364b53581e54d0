// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/capture_tool.h"
#include "lvsd/io/process.h"

namespace lvsd {
namespace {

// Not probed at the start: a host whose configuration has nothing of IPv6 needs none.
Status without_ip6tables(const Status& status) {
  return fail(
      "the configuration has services or destinations of IPv6, and ip6tables cannot "
      "install their rules: " +
      status.error().message + "; make it work, take 'capture: {backend: nft}', or leave IPv6 out");
}

}  // namespace

Result<std::unique_ptr<CaptureTool>, Error> IptablesTool::probe() {
  constexpr IpFamily kV4 = IpFamily::v4;
  auto version = run_tool({"iptables", "-V"});
  if (!version) return Unexpected{version.error()};
  const RawTableVisit visit(kV4);
  if (Status queue = IptablesChains::try_rule(kV4, "-p udp -j NFQUEUE --queue-num 0"); !queue) {
    return Unexpected{queue.error()};
  }
  const auto takes = [](const char* rule) {
    return IptablesChains::try_rule(kV4, rule).has_value();
  };
  IptablesFeatures features;
  features.sets = IpsetSets::usable();
  features.addrtype = takes("-m addrtype --dst-type LOCAL -j RETURN");
  features.pkttype = takes("-m pkttype ! --pkt-type unicast -j RETURN");
  features.cgroup = takes("-p tcp -m cgroup --path / -j RETURN");
  features.bpf = takes("-m bpf --bytecode \"1,6 0 0 1\" -j RETURN");
  features.security_table = IptablesChains::has_table(kV4, "security");
  const bool legacy = version->find("nf_tables") == std::string::npos;
  // Without sets there may be more rules than one netlink message holds.
  features.owned_table = !legacy && features.sets && OwnedTable::supported();
  return std::unique_ptr<CaptureTool>(std::make_unique<IptablesTool>(features, legacy));
}

IptablesTool::IptablesTool(const IptablesFeatures& features, bool legacy)
    : features_(features),
      legacy_(legacy),
      v4_(IpFamily::v4, features.owned_table),
      v6_(IpFamily::v6, features.owned_table) {}

std::string IptablesTool::print(const CapturePlan& plan) const {
  return iptables_text(plan, features_);
}

Status IptablesTool::apply(const CapturePlan& plan, bool anew) {
  // Members first: a chain must not refer to a set that is not there.
  if (features_.sets) {
    if (Status loaded = sets_.load(ipset_sets(plan), anew); !loaded) return loaded;
  }
  for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
    IptablesChains& kept = family == IpFamily::v4 ? v4_ : v6_;
    const std::vector<IptablesChain> chains = iptables_chains(plan, family, features_);
    if (!anew && kept.loaded() == chains) continue;
    if (Status loaded = kept.load(chains, true); !loaded) {
      return family == IpFamily::v4 || chains.empty() ? std::move(loaded)
                                                      : without_ip6tables(loaded);
    }
  }
  return Done{};
}

Result<bool, Error> IptablesTool::repair(const CapturePlan& plan, bool changed) {
  bool repaired = false;
  if (features_.sets) {
    const auto intact = sets_.intact();
    if (!intact) return Unexpected{intact.error()};
    if (!*intact) {
      if (Status loaded = sets_.load(ipset_sets(plan), true); !loaded) {
        return Unexpected{loaded.error()};
      }
      repaired = true;
    }
  }
  for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
    IptablesChains& kept = family == IpFamily::v4 ? v4_ : v6_;
    if ((!changed && kept.loaded()) || kept.intact()) continue;
    if (Status loaded = kept.load(iptables_chains(plan, family, features_), false); !loaded) {
      return Unexpected{loaded.error()};
    }
    repaired = true;
  }
  return repaired;
}

Status IptablesTool::remove() {
  for (IptablesChains* chains : {&v4_, &v6_}) {
    if (Status removed = chains->remove(); !removed) return removed;
  }
  return sets_.remove();
}

}  // namespace lvsd
