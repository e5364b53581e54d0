// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/config/fields.h"

#include <algorithm>
#include <utility>

namespace lvsd {

namespace {

// "workers:1", which YAML takes for one word.
bool is_squeezed(std::string_view text) {
  const std::size_t word = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_");
  return word != 0 && word != std::string_view::npos && text[word] == ':';
}

}  // namespace

bool Item::require(ValueKind kind, std::string_view remedy) const {
  const ValueKind found = value.kind();
  if (found == kind) return true;
  if (found == ValueKind::null) {
    refuse("has no value", std::string(remedy));
    return false;
  }
  std::string what(describe(found));
  if (found == ValueKind::scalar) {
    what = quoted(value.text());
    if (kind == ValueKind::mapping && is_squeezed(value.text())) {
      refuse(what + " where a mapping belongs", "write a space behind the colon: 'key: value'");
      return false;
    }
  }
  refuse(what + " where " + std::string(describe(kind)) + " belongs", std::string(remedy));
  return false;
}

std::string listed(std::span<const std::string_view> names, std::string_view last) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += i + 1 == names.size() ? " " + std::string(last) + " " : ", ";
    out += names[i];
  }
  return out;
}

Mapping::Mapping(const Item& item, std::span<const std::string_view> keys, std::string_view remedy,
                 std::span<const OtherKey> others)
    : item_(item), keys_(keys), values_(keys.size()) {
  valid_ = item.require(ValueKind::mapping, remedy);
  if (!valid_) return;
  for (std::size_t i = 0; i < item.value.size(); ++i) {
    const Value key = item.value.entry_key(i);
    const auto known = std::find(keys.begin(), keys.end(), key.text());
    if (known == keys.end()) {
      refuse_key(key, others);
      continue;
    }
    std::optional<Value>& slot = values_[static_cast<std::size_t>(known - keys.begin())];
    if (!slot) slot = item.value.entry(i);  // a duplicate is reported already
  }
}

void Mapping::refuse_key(Value key, std::span<const OtherKey> others) {
  const std::string_view name = key.text();
  const std::string path = Path(item_.path, name).text();
  for (const OtherKey& other : others) {
    if (other.key != name) continue;
    item_.report.add(key.place(), path, std::string(other.what), std::string(other.remedy));
    return;
  }
  std::string remedy;
  const std::size_t colon = name.find(':');
  const std::string_view near = nearest(name, keys_);
  if (colon != std::string_view::npos &&
      std::find(keys_.begin(), keys_.end(), name.substr(0, colon)) != keys_.end()) {
    remedy = "write a space behind the colon: '" + std::string(name.substr(0, colon)) + ": ...'; ";
  } else if (!near.empty()) {
    remedy = "did you mean '" + std::string(near) + "'? ";
    suggested_.push_back(near);
  }
  item_.report.add(key.place(), path, "unknown key",
                   remedy + "allowed here: " + listed(keys_, "and"));
}

std::optional<Item> Mapping::find(std::string_view key) const {
  const auto known = std::find(keys_.begin(), keys_.end(), key);
  LVSD_ASSERT(known != keys_.end());
  const std::optional<Value>& value = values_[static_cast<std::size_t>(known - keys_.begin())];
  if (!value) return std::nullopt;
  return Item{*value, Path(item_.path, *known), item_.report};
}

std::optional<Item> Mapping::require(std::string_view key, std::string_view remedy) const {
  std::optional<Item> found = find(key);
  const bool misspelt = std::find(suggested_.begin(), suggested_.end(), key) != suggested_.end();
  if (!found && valid_ && !misspelt)
    item_.refuse("has no '" + std::string(key) + "'", std::string(remedy));
  return found;
}

void refuse_choice(const Item& item, std::span<const std::string_view> names) {
  const std::string_view near = nearest(item.value.text(), names);
  std::string remedy = "write " + listed(names);
  if (!near.empty()) remedy = "did you mean '" + std::string(near) + "'? It is " + listed(names);
  item.refuse(quoted(item.value.text()) + " is not known here", remedy);
}

}  // namespace lvsd
