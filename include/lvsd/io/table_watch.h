// SPDX-License-Identifier: GPL-2.0-or-later
// Hears from the kernel when somebody changes nf_tables: those of iptables-nft and nft are
// announced, those of legacy iptables and ipset are not. Other programs may change their own tables
// many times a second, so only changes that name one of the tables given count.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lvsd/io/file_descriptor.h"

namespace lvsd {

enum class TableChange : std::uint8_t { none, changed, deleted };  // deleted: a table as a whole

class TableWatch {
 public:
  // Opened once and for good: where the kernel has no nf_tables, fd() stays -1.
  explicit TableWatch(std::vector<std::string> tables);

  int fd() const { return fd_.get(); }
  // Reads all that waits, and says the worst of it. Lost messages count as `changed`.
  TableChange drain();

 private:
  std::vector<std::string> tables_;
  FileDescriptor fd_;
};

}  // namespace lvsd
