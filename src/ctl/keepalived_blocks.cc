// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/keepalived_blocks.h"

#include <algorithm>

#include "keepalived_parameters.h"

namespace lvsd::ctl {
namespace {

constexpr std::size_t kMostDepth = 32, kMostIncludes = 16, kMostFiles = 1000;

enum class Kind : std::uint8_t { word, open, close, end };

struct Token {
  Kind kind = Kind::end;
  std::size_t line = 0;
  std::size_t file = 0;  // among the lexer's
  std::string text;
};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

struct Place {
  std::size_t line = 0, file = 0;
  std::size_t depth = 0;  // of includes
};

class Lexer {
 public:
  Lexer(const Include& include, std::vector<Remark>& remarks)
      : include_(include), remarks_(remarks) {}

  std::vector<Token> read(std::string_view text) {
    files_.emplace_back();
    read_text(text, 0, 0);
    return std::move(tokens_);
  }
  const std::string& file(const Token& token) const { return files_[token.file]; }

 private:
  void read_text(std::string_view text, std::size_t file, std::size_t depth) {
    for (std::size_t number = 1; !text.empty();) {
      const Place place{number, file, depth};
      std::vector<std::string> lines = next_lines(text, number);
      if (auto definition = read_definition(lines.front())) {
        lines.front() = std::move(definition->text);
        parameters_.define(std::move(definition->name), std::move(lines));
      } else {
        read_statement(joined(lines), place, 0);
      }
    }
  }

  // A line and those that backslashes join to it, without comments.
  static std::vector<std::string> next_lines(std::string_view& text, std::size_t& number) {
    std::vector<std::string> lines;
    bool quoted = false;
    for (bool more = true; more && !text.empty(); ++number) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      std::string_view line = trimmed(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      more = !line.empty() && line.back() == '\\';
      if (more) line.remove_suffix(1);
      lines.emplace_back(trimmed(without_comment(line, quoted)));
    }
    return lines;
  }

  static std::string_view without_comment(std::string_view line, bool& quoted) {
    for (std::size_t at = 0; at < line.size(); ++at) {
      if (line[at] == '\\') {
        ++at;
      } else if (line[at] == '"') {
        quoted = !quoted;
      } else if (!quoted && (line[at] == '!' || line[at] == '#')) {
        return line.substr(0, at);
      }
    }
    return line;
  }

  static std::string joined(const std::vector<std::string>& lines) {
    std::string out;
    for (const std::string& line : lines) out += (out.empty() ? "" : " ") + line;
    return out;
  }

  // With what parameters stand for; `nesting` of them around it. False after a remark, so that
  // one line gives but one.
  bool read_statement(std::string_view line, const Place& place, std::size_t nesting) {
    if (auto definition = read_definition(line)) {
      parameters_.define(std::move(definition->name), {std::move(definition->text)});
      return true;
    }
    if (line.starts_with('@')) return only_somewhere(line, place);
    const ExpandedLine expanded = parameters_.expand(line);
    if (!expanded.wrong.empty()) return leave_out(place, expanded.wrong);
    if (expanded.line.starts_with('@')) return only_somewhere(expanded.line, place);
    if (expanded.line.starts_with("~SEQ") || expanded.line.starts_with("~LST")) {
      return leave_out(place, "lvsctl does not repeat a line (" + std::string(line) + ")");
    }
    if (!expanded.unknown.empty()) {
      leave_out(place, "what keepalived puts in for ${" + expanded.unknown + "}");
    }
    read_line(expanded.line, place);
    tokens_.push_back({Kind::end, place.line, place.file, {}});
    if (expanded.rest.empty()) return true;
    if (nesting == kMostDepth) return leave_out(place, "what parameters stand for has no end");
    return std::all_of(expanded.rest.begin(), expanded.rest.end(), [&](const std::string& each) {
      return read_statement(each, place, nesting + 1);
    });
  }

  bool only_somewhere(std::string_view line, const Place& place) {
    return leave_out(place, "it counts on some machines only (" + std::string(line) + ")");
  }

  void read_line(std::string_view line, const Place& place) {
    const std::size_t before = tokens_.size();
    std::size_t at = 0;
    while (at < line.size() && line[at] != '!' && line[at] != '#') {
      if (is_space(line[at])) {
        ++at;
      } else if (line[at] == '{' || line[at] == '}') {
        tokens_.push_back({line[at] == '{' ? Kind::open : Kind::close, place.line, place.file, {}});
        ++at;
      } else {
        tokens_.push_back({Kind::word, place.line, place.file, read_word(line, at, place)});
      }
    }
    if (tokens_.size() == before || tokens_[before].kind != Kind::word) return;
    // include, and its kin of later versions, which differ in how strict they are about the file
    const std::string& word = tokens_[before].text;
    if (word != "include" && (word.size() != 8 || !word.starts_with("include"))) return;
    std::vector<Token> words(
        std::make_move_iterator(tokens_.begin() + static_cast<std::ptrdiff_t>(before)),
        std::make_move_iterator(tokens_.end()));
    tokens_.resize(before);
    take_in(words, place);
  }

  std::string read_word(std::string_view line, std::size_t& at, const Place& place) {
    std::string out;
    while (at < line.size()) {
      const char c = line[at];
      if (c == '"') {
        out += read_quoted(line, at, place);
        continue;
      }
      const std::string_view next = line.substr(at + 1, 1);
      if (c == '\\' && (next == "!" || next == "#" || next == "\"")) {  // begins nothing
        out += next == "\"" ? "\\\"" : next;
        at += 2;
        continue;
      }
      const bool parameter = c == '{' && !out.empty() && out.back() == '$';
      if (is_space(c) || c == '!' || c == '#' || c == '}' || (c == '{' && !parameter)) break;
      out += c;
      ++at;
      if (!parameter) continue;
      const std::size_t end = line.find('}', at);  // one that nobody defined
      if (end == std::string_view::npos) continue;
      out += line.substr(at, end + 1 - at);
      at = end + 1;
    }
    return out;
  }

  // What is between two quotes. Backslashes stay: only commands know them.
  std::string_view read_quoted(std::string_view line, std::size_t& at, const Place& place) {
    const std::size_t begin = ++at;
    while (at < line.size() && line[at] != '"') at += line[at] == '\\' ? 2 : 1;
    const std::size_t end = std::min(at, line.size());
    if (end == line.size()) leave_out(place, "a quote is not closed");
    at = std::min(end + 1, line.size());
    return line.substr(begin, end - begin);
  }

  void take_in(const std::vector<Token>& words, const Place& place) {
    const std::string pattern = words.size() > 1 ? words[1].text : std::string();
    if (words.size() != 2 || words[1].kind != Kind::word) {
      leave_out(place, "'include' needs the name of a file");
      return;
    }
    if (place.depth == kMostIncludes) {
      leave_out(place, "files include each other too deeply");
      return;
    }
    const std::vector<TextFile> found = include_(pattern, files_[place.file]);
    if (found.empty()) {
      leave_out(place, "there is no file " + pattern + " that can be read");
    }
    for (const TextFile& each : found) {
      if (files_.size() > kMostFiles) {
        leave_out(place, "too many files");
        return;
      }
      files_.push_back(each.name);
      read_text(each.text, files_.size() - 1, place.depth + 1);
    }
  }

  bool leave_out(const Place& place, std::string why) {
    remarks_.push_back({place.line, std::move(why), files_[place.file]});
    return false;
  }

  const Include& include_;
  std::vector<Remark>& remarks_;
  std::vector<std::string> files_;
  std::vector<Token> tokens_;
  Parameters parameters_;
};

class Parser {
 public:
  explicit Parser(const Include& include) : lexer_(include, out_.remarks) {}

  Blocks read(std::string_view text) {
    tokens_ = lexer_.read(text);
    read_list(out_.list, 0, nullptr);
    return std::move(out_);
  }

 private:
  // Up to the closing brace of `around`, or the end of all.
  void read_list(std::vector<Block>& list, std::size_t depth, Block* around) {
    Block block;
    const auto finish = [&] {
      if (!block.words.empty()) list.push_back(std::move(block));
      block = Block();
    };
    while (at_ < tokens_.size()) {
      Token& token = tokens_[at_++];
      if (token.kind == Kind::word) {
        if (block.words.empty()) start(block, token);
        block.last = token.line;
        block.words.push_back(std::move(token.text));
      } else if (token.kind == Kind::open) {
        if (block.words.empty()) start(block, token);
        open(block, token, depth);
        finish();
      } else if (token.kind == Kind::close && around == nullptr) {
        finish();
        remark(token, "a closing brace without an opening one");
      } else if (token.kind == Kind::close) {
        finish();
        around->last = token.line;
        return;
      } else if (!block.words.empty() && !skip_to_open()) {
        finish();
      }
    }
    finish();
    if (around != nullptr) {
      out_.remarks.push_back({around->line, "its brace is not closed", around->file});
    }
  }

  void start(Block& block, const Token& token) const {
    block.line = block.last = token.line;
    block.file = lexer_.file(token);
  }

  void open(Block& block, const Token& token, std::size_t depth) {
    if (depth < kMostDepth) {
      read_list(block.inside, depth + 1, &block);
      return;
    }
    remark(token, "too many braces within each other");
    for (std::size_t open = 1; at_ < tokens_.size() && open > 0; ++at_) {
      if (tokens_[at_].kind == Kind::open) ++open;
      if (tokens_[at_].kind == Kind::close) --open;
    }
  }

  // Whether the next thing, on whatever line, is an opening brace; goes there if so.
  bool skip_to_open() {
    std::size_t next = at_;
    while (next < tokens_.size() && tokens_[next].kind == Kind::end) ++next;
    if (next == tokens_.size() || tokens_[next].kind != Kind::open) return false;
    at_ = next;
    return true;
  }

  void remark(const Token& token, std::string what) {
    out_.remarks.push_back({token.line, std::move(what), lexer_.file(token)});
  }

  Blocks out_;
  Lexer lexer_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

}  // namespace

std::string Block::text() const {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

void judge_words(const Block& block, std::size_t values, std::vector<Remark>& remarks) {
  if (block.words.size() <= values + 1) return;
  const std::string what = "'" + block.words[values + 1] + "' and what follows it: ";
  remarks.push_back(
      {block.line, block.text() + ": " + what + "the statement has no place for it", block.file});
}

Blocks read_blocks(std::string_view text, const Include& include) {
  return Parser(include).read(text);
}

}  // namespace lvsd::ctl
