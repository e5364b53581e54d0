// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/config/document.h"

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <array>
#include <istream>
#include <streambuf>
#include <utility>

#include "lvsd/config/document_builder.h"
#include "lvsd/config/text.h"

namespace lvsd {
namespace {

// yaml-cpp reads streams; this one is the text itself, not a copy.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* start = const_cast<char*>(text.data());  // only ever read from
    setg(start, start, start + text.size());
  }
};

struct SyntaxRemedy {
  std::string_view message, remedy;  // part of yaml-cpp's message
};
constexpr std::array<SyntaxRemedy, 10> kSyntaxRemedies{
    {{"flow not found", "close the bracket that was opened before this place"},
     {"end of map not found", "align the keys of one mapping, and quote values with special signs"},
     {"end of sequence not found", "align the dashes of one list in one column"},
     {"illegal map value", "one 'key: value' a line, aligned; quote a value that holds ': '"},
     {"illegal flow end", "remove the closing bracket, or open one for it"},
     {"unknown token", "put the value in quotes"},
     {"referenced anchor", "define the anchor (&name) before the alias (*name)"},
     {"illegal block entry",
      "put '-' on a line of its own below its key, and close brackets above it"},
     {"escape character", "in double quotes write '\\\\' for a backslash, or use single quotes"},
     {"directive", "leave out lines that start with '%'"}}};

std::string_view line_of(std::string_view text, int line) {
  while (line > 0) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
    --line;
  }
  return text.substr(0, text.find('\n'));
}

// yaml-cpp puts single bytes of the file into its messages.
std::string printable(std::string message) {
  for (char& c : message) {
    if (c < 0x20 || c == 0x7f) c = '?';
  }
  return message;
}

std::string syntax_remedy(const YAML::Exception& error, std::string_view text) {
  const std::string_view line = line_of(text, error.mark.line);
  if (line.find("[") < line.find("::") && line.find("]:") != std::string_view::npos) {
    return "put an address in brackets into quotes: \"[2001:db8::10]:80/tcp\"";
  }
  for (const SyntaxRemedy& known : kSyntaxRemedies) {
    if (error.msg.find(known.message) != std::string::npos) return std::string(known.remedy);
  }
  return "check indentation, brackets and quotes here and in the line above";
}

}  // namespace

std::string_view describe(ValueKind kind) {
  switch (kind) {
    case ValueKind::null:
      return "nothing";
    case ValueKind::scalar:
      return "a single value";
    case ValueKind::list:
      return "a list";
    case ValueKind::mapping:
      return "a mapping";
  }
  return "?";
}

ValueKind Value::kind() const { return document_->values_[index_].kind; }
Place Value::place() const { return document_->values_[index_].place; }

std::string_view Value::text() const {
  const Document::Stored& stored = document_->values_[index_];
  LVSD_ASSERT(stored.kind == ValueKind::scalar);
  return std::string_view(document_->text_).substr(stored.first, stored.count);
}

std::size_t Value::size() const {
  const Document::Stored& stored = document_->values_[index_];
  return stored.kind == ValueKind::mapping ? stored.count / 2 : stored.count;
}

Value Value::item(std::size_t i) const {
  return {*document_, document_->children_[document_->values_[index_].first + i]};
}
Value Value::entry_key(std::size_t i) const { return item(2 * i); }
Value Value::entry(std::size_t i) const { return item(2 * i + 1); }

Document::Document(std::string_view text, Report& report) {
  broken_ = true;
  if (std::optional<Problem> bad = check_text(text)) {
    report.add({static_cast<std::uint32_t>(bad->line), static_cast<std::uint32_t>(bad->column)}, {},
               bad->what, bad->remedy);
    return;
  }
  ViewBuffer buffer(text);
  std::istream stream(&buffer);
  std::string_view counted = text;
  if (counted.starts_with("\xef\xbb\xbf")) counted.remove_prefix(3);
  try {
    YAML::Parser parser(stream);
    DocumentBuilder builder(*this, counted, report);
    while (parser.HandleNextDocument(builder)) {
    }
    broken_ = false;
  } catch (const Refusal& refusal) {
    report.add(refusal.place, refusal.path, refusal.what, refusal.remedy);
  } catch (const YAML::Exception& error) {
    report.add({static_cast<std::uint32_t>(error.mark.line) + 1,
                static_cast<std::uint32_t>(error.mark.column) + 1},
               {}, "not valid YAML: " + printable(error.msg), syntax_remedy(error, counted));
  }
}

}  // namespace lvsd
