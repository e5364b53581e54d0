// SPDX-License-Identifier: GPL-2.0-or-later
// Captures with a comment on each packet: pcapng (draft-ietf-opsawg-pcapng), which libpcap reads
// but does not write. One section, one interface of raw IP packets, times in nanoseconds,
// everything flushed after each packet, so that a reader at the other end of a pipe sees it at
// once.
#pragma once

#include <cstddef>
#include <ostream>
#include <span>
#include <string_view>

#include "lvsd/model/time.h"

namespace lvsd {

class PcapngWriter {
 public:
  // Writes the headers; `out` has to outlive the writer.
  explicit PcapngWriter(std::ostream& out);

  // `time` since 1970; `length` of the packet on the wire, of which `bytes` may be only the start.
  void write(TimePoint time, std::span<const std::byte> bytes, std::size_t length,
             std::string_view comment);
  bool good() const { return out_.good(); }

 private:
  std::ostream& out_;
};

}  // namespace lvsd
