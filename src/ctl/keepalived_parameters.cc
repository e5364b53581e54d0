// SPDX-License-Identifier: GPL-2.0-or-later
#include "keepalived_parameters.h"

#include <algorithm>

namespace lvsd::ctl {
namespace {

constexpr std::size_t kLongestLine = std::size_t{1} << 16U;
constexpr std::size_t kMostInLine = 1000;                 // parameters, those in others included
constexpr std::size_t kMostText = std::size_t{1} << 22U;  // of all lines together

constexpr std::string_view kBlanks = " \t\r\v\f";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }

// The name that begins at `at`; empty where none does.
std::string_view name_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  if (end < text.size() && is_letter(text[end])) {
    while (end < text.size() && is_name(text[end])) ++end;
  }
  return text.substr(std::min(at, text.size()), end - at);
}

// "$NAME" before a blank, a comma, a parenthesis or the end; "${NAME}" anywhere.
struct Reference {
  std::string_view name;
  std::size_t length = 0;  // with what is around the name; 0: there is none here
};
Reference reference_at(std::string_view text, std::size_t at) {
  const bool braces = text.substr(at).starts_with("${");
  const std::string_view name = name_at(text, at + (braces ? 2 : 1));
  const std::size_t end = at + (braces ? 2 : 1) + name.size();
  const char behind = end < text.size() ? text[end] : ' ';
  if (name.empty()) return {};
  if (braces && behind != '}') {
    return name == "_RANDOM" && behind == ' ' ? Reference{name, 1} : Reference{};
  }
  if (!braces && kBlanks.find(behind) == std::string_view::npos && behind != ',' && behind != ')') {
    return {};
  }
  return {name, end - at + (braces ? 1 : 0)};
}

bool is_keepalived_own(std::string_view name) {
  return name == "_PWD" || name == "_INSTANCE" || name == "_RANDOM" || name == "_HASH" ||
         name == "_BANG";
}

}  // namespace

std::optional<Definition> read_definition(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos || line[begin] != '$') return std::nullopt;
  const std::string_view name = name_at(line, begin + 1);
  const std::size_t equals = line.find_first_not_of(kBlanks, begin + 1 + name.size());
  if (name.empty() || equals == std::string_view::npos || line[equals] != '=') return std::nullopt;
  const std::size_t text = std::min(line.find_first_not_of(kBlanks, equals + 1), line.size());
  return Definition{std::string(name), std::string(line.substr(text))};
}

void Parameters::define(std::string name, std::vector<std::string> lines) {
  std::erase_if(lines, [](const std::string& line) { return line.empty(); });
  lines_.insert_or_assign(std::move(name), std::move(lines));
}

ExpandedLine Parameters::expand(std::string_view line) {
  ExpandedLine out;
  out.line = line;
  std::size_t count = 0, at = 0;
  while ((at = out.line.find('$', at)) != std::string::npos) {
    const Reference found = reference_at(out.line, at);
    const auto known = found.length == 0 ? lines_.end() : lines_.find(found.name);
    if (known == lines_.end()) {
      if (is_keepalived_own(found.name)) out.unknown = found.name;
      ++at;
      continue;
    }
    const auto& [name, lines] = *known;
    const bool several = lines.size() > 1;
    if (several && out.line.find_first_not_of(kBlanks, at + found.length) != std::string::npos) {
      out.wrong = "$" + name + " stands for several lines, and has to end its own";
      return out;
    }
    for (const std::string& each : lines) spent_ += each.size();
    if (++count > kMostInLine || ++spent_ > kMostText || out.line.size() > kLongestLine) {
      out.wrong = "what $" + name + " stands for has no end, or is too long";
      return out;
    }
    out.line.replace(at, found.length, lines.empty() ? std::string() : lines.front());
    if (several) out.rest.insert(out.rest.begin(), lines.begin() + 1, lines.end());
  }
  return out;
}

}  // namespace lvsd::ctl
