// SPDX-License-Identifier: GPL-2.0-or-later
// Captures out: classic pcap with nanosecond times, link type Ethernet, in this machine's byte
// order. Classic rather than pcapng because every reader takes it and it has no field that varies
// by run.
#pragma once

#include <memory>
#include <string>

#include "lvsd/io/pcap_reader.h"

namespace lvsd {

class PcapWriter {
 public:
  static Result<PcapWriter, Error> open(const std::string& file);  // "-": standard output
  ~PcapWriter();
  PcapWriter(PcapWriter&&) noexcept;
  PcapWriter& operator=(PcapWriter&&) noexcept;

  void write(const CapturedFrame& frame);
  Status close();  // also tells whether every write() before it reached the file

 private:
  struct Handle;
  PcapWriter(std::unique_ptr<Handle> handle, std::string file);
  std::unique_ptr<Handle> handle_;
  std::string file_;
};

}  // namespace lvsd
