// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/steering_bpf.h"

#include <array>

namespace lvsd {
namespace {

// Codes of linux/bpf_common.h, put together: what they do, to the accumulator A and to X.
enum Code : std::uint16_t {
  kLoadWord = 0x20,         // A = the word at k
  kLoadWordIndexed = 0x40,  // A = the word at X + k
  kLoadHalf = 0x28,         // A = the half word at k
  kLoadByte = 0x30,         // A = the byte at k
  kLoadByteIndexed = 0x50,  // A = the byte at X + k
  kJumpIfAnyBit = 0x45,
  kLoadHeaderLength = 0xb1,  // X = 4 * (the byte at k & 15)
  kAnd = 0x54,
  kXor = 0xa4,
  kXorX = 0xac,
  kMultiply = 0x24,
  kShiftRight = 0x74,
  kMoveToX = 0x07,
  kJumpIfEqual = 0x15,
  kReturn = 0x06,
};

using Program = std::vector<BpfInstruction>;

void put(Program& program, Code code, std::uint32_t k = 0) { program.push_back({code, 0, 0, k}); }

// The bits of the `index`-th word of an address that a prefix of `length` bits keeps.
std::uint32_t word_mask(unsigned length, unsigned index) {
  constexpr unsigned kBits = 32;
  const unsigned before = index * kBits;
  if (length <= before) return 0;
  if (length >= before + kBits) return ~std::uint32_t{0};
  return ~std::uint32_t{0} << (before + kBits - length);
}

std::uint32_t offset_of(IpFamily family, ClientAt client) {
  constexpr std::uint32_t kIcmpHeader = 8, kIpv6Header = 40;
  const bool v4 = family == IpFamily::v4;
  switch (client) {
    case ClientAt::source:
      return v4 ? 12 : 8;
    case ClientAt::destination:
      return v4 ? 16 : 24;
    case ClientAt::quoted_destination:
      return v4 ? kIcmpHeader + 16 : kIpv6Header + kIcmpHeader + 24;
  }
  return 0;
}

}  // namespace

Program steering_program(const SteeringHash& hash, IpFamily family, ClientAt client,
                         unsigned worker) {
  const bool v4 = family == IpFamily::v4;
  const bool indexed = v4 && client == ClientAt::quoted_destination;
  const unsigned prefix = v4 ? hash.prefix.v4 : hash.prefix.v6;
  Program program;
  if (indexed) put(program, kLoadHeaderLength);
  for (unsigned word = 0; word < (v4 ? 1U : 4U); ++word) {
    put(program, indexed ? kLoadWordIndexed : kLoadWord, offset_of(family, client) + 4 * word);
    const std::uint32_t mask = word_mask(prefix, word);
    if (mask != ~std::uint32_t{0}) put(program, kAnd, mask);
    word == 0 ? put(program, kXor, hash.seed) : put(program, kXorX);
    put(program, kMultiply, SteeringHash::kFirstFactor);
    put(program, kMoveToX);
  }
  put(program, kShiftRight, SteeringHash::kFoldShift);
  put(program, kXorX);
  put(program, kMultiply, SteeringHash::kSecondFactor);
  put(program, kShiftRight, SteeringHash::kHalf);
  put(program, kMultiply, hash.workers);
  put(program, kShiftRight, SteeringHash::kHalf);
  program.push_back({kJumpIfEqual, 0, 1, worker});
  put(program, kReturn, 1);
  put(program, kReturn, 0);
  return program;
}

// Not a later fragment, which has no chunks; in IPv6, without extension headers.
Program sctp_init_program(IpFamily family) {
  constexpr std::uint32_t kFragmentOffset = 0x1fff, kSctp = 132, kInit = 1, kChunks = 12;
  Program program;
  if (family == IpFamily::v4) {
    put(program, kLoadHalf, 6);
    program.push_back({kJumpIfAnyBit, 4, 0, kFragmentOffset});
    put(program, kLoadHeaderLength);
    put(program, kLoadByteIndexed, kChunks);
  } else {
    put(program, kLoadByte, 6);
    program.push_back({kJumpIfEqual, 0, 3, kSctp});
    put(program, kLoadByte, 40 + kChunks);
  }
  program.push_back({kJumpIfEqual, 0, 1, kInit});
  put(program, kReturn, 1);
  put(program, kReturn, 0);
  return program;
}

std::string bytecode(const Program& program) {
  std::string text = std::to_string(program.size());
  for (const BpfInstruction& instruction : program) {
    text += ',' + std::to_string(instruction.code) + ' ' + std::to_string(instruction.jump_true) +
            ' ' + std::to_string(instruction.jump_false) + ' ' + std::to_string(instruction.k);
  }
  return text;
}

}  // namespace lvsd
