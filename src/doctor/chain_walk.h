// SPDX-License-Identifier: GPL-2.0-or-later
// What becomes of a service's requests in a chain of a firewall: rule by rule, in order, through
// the chains that it jumps to, and by its policy at the end. An ordinary firewall accepts what it
// knows, of some clients or interfaces perhaps, and drops the rest: then the service is open, if
// not to everybody, and that is nobody's fault. A fault is what surely drops all of it; where a
// rule is not understood that may decide, it cannot be told.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace lvsd::doctor {

// What a match makes of a service's requests; in this order. `maybe`: it goes by where they are
// going, but by what, is not known. `some`: it goes by something else, which requests differ in.
enum class Takes : std::uint8_t { no, maybe, some, yes };
constexpr Takes certain(bool takes) { return takes ? Takes::yes : Takes::no; }
constexpr Takes opposite(Takes takes) {
  if (takes == Takes::no || takes == Takes::yes) return certain(takes == Takes::no);
  return takes;
}
// Of connection tracking's states, a request has one of these two.
constexpr Takes takes_state(Takes is_new, Takes untracked) {
  return is_new == untracked ? is_new : Takes::some;
}

enum class Act : std::uint8_t { none, leaves, returns, drops, jumps, goes, unclear };
struct Meaning {
  Takes takes = Takes::no;
  Act act = Act::none;
  std::string target = {};  // of a jump
};

template <typename Rule>
struct Outcome {
  enum class End : std::uint8_t { goes_on, leaves, drops };
  End end = End::goes_on;
  bool open = false;            // some of the requests have left, so that they are served
  bool unsure = false;          // and whether others have, is not known
  const Rule* drops = nullptr;  // all that came so far, or perhaps all
};

inline constexpr int kDeepestJump = 16;  // as the kernel's own limit (NFT_JUMP_STACK_SIZE)

// `meaning_of(rule)`, and `rules_of(name)`: a pointer to the rules of a chain, null: none.
template <typename Rule, typename MeaningOf, typename RulesOf>
Outcome<Rule> walk(const std::vector<const Rule*>& rules, const MeaningOf& meaning_of,
                   const RulesOf& rules_of, int depth = 0) {
  using End = typename Outcome<Rule>::End;
  Outcome<Rule> out;
  for (const Rule* rule : rules) {
    const Meaning meaning = meaning_of(*rule);
    if (meaning.takes == Takes::no || meaning.act == Act::none) continue;
    End end = meaning.act == Act::drops ? End::drops : End::leaves;
    const Rule* drops = meaning.act == Act::drops ? rule : nullptr;
    if (meaning.act == Act::unclear) {
      out.unsure = true;
      continue;
    }
    if (meaning.act == Act::jumps || meaning.act == Act::goes) {
      const auto* inner = depth < kDeepestJump ? rules_of(meaning.target) : nullptr;
      if (inner == nullptr) {
        out.unsure = true;
        continue;
      }
      const Outcome<Rule> there = walk(*inner, meaning_of, rules_of, depth + 1);
      out.open = out.open || there.open;
      out.unsure = out.unsure || there.unsure;
      end = there.end;
      drops = there.drops;
      if (end != End::drops && out.drops == nullptr) out.drops = there.drops;
      if (end == End::goes_on && meaning.act == Act::jumps) continue;
    } else if (meaning.act == Act::returns) {
      end = End::goes_on;
    }
    if (meaning.takes == Takes::yes) {
      out.end = end;
      if (end == End::drops) out.drops = drops;
      return out;
    }
    // A part of them, or perhaps all: what others become is told by the rules behind.
    if (meaning.takes == Takes::some) {
      out.open = out.open || end == End::leaves;
    } else {
      out.unsure = true;
      if (end == End::drops && out.drops == nullptr) out.drops = drops;
    }
  }
  return out;
}

}  // namespace lvsd::doctor
