// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/capture_rules.h"

#include <optional>

#include "lvsd/io/capture_tool.h"
#include "lvsd/io/table_watch.h"

namespace lvsd {

struct CaptureRules::State {
  CaptureBackend wanted;
  std::unique_ptr<CaptureTool> tool;
  std::string unusable;  // why there is no tool
  TableWatch watch{{"lvsd", "raw", "mangle", "security", "filter"}};
  std::optional<CapturePlan> plan;  // as installed
  bool withstood = false;           // see the header
  bool suspect = false;             // a change was heard of and not yet looked into

  explicit State(std::unique_ptr<CaptureTool> chosen)
      : wanted(CaptureBackend::automatic), tool(std::move(chosen)) {}
  explicit State(CaptureBackend backend) : wanted(backend) {
    const bool any = backend == CaptureBackend::automatic;
    const bool prefer_iptables = any && OwnedTable::supported();
    if (backend == CaptureBackend::iptables || prefer_iptables) use(IptablesTool::probe());
    if (backend == CaptureBackend::nft || (any && !(tool && tool->shielded()))) {
      // nft's rules are not looked after but by listening.
      if (watch.fd() >= 0) use(NftTool::probe());
    }
    if (any && !tool && !prefer_iptables) use(IptablesTool::probe());
  }

  void use(Result<std::unique_ptr<CaptureTool>, Error> probed) {
    if (probed) {
      tool = std::move(*probed);
    } else {
      unusable += (unusable.empty() ? "" : "; ") + probed.error().message;
    }
  }

  Status apply(const CapturePlan& next, bool anew) {
    if (wanted == CaptureBackend::manual) return Done{};
    if (!tool) return fail("capture rules: no usable backend: " + unusable);
    if (Status applied = tool->apply(next, anew); !applied) return with_context(applied);
    watch.drain();  // that was us
    suspect = false;
    plan = next;
    return Done{};
  }

  // What a predecessor left with the other tool goes only when our own rules are in force.
  Status remove_others() {
    if (!tool) return Done{};
    if (tool->name() == "nft") return IptablesTool({}, false).remove();
    return NftTool().remove();
  }

  static Status with_context(const Status& status) {
    return fail("capture rules: " + status.error().message);
  }
};

CaptureRules::CaptureRules(CaptureBackend backend) : state_(std::make_unique<State>(backend)) {}

CaptureRules::CaptureRules(std::unique_ptr<CaptureTool> tool)
    : state_(std::make_unique<State>(std::move(tool))) {}

CaptureRules::~CaptureRules() = default;

Status CaptureRules::install(const CapturePlan& plan) {
  if (Status applied = state_->apply(plan, true); !applied) return applied;
  Status removed = state_->remove_others();
  state_->watch.drain();
  return removed ? std::move(removed) : State::with_context(removed);
}

Status CaptureRules::update(const CapturePlan& plan) {
  return state_->plan ? state_->apply(plan, false) : install(plan);
}

Status CaptureRules::remove() {
  state_->plan.reset();
  if (!state_->tool) return Done{};
  Status removed = state_->tool->remove();
  state_->watch.drain();
  return removed ? std::move(removed) : State::with_context(removed);
}

int CaptureRules::watch_fd() const { return state_->tool ? state_->watch.fd() : -1; }

Status CaptureRules::check(bool& restored) {
  restored = false;
  const TableChange heard = state_->watch.drain();
  state_->withstood = false;
  state_->suspect = state_->suspect || heard != TableChange::none;
  if (!state_->tool || !state_->plan) return Done{};
  const bool deaf = state_->watch.fd() < 0 || !state_->tool->announced();
  auto repaired = state_->tool->repair(*state_->plan, state_->suspect || deaf);
  if (!repaired) return fail("capture rules: " + repaired.error().message);
  state_->suspect = false;
  restored = *repaired;
  state_->withstood = !restored && heard == TableChange::deleted && state_->tool->shielded();
  if (restored) state_->watch.drain();
  return Done{};
}

bool CaptureRules::withstood() const { return state_->withstood; }

std::string_view CaptureRules::backend() const {
  if (state_->tool) return state_->tool->name();
  return state_->wanted == CaptureBackend::manual ? "manual" : "none";
}

std::string CaptureRules::print(const CapturePlan& plan) const {
  if (state_->tool) return state_->tool->print(plan);
  return "# Either: nft -f\n" + nft_text(plan, nft_queues(plan)) + "# Or:\n" +
         iptables_text(plan, {});
}

}  // namespace lvsd
