// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/config/document_builder.h"

#include <yaml-cpp/mark.h>

#include <algorithm>
#include <utility>

namespace lvsd {
namespace {

Place place_of(const YAML::Mark& mark) {
  return {static_cast<std::uint32_t>(mark.line) + 1, static_cast<std::uint32_t>(mark.column) + 1};
}

std::string at(Place place) {
  return "line " + std::to_string(place.line) + ", column " + std::to_string(place.column);
}

}  // namespace

void DocumentBuilder::refuse(Place place, std::string what, std::string remedy) const {
  throw Refusal{place, path(open_.size()), std::move(what), std::move(remedy)};
}

std::string_view DocumentBuilder::text(std::uint32_t value) const {
  const Stored& stored = document_.values_[value];
  return std::string_view(document_.text_).substr(stored.first, stored.count);
}

bool DocumentBuilder::at_key() const {
  if (open_.empty()) return false;
  const Open& in = open_.back();
  return document_.values_[in.value].kind == ValueKind::mapping &&
         (pending_.size() - in.first) % 2 == 0;
}

// Steps from the root to what comes next below open_[depth - 1]: its last key, or its item count.
std::string DocumentBuilder::path(std::size_t depth) const {
  std::string out;
  for (std::size_t i = 0; i < depth; ++i) {
    const std::size_t end = i + 1 < open_.size() ? open_[i + 1].first : pending_.size();
    const std::size_t count = end - open_[i].first;
    if (document_.values_[open_[i].value].kind == ValueKind::list) {
      out = step(std::move(out), count);
    } else if (count % 2 == 1) {
      out = step(std::move(out), text(pending_[end - 1]));
    }
  }
  return out;
}

void DocumentBuilder::OnDocumentStart(const YAML::Mark& mark) {
  if (std::exchange(started_, true)) {
    refuse(place_of(mark), "a second YAML document starts here",
           "one document a file: remove '---' lines, and check the indentation of this line");
  }
}

void DocumentBuilder::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  if (at_key()) refuse(place_of(mark), "a key is missing", "write 'key: value'");
  const Place place = place_of_nothing(mark);
  const std::uint32_t value = store(ValueKind::null, mark, {}, anchor);
  document_.values_[value].place = place;
  append(value, 1, place);
}

// yaml-cpp reports the token behind an absent value: take the key, or the dash of the list.
Place DocumentBuilder::place_of_nothing(const YAML::Mark& mark) const {
  if (open_.empty()) return place_of(mark);
  const Stored& in = document_.values_[open_.back().value];
  if (in.kind == ValueKind::mapping) return document_.values_[pending_.back()].place;
  const std::optional<Place> dash = dash_before(mark, in.place.column - 1);
  return dash ? *dash : place_of(mark);
}

// The last line before `mark` that has an entry's dash at `column`.
std::optional<Place> DocumentBuilder::dash_before(const YAML::Mark& mark,
                                                  std::size_t column) const {
  constexpr std::size_t kFar = 4096;  // comments between; further away the token behind will do
  const auto end = static_cast<std::size_t>(mark.pos);
  const std::size_t least = end > kFar ? end - kFar : 0;
  std::string_view before = text_.substr(least, end - least);
  auto number = static_cast<std::uint32_t>(mark.line) + 1;
  for (;;) {
    const std::size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
    if (start == 0 && least > 0) return std::nullopt;  // the line starts too far away
    const std::string_view line = before.substr(start);
    const bool dash = line.size() > column && line[column] == '-' &&
                      line.substr(0, column).find_first_not_of(" -?") == std::string_view::npos;
    if (dash) return Place{number, static_cast<std::uint32_t>(column) + 1};
    if (start == 0) return std::nullopt;
    before = before.substr(0, start - 1);
    --number;
  }
}

void DocumentBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const Place place = place_of(mark);
  if (at_key()) refuse(place, "an alias as a key", "write the key out");
  const Anchored target = anchor < anchors_.size() ? anchors_[anchor] : Anchored{};
  if (target.weight == 0) {
    refuse(place, "an alias inside the value it refers to", "write the value out");
  }
  append(target.value, target.weight, place);
}

void DocumentBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag,
                               YAML::anchor_t anchor, const std::string& value) {
  if (tag == "!") require_closed_quote(mark);
  const bool key = at_key();
  if (key && value == "<<" && tag == "?") {
    refuse(place_of(mark), "merge keys ('<<') are not supported",
           "write the keys out, or use an alias for a whole value");
  }
  const std::uint32_t index = store(ValueKind::scalar, mark, tag, anchor);
  document_.values_[index].first = static_cast<std::uint32_t>(document_.text_.size());
  document_.values_[index].count = static_cast<std::uint32_t>(value.size());
  document_.text_ += value;
  append(index, 1, place_of(mark));
}

// At the end of the file yaml-cpp takes an open quote for a closed one, and with it every line that
// the quote swallowed.
void DocumentBuilder::require_closed_quote(const YAML::Mark& mark) const {
  auto i = static_cast<std::size_t>(mark.pos);
  if (i < text_.size() && text_[i] == '&') i = text_.find_first_of(" \t\n", i);
  i = text_.find_first_not_of(" \t\r\n", i);
  if (i >= text_.size() || (text_[i] != '"' && text_[i] != '\'')) return;  // a block scalar
  const char quote = text_[i++];
  for (; i < text_.size(); ++i) {
    if (text_[i] == '\\' && quote == '"') {
      ++i;
    } else if (text_[i] == quote) {
      const bool doubled = quote == '\'' && i + 1 < text_.size() && text_[i + 1] == quote;
      if (!doubled) return;
      ++i;
    }
  }
  refuse(place_of(mark), "a quote that is never closed",
         std::string("close it with ") + (quote == '"' ? "\"" : "'"));
}

void DocumentBuilder::OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                                      YAML::anchor_t anchor, YAML::EmitterStyle::value) {
  open(ValueKind::list, mark, tag, anchor);
}

void DocumentBuilder::OnMapStart(const YAML::Mark& mark, const std::string& tag,
                                 YAML::anchor_t anchor, YAML::EmitterStyle::value) {
  open(ValueKind::mapping, mark, tag, anchor);
}

void DocumentBuilder::OnMapEnd() {
  report_duplicates();
  close();
}

std::uint32_t DocumentBuilder::store(ValueKind kind, const YAML::Mark& mark, const std::string& tag,
                                     YAML::anchor_t anchor) {
  const Place place = place_of(mark);
  if (!tag.empty() && tag != "?" && tag != "!") {
    refuse(place, "a YAML tag (" + quoted(tag) + ")", "remove it: types come from the key");
  }
  const auto index = static_cast<std::uint32_t>(document_.values_.size());
  document_.values_.push_back({kind, place, 0, 0});
  const bool whole = kind == ValueKind::null || kind == ValueKind::scalar;
  remember(anchor, {index, whole ? 1U : 0U});
  return index;
}

void DocumentBuilder::remember(YAML::anchor_t anchor, Anchored target) {
  if (anchor == YAML::NullAnchor) return;
  if (anchors_.size() <= anchor) anchors_.resize(anchor + 1);
  anchors_[anchor] = target;
}

void DocumentBuilder::open(ValueKind kind, const YAML::Mark& mark, const std::string& tag,
                           YAML::anchor_t anchor) {
  const Place place = place_of(mark);
  if (at_key()) {
    refuse(place, std::string(describe(kind)) + " as a key",
           "a key is one word, as in 'key: value'; or is a bracket not closed?");
  }
  if (open_.size() >= Document::kMaxDepth) {
    throw Refusal{place,
                  {},
                  "nested more than " + std::to_string(Document::kMaxDepth) + " deep",
                  "no key of this file needs more than six levels"};
  }
  const std::uint32_t index = store(kind, mark, tag, anchor);
  open_.push_back({index, static_cast<std::uint32_t>(pending_.size()), 1, anchor});
}

void DocumentBuilder::close() {
  const Open done = open_.back();
  open_.pop_back();
  Stored& stored = document_.values_[done.value];
  stored.first = static_cast<std::uint32_t>(document_.children_.size());
  stored.count = static_cast<std::uint32_t>(pending_.size()) - done.first;
  document_.children_.insert(document_.children_.end(), pending_.begin() + done.first,
                             pending_.end());
  pending_.resize(done.first);
  remember(done.anchor, {done.value, done.weight});
  append(done.value, done.weight, stored.place);
}

void DocumentBuilder::append(std::uint32_t value, std::uint32_t weight, Place place) {
  if (open_.empty()) {
    document_.root_ = value;
    return;
  }
  // Neither side exceeds kMaxValues by itself, so the sum cannot wrap.
  open_.back().weight += weight;
  if (open_.back().weight > Document::kMaxValues) {
    refuse(place, "more than " + std::to_string(Document::kMaxValues) + " values, aliases followed",
           "use fewer aliases of aliases");
  }
  pending_.push_back(value);
}

// The keys of the innermost mapping, which is about to close: by comparing all where they are few,
// else by sorting, so that a mapping of a million keys costs no million squared.
void DocumentBuilder::report_duplicates() {
  const Open& in = open_.back();
  constexpr std::size_t kFew = 16;
  std::vector<std::uint32_t> keys;
  const std::size_t count = (pending_.size() - in.first) / 2;
  if (count <= kFew) {
    for (std::size_t i = in.first; i < pending_.size(); i += 2) {
      for (std::size_t j = in.first; j < i; j += 2) {
        if (text(pending_[j]) != text(pending_[i])) continue;
        report_duplicate(pending_[j], pending_[i]);
        break;
      }
    }
    return;
  }
  for (std::size_t i = in.first; i < pending_.size(); i += 2) keys.push_back(pending_[i]);
  std::stable_sort(keys.begin(), keys.end(),
                   [this](std::uint32_t a, std::uint32_t b) { return text(a) < text(b); });
  std::size_t first = 0;
  for (std::size_t i = 1; i < keys.size(); ++i) {
    if (text(keys[i]) == text(keys[first])) {
      report_duplicate(keys[first], keys[i]);
    } else {
      first = i;
    }
  }
}

void DocumentBuilder::report_duplicate(std::uint32_t first, std::uint32_t again) {
  report_.add(document_.values_[again].place, step(path(open_.size() - 1), text(again)),
              "this key stands at " + at(document_.values_[first].place) + " already",
              "keep one of the two");
}

}  // namespace lvsd
