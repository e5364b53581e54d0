// SPDX-License-Identifier: GPL-2.0-or-later
// Captures in: pcap and pcapng, read by libpcap, times in nanoseconds whatever the file's own unit.
//
// A pcapng file may hold several interfaces of one link type (libpcap refuses mixed ones, and says
// so); which interface a frame came from is not asked for: its addresses tell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "lvsd/model/time.h"
#include "lvsd/net/result.h"

namespace lvsd {

// What the first bytes of every frame are. Others are refused when the file is opened.
enum class LinkType : std::uint8_t { ethernet, raw_ip, cooked_v1, cooked_v2 };

struct CapturedFrame {
  TimePoint time;                    // since 1970, as in the capture
  std::span<const std::byte> bytes;  // valid until the next call of next()
  std::size_t length = 0;            // on the wire; above bytes.size() where the snap length cut it
  bool cut() const { return bytes.size() < length; }
};

class PcapReader {
 public:
  static Result<PcapReader, Error> open(const std::string& file);  // "-": standard input
  ~PcapReader();
  PcapReader(PcapReader&&) noexcept;
  PcapReader& operator=(PcapReader&&) noexcept;

  LinkType link_type() const { return link_type_; }
  // The next frame; nothing at the end of the file.
  Result<std::optional<CapturedFrame>, Error> next();

 private:
  struct Handle;
  PcapReader(std::unique_ptr<Handle> handle, LinkType link_type, std::string file);
  std::unique_ptr<Handle> handle_;
  LinkType link_type_;
  std::string file_;
  std::uint64_t frames_ = 0;
};

}  // namespace lvsd
