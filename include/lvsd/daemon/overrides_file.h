// SPDX-License-Identifier: GPL-2.0-or-later
// The overrides where they outlive the daemon: DIR/overrides.json, replaced as a whole by rename,
// so that a crash leaves the old or the new one. It is a daemon's own, not an operator's: what
// cannot be read is put aside under another name, said, and never a reason not to start.
#pragma once

#include <string>

#include "lvsd/daemon/overrides.h"
#include "lvsd/net/result.h"

namespace lvsd {

class OverridesFile {
 public:
  explicit OverridesFile(std::string directory) : directory_(std::move(directory)) {}

  struct Loaded {
    Overrides overrides;
    std::string problem;  // what was wrong, and where the file is now; empty: nothing
  };
  Loaded load() const;
  // Makes the directory where it is missing. No overrides, no file.
  Status save(const Overrides& overrides) const;
  std::string path() const { return directory_ + "/overrides.json"; }

 private:
  std::string directory_;
};

std::string to_text(const Overrides& overrides);
Result<Overrides, Error> parse_overrides(std::string_view text);

}  // namespace lvsd
