// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/pcapng_writer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

namespace lvsd {
namespace {

// Block types, option codes and the byte-order magic: sections 4.1 to 4.3 and 3.5 of the draft.
constexpr std::uint32_t kSection = 0x0a0d0d0a, kInterface = 1, kEnhancedPacket = 6;
constexpr std::uint32_t kMagic = 0x1a2b3c4d;
constexpr std::uint16_t kEnd = 0, kComment = 1, kApplication = 4, kTimeResolution = 9;
constexpr std::uint16_t kRawIp = 101;  // LINKTYPE_RAW
constexpr std::size_t kLongestComment = 65535;

// Values in this machine's byte order, which the magic tells.
class Block {
 public:
  explicit Block(std::uint32_t type) {
    add(type);
    add(std::uint32_t{0});
  }
  template <class T>
  void add(T value) {
    const auto bytes = std::bit_cast<std::array<char, sizeof(T)>>(value);
    text_.append(bytes.data(), bytes.size());
  }
  void add_bytes(std::string_view bytes) {
    text_.append(bytes);
    text_.append((4 - bytes.size() % 4) % 4, '\0');
  }
  void option(std::uint16_t code, std::string_view value) {
    add(code);
    add(static_cast<std::uint16_t>(value.size()));
    add_bytes(value);
  }
  std::string finish() {
    option(kEnd, "");
    const auto length = static_cast<std::uint32_t>(text_.size() + 4);
    add(length);
    std::memcpy(text_.data() + 4, &length, sizeof length);
    return std::move(text_);
  }

 private:
  std::string text_;
};

}  // namespace

PcapngWriter::PcapngWriter(std::ostream& out) : out_(out) {
  Block section(kSection);
  section.add(kMagic);
  section.add(std::uint16_t{1});  // version 1.0
  section.add(std::uint16_t{0});
  section.add(std::int64_t{-1});  // the section's length is not known
  section.option(kApplication, "lvsctl");
  Block interface(kInterface);
  interface.add(kRawIp);
  interface.add(std::uint16_t{0});
  interface.add(std::uint32_t{0});  // no snap length
  interface.option(kTimeResolution, "\x09");
  out_ << section.finish() << interface.finish() << std::flush;
}

void PcapngWriter::write(TimePoint time, std::span<const std::byte> bytes, std::size_t length,
                         std::string_view comment) {
  const auto nanoseconds = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
  Block block(kEnhancedPacket);
  block.add(std::uint32_t{0});  // the interface
  block.add(static_cast<std::uint32_t>(nanoseconds >> 32U));
  block.add(static_cast<std::uint32_t>(nanoseconds));
  block.add(static_cast<std::uint32_t>(bytes.size()));
  block.add(static_cast<std::uint32_t>(std::max(length, bytes.size())));
  block.add_bytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!comment.empty()) block.option(kComment, comment.substr(0, kLongestComment));
  out_ << block.finish() << std::flush;
}

}  // namespace lvsd
