// SPDX-License-Identifier: GPL-2.0-or-later
// keepalived.conf(5) as blocks within blocks, whatever they mean: words up to the end of a line,
// and what stands in braces behind them. Comments begin with '!' or '#', quotes hold spaces (and,
// behind a backslash, quotes), a backslash joins lines, `include` takes in files by pattern,
// `$NAME=text` defines a parameter, of several lines where they are joined.
//
// The text may be anything: what is wrong is a remark, and reading goes on behind it. Depth of
// blocks and of includes, number of files and growth by parameters are bounded.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/ctl/ipvsadm_rules.h"

namespace lvsd::ctl {

struct Block {
  std::string file;      // as in Remark
  std::size_t line = 0;  // of its first word
  std::size_t last = 0;  // of its closing brace, or of its last word
  std::vector<std::string> words;
  std::vector<Block> inside;

  std::string text() const;  // its words
  std::string_view word(std::size_t at) const {
    return at < words.size() ? std::string_view(words[at]) : std::string_view();
  }
};

// A remark where a statement has more words than its name and `values`.
void judge_words(const Block& block, std::size_t values, std::vector<Remark>& remarks);

struct TextFile {
  std::string name, text;
};
// The files that a pattern names, for an `include` that stands in `file` (empty: the text itself).
using Include =
    std::function<std::vector<TextFile>(const std::string& pattern, const std::string& file)>;

struct Blocks {
  std::vector<Block> list;
  std::vector<Remark> remarks;
};
Blocks read_blocks(std::string_view text, const Include& include);

}  // namespace lvsd::ctl
