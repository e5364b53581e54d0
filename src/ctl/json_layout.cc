// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/json_layout.h"

#include <algorithm>

namespace lvsd::ctl {
namespace {

constexpr std::size_t kPiece = std::size_t{64} * 1024;

bool is_sign(char c) {
  return c == ',' || c == ':' || c == '[' || c == ']' || c == '{' || c == '}' || c == '"';
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::size_t past_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && is_blank(text[at])) ++at;
  return at;
}

// Behind the string that begins at `at`.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return text.size();
}

// Behind the value that begins at `at`: before the comma, colon or bracket that follows it.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = end_of_string(text, at);
      continue;
    }
    if (depth == 0 && c != '[' && c != '{' && is_sign(c)) break;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    ++at;
  }
  return at;
}

// What stands at `at`, past which it goes, with the sign and the blanks behind it.
std::string_view take_value(std::string_view text, std::size_t& at) {
  const std::size_t begin = std::min(at, text.size()), end = end_of_value(text, begin);
  std::string_view value = text.substr(begin, end - begin);
  while (!value.empty() && is_blank(value.back())) value.remove_suffix(1);
  at = past_blanks(text, end + 1);
  return value;
}

}  // namespace

JsonPrinter& JsonPrinter::raw(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= kPiece) flush();
  return *this;
}

JsonPrinter& JsonPrinter::line(std::size_t depth) {
  buffer_.append(1, '\n').append(2 * depth, ' ');
  return *this;
}

JsonPrinter& JsonPrinter::value(std::string_view json, std::size_t depth) {
  for (std::size_t at = 0; at < json.size();) {
    const char c = json[at];
    const std::size_t begin = at++;
    if (c == '"') {
      at = end_of_string(json, begin);
      raw(json.substr(begin, at - begin));
    } else if (c == '[' || c == '{') {
      at = past_blanks(json, at);
      const bool empty = at < json.size() && (json[at] == ']' || json[at] == '}');
      raw({&c, 1});
      if (empty) {
        raw(json.substr(at++, 1));
      } else {
        line(++depth);
      }
    } else if (c == ']' || c == '}') {
      if (depth > 0) --depth;
      line(depth).raw({&c, 1});
    } else if (c == ',') {
      raw(",").line(depth);
    } else if (c == ':') {
      raw(": ");
    } else if (!is_blank(c)) {
      while (at < json.size() && !is_sign(json[at]) && !is_blank(json[at])) ++at;
      raw(json.substr(begin, at - begin));
    }
  }
  return *this;
}

void JsonPrinter::flush() {
  out_.write(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
  buffer_.clear();
}

std::optional<std::string_view> json_member(std::string_view object, std::string_view key) {
  std::size_t at = past_blanks(object, 0);
  if (at == object.size() || object[at] != '{') return std::nullopt;
  at = past_blanks(object, at + 1);
  while (at < object.size() && object[at] == '"') {
    const std::string_view name = take_value(object, at);
    const std::string_view value = take_value(object, at);
    const bool quoted = name.size() == key.size() + 2 && name.substr(1, key.size()) == key;
    if (quoted && at <= object.size()) return value;
  }
  return std::nullopt;
}

void each_element(std::string_view array, const std::function<void(std::string_view)>& what) {
  std::size_t at = past_blanks(array, 0);
  if (at == array.size() || array[at] != '[') return;
  at = past_blanks(array, at + 1);
  while (at < array.size() && array[at] != ']') what(take_value(array, at));
}

}  // namespace lvsd::ctl
