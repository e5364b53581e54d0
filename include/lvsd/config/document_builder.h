// SPDX-License-Identifier: GPL-2.0-or-later
// yaml-cpp's events -> Document. What ends the reading is thrown as Refusal from inside an event,
// the only way out of yaml-cpp's recursion, and caught in Document's constructor.
#pragma once

#include <yaml-cpp/eventhandler.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/config/document.h"

namespace lvsd {

struct Refusal {
  Place place;
  std::string path, what, remedy;
};

class DocumentBuilder : public YAML::EventHandler {
 public:
  DocumentBuilder(Document& document, std::string_view text, Report& report)
      : document_(document), text_(text), report_(report) {}

  void OnDocumentStart(const YAML::Mark& mark) override;
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override;
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override;
  void OnMapEnd() override;

 private:
  using Stored = Document::Stored;
  struct Open {  // a list or mapping whose end has not been seen
    std::uint32_t value;
    std::uint32_t first;   // where its children start in pending_
    std::uint32_t weight;  // values below it so far, aliases followed
    YAML::anchor_t anchor;
  };
  struct Anchored {
    std::uint32_t value = 0, weight = 0;  // weight 0: its end has not been seen
  };

  [[noreturn]] void refuse(Place place, std::string what, std::string remedy) const;
  bool at_key() const;  // the next value is a mapping's key
  std::uint32_t store(ValueKind kind, const YAML::Mark& mark, const std::string& tag,
                      YAML::anchor_t anchor);
  void open(ValueKind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor);
  void close();
  void append(std::uint32_t value, std::uint32_t weight, Place place);
  void remember(YAML::anchor_t anchor, Anchored target);
  Place place_of_nothing(const YAML::Mark& mark) const;
  std::optional<Place> dash_before(const YAML::Mark& mark, std::size_t column) const;
  void require_closed_quote(const YAML::Mark& mark) const;
  void report_duplicates();
  void report_duplicate(std::uint32_t first, std::uint32_t again);
  std::string path(std::size_t depth) const;  // of the value that open_[depth] is
  std::string_view text(std::uint32_t value) const;

  Document& document_;
  std::string_view text_;  // as yaml-cpp counts it: without byte order mark
  Report& report_;
  std::vector<Open> open_;
  std::vector<std::uint32_t> pending_;  // children of all open values, innermost last
  std::vector<Anchored> anchors_;
  bool started_ = false;
};

}  // namespace lvsd
