// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/net/extension_headers.h"

namespace lvsd {
namespace {

enum Extension : std::uint8_t {
  kHopByHop = 0,
  kRouting = 43,
  kFragment = 44,
  kAuthentication = 51,
  kDestinationOptions = 60,
};
constexpr int kMostHeaders = 16;

bool is_extension(std::uint8_t type) {
  return type == kHopByHop || type == kRouting || type == kFragment || type == kAuthentication ||
         type == kDestinationOptions;
}

struct ExtensionStart {
  std::uint8_t next_header = 0, length = 0;
};

std::size_t length_of(std::uint8_t type, const ExtensionStart& header) {
  if (type == kAuthentication) return (std::size_t{header.length} + 2) * 4;
  return (std::size_t{header.length} + 1) * 8;
}

}  // namespace

std::optional<HeaderChain> walk_extensions(std::span<const std::byte> bytes,
                                           std::size_t offset) noexcept {
  const auto ip = load<Ipv6Header>(bytes, offset);
  if (!ip) return std::nullopt;
  HeaderChain chain;
  chain.protocol = ip->next_header;
  chain.end = chain.unfragmentable = offset + sizeof(Ipv6Header);
  for (int i = 0; i < kMostHeaders && is_extension(chain.protocol); ++i) {
    if (chain.protocol == kFragment) {
      const auto fragment = load<Ipv6FragmentHeader>(bytes, chain.end);
      if (!fragment) return std::nullopt;
      chain.fragment_header = chain.end;
      chain.fragment = *fragment;
      chain.protocol = fragment->next_header;
      chain.end += sizeof(Ipv6FragmentHeader);
      if (fragment->fragment_offset() != 0) break;
      continue;
    }
    const auto header = load<ExtensionStart>(bytes, chain.end);
    if (!header) return std::nullopt;
    const std::size_t length = length_of(chain.protocol, *header);
    if (length > bytes.size() - chain.end) return std::nullopt;
    chain.end += length;
    const bool repeated = chain.protocol == kHopByHop || chain.protocol == kRouting;
    if (repeated && !chain.has_fragment()) chain.unfragmentable = chain.end;
    chain.protocol = header->next_header;
  }
  return chain;
}

}  // namespace lvsd
