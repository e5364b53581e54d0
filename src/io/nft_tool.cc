// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/capture_tool.h"
#include "lvsd/io/process.h"

namespace lvsd {
namespace {

const std::string kTable(kNftTable);

Status run_nft(const std::string& commands) {
  auto done = run_tool({"nft", "-f", "-"}, commands);
  if (!done) return Unexpected{done.error()};
  return Done{};
}

bool table_exists() {
  const auto listed = run_process({"nft", "-t", "list", "table", "inet", "lvsd"});
  return listed && listed->status == 0;
}

}  // namespace

Result<std::unique_ptr<CaptureTool>, Error> NftTool::probe() {
  // -c has the kernel judge the whole transaction and then forget it.
  auto tool = std::make_unique<NftTool>();
  auto judged = run_tool({"nft", "-c", "-f", "-"}, tool->print(CapturePlan{}));
  if (!judged) return Unexpected{judged.error()};
  return std::unique_ptr<CaptureTool>(std::move(tool));
}

std::string NftTool::print(const CapturePlan& plan) const { return nft_text(plan, verdicts(plan)); }

NftVerdicts NftTool::verdicts(const CapturePlan& plan) const {
  if (verdict_.empty()) return nft_queues(plan);
  return verdict_;
}

// The old table and the new one change places within one transaction, so no packet sees neither.
Status NftTool::load_table(const CapturePlan& plan) {
  return run_nft("table " + kTable + "\ndelete table " + kTable + '\n' + print(plan));
}

Status NftTool::load_members(const std::vector<TextSet>& wanted) {
  std::string commands;
  const auto change = [&commands](const char* what, const TextSet& set,
                                  const std::vector<std::string>& members) {
    if (members.empty()) return;
    commands += what + (" element " + kTable) + ' ' + set.name + ' ' + nft_members(members) + '\n';
  };
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const SetDifference changes = difference(sets_[i], wanted[i]);
    change("add", wanted[i], changes.added);
    change("delete", wanted[i], changes.removed);
  }
  if (commands.empty()) return Done{};
  return run_nft(commands);
}

Status NftTool::apply(const CapturePlan& plan, bool anew) {
  std::vector<TextSet> wanted = nft_sets(plan);
  std::string chains = nft_chains(plan, verdicts(plan));
  const bool members_only = !anew && chains == chains_ && sets_.size() == wanted.size();
  // Members alone keep the rules and their counters; it fails only where the table is not as we
  // believe, and then all is written.
  if (!members_only || !load_members(wanted)) {
    if (Status loaded = load_table(plan); !loaded) return loaded;
  }
  sets_ = std::move(wanted);
  chains_ = std::move(chains);
  return Done{};
}

Result<bool, Error> NftTool::repair(const CapturePlan& plan, bool changed) {
  // The kernel tells who is heard, so silence means that all is well. What was changed is not worth
  // finding out: writing the table anew is one transaction.
  if (!changed) return false;
  if (Status loaded = apply(plan, true); !loaded) return Unexpected{loaded.error()};
  return true;
}

Status NftTool::remove() {
  sets_.clear();
  chains_.clear();
  if (find_program("nft").empty() || !table_exists()) return Done{};
  return run_nft("delete table " + kTable + '\n');
}

}  // namespace lvsd
