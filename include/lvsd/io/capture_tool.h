// SPDX-License-Identifier: GPL-2.0-or-later
// How CaptureRules talks to one packet filter. All calls run that filter's tools and block for
// milliseconds; an Error carries what the tool complained about.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lvsd/io/capture_text.h"
#include "lvsd/io/iptables_chains.h"
#include "lvsd/net/result.h"

namespace lvsd {

class CaptureTool {
 public:
  virtual ~CaptureTool() = default;

  // Makes the kernel hold `plan`. With `anew` all is written, whatever is believed to be there, and
  // leftovers in the tool's other tables go; else only what differs from the last plan.
  virtual Status apply(const CapturePlan& plan, bool anew) = 0;
  // Writes again what is no longer there; true where that was needed. `changed`: the kernel has
  // announced a change to one of our tables.
  virtual Result<bool, Error> repair(const CapturePlan& plan, bool changed) = 0;
  virtual Status remove() = 0;
  // Whether the kernel announces changes to this tool's rules (TableWatch).
  virtual bool announced() const = 0;
  // Whether others cannot change this tool's rules at all (owned_table.h).
  virtual bool shielded() const { return false; }
  virtual std::string print(const CapturePlan& plan) const = 0;
  virtual std::string_view name() const = 0;
};

class IptablesTool final : public CaptureTool {
 public:
  // Probes what this kernel and its tools can do, in chains that it removes again.
  static Result<std::unique_ptr<CaptureTool>, Error> probe();
  // For a given set of features: what tests of the fall-backs want.
  IptablesTool(const IptablesFeatures& features, bool legacy);

  Status apply(const CapturePlan& plan, bool anew) override;
  Result<bool, Error> repair(const CapturePlan& plan, bool changed) override;
  Status remove() override;
  bool announced() const override { return !legacy_; }
  bool shielded() const override { return features_.owned_table; }
  std::string print(const CapturePlan& plan) const override;
  std::string_view name() const override { return "iptables"; }

 private:
  IptablesFeatures features_;
  bool legacy_;
  IpsetSets sets_;
  IptablesChains v4_, v6_;
};

class NftTool final : public CaptureTool {
 public:
  static Result<std::unique_ptr<CaptureTool>, Error> probe();
  // `verdict` replaces the queue statement: a kernel without it can hold the same table otherwise.
  explicit NftTool(std::string verdict = {}) : verdict_(std::move(verdict)) {}

  Status apply(const CapturePlan& plan, bool anew) override;
  Result<bool, Error> repair(const CapturePlan& plan, bool changed) override;
  Status remove() override;
  bool announced() const override { return true; }
  std::string print(const CapturePlan& plan) const override;
  std::string_view name() const override { return "nft"; }

 private:
  Status load_table(const CapturePlan& plan);
  Status load_members(const std::vector<TextSet>& wanted);
  NftVerdicts verdicts(const CapturePlan& plan) const;

  std::string verdict_;
  std::vector<TextSet> sets_;  // as last loaded
  std::string chains_;
};

}  // namespace lvsd
