// SPDX-License-Identifier: GPL-2.0-or-later
// Ethernet frames built by scapy, for what must not be judged by our own packet builder.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace lvsd::test {

inline std::vector<std::byte> from_hex(std::string_view hex) {
  const auto digit = [](char c) {
    return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
  };
  std::vector<std::byte> out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<std::byte>(digit(hex[i]) << 4U | digit(hex[i + 1])));
  }
  return out;
}

inline constexpr std::string_view kTcp =
    "020000000211020000000201080045000031000740003f06245b0a0100010a0003640fa00050000003e8"
    "000000056018200008f70000020405b468656c6c6f";
inline constexpr std::string_view kUdpOptions =
    "0200000002110200000002010800470000270001000009118d590a0100010a0003640707040000000000"
    "00350036000b23a5616263";
inline constexpr std::string_view kTunnel =
    "020000000211020000000201080045000031006300003f04635b0a0002010a00020b4500001d00010000"
    "3f11646a0a0100010a000364000100020009707378";
inline constexpr std::string_view kIcmpError =
    "020000000211020000000201080045c00044000500004001628f0a0003640a01000103040f7c00000500"
    "45000028000140003f06246a0a0100010a0003640fa000500000004d000000005002200068400000";
inline constexpr std::string_view kEcho =
    "02000000021102000000020108004500002000010000400163770a0003640a0100010800192800030004"
    "70696e67";
inline constexpr std::string_view kFragment =
    "02000000021102000000020108004500001f000100b9401162af0a0100010a0003646c61746572206279"
    "746573";
// A packet of a GUE tunnel, cut in two.
inline constexpr std::string_view kGueFirst =
    "020000000211020000000201080045000054006320003f11432b0a0002010a00020bc35017c0007023aa"
    "0004000045000064000100003f06642e0a0100010a0003640fa000500000000000000000500220004a33"
    "0000787878787878787878787878";
inline constexpr std::string_view kGueLater =
    "020000000211020000000201080045000044006300083f1163330a0002010a00020b7878787878787878"
    "787878787878787878787878787878787878787878787878787878787878787878787878787878";
inline constexpr std::string_view kArp =
    "0200000002110200000002010806000108000604000102fc000000010a0001010000000000000a000102";

inline constexpr std::string_view kAllFrames[] = {kTcp,  kUdpOptions, kTunnel, kIcmpError,
                                                  kEcho, kFragment,   kArp};

}  // namespace lvsd::test
