// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/config/text.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "lvsd/config/document.h"

namespace lvsd {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Problem whole_file(std::string what, std::string remedy) {
  return {0, 0, {}, std::move(what), std::move(remedy)};
}

unsigned char byte_at(std::string_view text, std::size_t i) {
  return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
}

// Bytes of the UTF-8 character at `i`, 0 when it is none (RFC 3629 section 4: no overlong forms, no
// surrogates, nothing above U+10ffff).
std::size_t character_size(std::string_view text, std::size_t i) {
  const auto continues = [&](std::size_t at, unsigned from = 0x80, unsigned to = 0xbf) {
    return byte_at(text, at) >= from && byte_at(text, at) <= to;
  };
  const unsigned char lead = byte_at(text, i);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return continues(i + 1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const bool second = continues(i + 1, lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf);
    return second && continues(i + 2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const bool second = continues(i + 1, lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf);
    return second && continues(i + 2) && continues(i + 3) ? 4 : 0;
  }
  return 0;
}

bool is_break(std::string_view text, std::size_t i) {
  return byte_at(text, i) == '\n' || byte_at(text, i) == '\r';
}

std::string hex(unsigned char byte) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  return {'0', 'x', kDigits[byte >> 4U], kDigits[byte & 0xfU]};
}

// What is wrong with the character at `i`, in indentation or behind it.
std::optional<Problem> judge(std::string_view text, std::size_t i, bool indentation) {
  const unsigned char byte = byte_at(text, i);
  if (byte == '\t' && indentation) {
    return whole_file("a tab indents this line", "YAML indents with spaces only");
  }
  if (byte == 0) {
    return whole_file("a NUL byte", "the file must be text in UTF-8 (is it binary, or UTF-16?)");
  }
  const bool control =
      (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f;
  if (control) return whole_file("a control character (" + hex(byte) + ")", "remove it");
  if (character_size(text, i) == 0) {
    return whole_file("byte " + hex(byte) + " is not valid UTF-8", "save the file as UTF-8");
  }
  return std::nullopt;
}

}  // namespace

Result<std::string, Problem> read_file(const std::string& file) {
  const auto failed = [&] {
    const int error = errno;
    return Unexpected<Problem>{whole_file(std::string("cannot be read: ") + std::strerror(error),
                                          error == ENOENT ? "name an existing file (-c FILE)"
                                                          : "name a file that this user can read")};
  };
  const std::unique_ptr<std::FILE, Close> in(std::fopen(file.c_str(), "rbe"));
  if (!in) return failed();
  std::string text;
  for (;;) {
    constexpr std::size_t kChunk = std::size_t{1} << 16U;
    const std::size_t before = text.size();
    text.resize(before + kChunk);
    const std::size_t got = std::fread(text.data() + before, 1, kChunk, in.get());
    text.resize(before + got);
    if (got < kChunk && std::ferror(in.get()) != 0) return failed();
    if (text.size() > Document::kMaxBytes || got < kChunk) return text;
  }
}

std::optional<Problem> check_text(std::string_view text) {
  if (text.size() > Document::kMaxBytes) {
    return whole_file("larger than 64 MiB", "no configuration is; is this the right file?");
  }
  const auto flow_signs = std::count_if(text.begin(), text.end(),
                                        [](char c) { return c == '[' || c == '{' || c == ','; });
  if (static_cast<std::size_t>(flow_signs) > Document::kMaxFlowSigns) {
    return whole_file("more than 2000000 brackets and commas", "write large lists with dashes");
  }
  int line = 1;
  std::size_t line_start = text.starts_with("\xef\xbb\xbf") ? 3 : 0;
  bool indentation = true;
  for (std::size_t i = line_start; i < text.size();) {
    const unsigned char byte = byte_at(text, i);
    if (byte == '\n') {
      ++line;
      line_start = ++i;
      indentation = true;
      continue;
    }
    if (byte == '\t' && indentation) {  // harmless where nothing but a comment follows
      const std::size_t content = std::min(text.find_first_not_of(" \t", i), text.size());
      if (content == text.size() || byte_at(text, content) == '#' || is_break(text, content)) {
        i = content;
        continue;
      }
    }
    const bool plain = byte >= 0x20 && byte < 0x7f;
    if (!plain) {
      if (std::optional<Problem> problem = judge(text, i, indentation)) {
        problem->line = line;
        problem->column = static_cast<int>(i - line_start) + 1;
        return problem;
      }
    }
    indentation = indentation && byte == ' ';
    i += plain ? 1 : character_size(text, i);
  }
  return std::nullopt;
}

}  // namespace lvsd
