// SPDX-License-Identifier: GPL-2.0-or-later
// SipHash-1-3 (Aumasson and Bernstein): the keyed hash for every table whose keys a client chooses,
// so that nobody can aim all packets at one bucket. The kernel's hsiphash is the same function
// truncated to 32 bits on 64-bit machines (reference section 4.11).
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "lvsd/net/wire.h"

namespace lvsd {

struct HashSeed {
  std::uint64_t k0 = 0, k1 = 0;
};

std::uint64_t siphash13(const HashSeed& seed, std::span<const std::byte> bytes);

// The four words of state, started from the key and the constants of the paper's section 2. In the
// header, because every packet is hashed once.
class SipState {
 public:
  explicit SipState(const HashSeed& seed)
      : v0_(seed.k0 ^ 0x736f6d6570736575U),
        v1_(seed.k1 ^ 0x646f72616e646f6dU),
        v2_(seed.k0 ^ 0x6c7967656e657261U),
        v3_(seed.k1 ^ 0x7465646279746573U) {}

  void compress(std::uint64_t word) {
    v3_ ^= word;
    round();
    v0_ ^= word;
  }

  std::uint64_t finish() {
    v2_ ^= 0xffU;
    round();
    round();
    round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  void round() {
    v0_ += v1_;
    v2_ += v3_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v1_;
    v0_ += v3_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ = std::rotl(v2_, 32);
  }

  std::uint64_t v0_, v1_, v2_, v3_;
};

// Of a message of at most 7 bytes, which are the low ones of `word`, the first one lowest.
inline std::uint64_t siphash13_short(const HashSeed& seed, std::uint64_t word, unsigned length) {
  SipState sip(seed);
  sip.compress(word | std::uint64_t{length} << 56U);
  return sip.finish();
}

}  // namespace lvsd
