// SPDX-License-Identifier: GPL-2.0-or-later
// Where the readers of a file put what they find: problems gather here, and leave in file order.
// A path is a chain of steps on the reader's stack and becomes text only when something is wrong.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/config/load.h"

namespace lvsd {

struct Place {
  std::uint32_t line = 0, column = 0;  // from 1; columns count characters (as bytes until reported)
};

// One step more: "services" and "name" or 0 make "services.name" or "services[0]".
std::string step(std::string above, std::string_view key);
std::string step(std::string above, std::size_t index);

// "services[0].destinations[2].weight". Steps refer to the ones above: those must live longer.
class Path {
 public:
  Path() = default;
  Path(const Path& up, std::string_view key) : up_(&up), key_(key) {}
  Path(const Path& up, std::size_t index) : up_(&up), index_(index), is_index_(true) {}
  std::string text() const;

 private:
  const Path* up_ = nullptr;
  std::string_view key_;
  std::size_t index_ = 0;
  bool is_index_ = false;
};

class Report {
 public:
  // Nobody reads on beyond this many; a generated file may repeat one mistake ten thousand times.
  static constexpr std::size_t kMost = 1000;

  explicit Report(std::string_view text) : text_(text) {}
  void add(Place place, std::string path, std::string what, std::string remedy);
  bool clean() const { return list_.empty(); }
  Problems take();  // in the order of the file

 private:
  void count_characters();

  std::string_view text_;
  std::vector<Problem> list_;
  std::size_t left_off_ = 0;
};

// A piece of the file inside a message: in single quotes, cut when long, control characters escaped
// (a message goes to a terminal).
std::string quoted(std::string_view piece);

// The candidate that `word` is probably meant to be; empty where none is near.
template <class Names>
std::string_view nearest(std::string_view word, const Names& names);

// Edits (insert, remove, replace, swap neighbours) between two words; `limit` + 1 when more.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

template <class Names>
std::string_view nearest(std::string_view word, const Names& names) {
  std::string_view best;
  std::size_t least = word.size() < 5 ? 2 : 3;  // one edit in short words, two in others
  for (const std::string_view name : names) {
    const std::size_t distance = edit_distance(word, name, least - 1);
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  return best;
}

}  // namespace lvsd
