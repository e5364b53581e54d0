// SPDX-License-Identifier: GPL-2.0-or-later
// A YAML file as flat arrays: what yaml-cpp's events say, with the place of every value. Built in
// one pass from the event stream, because YAML::Node hides duplicate keys, follows aliases without
// limit, and costs several allocations a value.
//
// What a hostile file can do is bounded here, so that no reader behind has to think of it: text is
// valid UTF-8 without control characters, at most kMaxDepth deep, at most kMaxValues values *after*
// aliases are followed (so a "billion laughs" file ends at the first alias too many), keys are
// plain words and unique in their mapping, there is one document and no tag. yaml-cpp recurses per
// level and gives up at 500 by itself; the builder stops it at kMaxDepth, by an exception from the
// event.
//
// Anchors and aliases work (a list of destinations used twice); merge keys ("<<") do not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/config/report.h"

namespace lvsd {

enum class ValueKind : std::uint8_t { null, scalar, list, mapping };
std::string_view describe(ValueKind kind);  // "a list"

class Document;

// One value of a document: cheap to copy, valid as long as the document.
class Value {
 public:
  Value(const Document& document, std::uint32_t index) : document_(&document), index_(index) {}
  ValueKind kind() const;
  Place place() const;
  std::string_view text() const;         // of a scalar
  std::size_t size() const;              // items of a list, entries of a mapping
  Value item(std::size_t i) const;       // of a list
  Value entry_key(std::size_t i) const;  // of a mapping
  Value entry(std::size_t i) const;

 private:
  const Document* document_;
  std::uint32_t index_;
};

class Document {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{64} << 20U;
  static constexpr std::size_t kMaxDepth = 64;          // the configuration needs six
  static constexpr std::uint32_t kMaxValues = 4000000;  // 100,000 destinations are 500,000
  // Of '[', '{' and ',': yaml-cpp holds all tokens of a bracketed value in memory until its end, up
  // to five of 180 bytes for each sign.
  static constexpr std::size_t kMaxFlowSigns = 2000000;

  // Problems with the text as such go to `report`, and the document is then not to be read if
  // `broken()`: syntax errors leave nothing that could be. Duplicate keys are reported and skipped.
  Document(std::string_view text, Report& report);
  bool broken() const { return broken_; }
  bool empty() const { return values_.empty() || root().kind() == ValueKind::null; }
  Value root() const { return {*this, root_}; }

 private:
  friend class Value;
  friend class DocumentBuilder;
  struct Stored {
    ValueKind kind = ValueKind::null;
    Place place;
    std::uint32_t first = 0, count = 0;  // into text_, or into children_ (keys and values in turn)
  };
  std::vector<Stored> values_;
  std::vector<std::uint32_t> children_;
  std::string text_;
  std::uint32_t root_ = 0;
  bool broken_ = false;
};

}  // namespace lvsd
