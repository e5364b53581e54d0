// SPDX-License-Identifier: GPL-2.0-or-later
// What lvsctl list --connections --json prints: the pages of the daemon's replies as one reply, on
// their way through. Trees of a million connections would take gigabytes, so only what has to be
// read becomes one. Where the daemon stops answering halfway, the object says so.
#pragma once

#include <optional>
#include <ostream>
#include <string>

#include "lvsd/control/request.h"
#include "lvsd/ctl/connection_filter.h"
#include "lvsd/ctl/json_layout.h"

namespace lvsd::ctl {

class ConnectionsPrinter {
 public:
  ConnectionsPrinter(std::ostream& out, const ConnectionFilter& filter)
      : out_(out), filter_(filter) {}

  // The page's connections that match; where the next page is, nothing behind the last.
  Result<std::optional<Cursor>, Error> add(const std::string& reply);
  bool begun() const { return begun_; }
  void end(const std::string& error = {});

 private:
  JsonPrinter out_;
  const ConnectionFilter& filter_;
  bool begun_ = false, any_ = false;
};

}  // namespace lvsd::ctl
