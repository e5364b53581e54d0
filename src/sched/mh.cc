// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/mh.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

#include "lvsd/net/siphash.h"
#include "lvsd/sched/hash.h"

namespace lvsd {
namespace {

constexpr std::uint32_t kSlots = 4093;
constexpr int kTurnBits = 6;  // of the largest number of turns: half the kernel's table index
constexpr std::uint32_t kFree = 0xffffffff;
constexpr HashSeed kFirstKey{2654435761U, 2654435761U};
constexpr HashSeed kSecondKey{2654446892U, 2654446892U};

// `place` is the sum of the folded address, the port and an offset, modulo 2^32.
std::uint32_t maglev_hash(const HashSeed& key, std::uint32_t place) {
  std::array<std::byte, 4> little{};
  for (std::size_t i = 0; i < little.size(); ++i) {
    little[i] = static_cast<std::byte>(place >> (8 * i));
  }
  return static_cast<std::uint32_t>(siphash13(key, little));
}

// How one destination claims: its next slot, the step to the one after it, its claims in a row.
struct Claimant {
  std::uint32_t slot = 0, skip = 0, turns = 0;

  void move_on() { slot = (slot + skip) % kSlots; }
};

std::vector<Claimant> claimants(const Pool& pool) {
  std::vector<Claimant> out;
  std::uint32_t divisor = 0, largest = 0;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    const std::uint32_t weight = pool[i].last_weight;
    divisor = std::gcd(divisor, weight);
    largest = std::max(largest, weight);
  }
  if (divisor == 0) return out;
  const int shift = std::max(0, static_cast<int>(std::bit_width(largest / divisor)) - kTurnBits);
  for (std::size_t i = 0; i < pool.size(); ++i) {
    const Endpoint& endpoint = pool[i].config.endpoint;
    const std::uint32_t place = folded(endpoint.address) + endpoint.port.host();
    const std::uint32_t turns = pool[i].last_weight / divisor >> shift;
    out.push_back({.slot = maglev_hash(kFirstKey, place) % kSlots,
                   .skip = maglev_hash(kSecondKey, place) % (kSlots - 1) + 1,
                   .turns = pool[i].last_weight == 0 ? 0 : std::max(turns, 1U)});
  }
  return out;
}

}  // namespace

std::optional<std::size_t> Maglev::pick(const Pool& pool, const ScheduleKey& key) {
  if (owners_.empty()) return std::nullopt;
  const std::uint32_t place =
      folded(key.client) + (flags_.port ? key.client_port.host() : std::uint32_t{0});
  const auto usable = [&](std::size_t i) { return i < pool.size() && pool[i].usable(); };
  const std::uint32_t first = maglev_hash(kFirstKey, place) % kSlots;
  if (usable(owners_[first])) return owners_[first];
  if (!flags_.fallback) return std::nullopt;
  // The kernel hashes 4093 times where everybody is down; the answer is known before.
  bool any_usable = false;
  for (std::size_t i = 0; i < pool.size() && !any_usable; ++i) any_usable = usable(i);
  for (std::uint32_t k = 0; any_usable && k < kSlots; ++k) {
    const std::size_t owner =
        owners_[maglev_hash(kFirstKey, place + (k + first) % kSlots) % kSlots];
    if (usable(owner)) return owner;
  }
  return std::nullopt;
}

void Maglev::changed(const Pool& next, std::span<const DestinationId> /*old_order*/,
                     bool /*weights_changed*/) {
  owners_.clear();
  std::vector<Claimant> order = claimants(next);
  if (order.empty()) return;
  owners_.assign(kSlots, kFree);
  std::uint32_t taken = 0;
  for (std::size_t i = 0; taken < kSlots; i = (i + 1) % order.size()) {
    Claimant& claimant = order[i];
    for (std::uint32_t turn = 0; turn < claimant.turns && taken < kSlots; ++turn, ++taken) {
      while (owners_[claimant.slot] != kFree) claimant.move_on();
      owners_[claimant.slot] = static_cast<std::uint32_t>(i);
    }
  }
}

}  // namespace lvsd
