// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/text_file.h"

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <memory>

namespace lvsd {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

std::optional<std::string> read_text_file(const std::string& path) {
  constexpr std::size_t kChunk = std::size_t{1} << 12U;
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rbe"));
  if (!file) return std::nullopt;
  std::string text;
  for (;;) {
    const std::size_t before = text.size();
    text.resize(before + kChunk);
    const std::size_t got = std::fread(text.data() + before, 1, kChunk, file.get());
    text.resize(before + got);
    if (got == kChunk) continue;
    if (std::ferror(file.get()) == 0) return text;
    return std::nullopt;  // fclose() of a file that was only read leaves errno alone
  }
}

}  // namespace lvsd
