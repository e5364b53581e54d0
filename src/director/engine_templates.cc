// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine_templates.h"

#include <array>
#include <cstring>

namespace lvsd {
namespace {

constexpr std::size_t kFixed = 16 + 16 + 2 + 1;  // in front of the data

std::string key_of(const Connection& like, std::string_view data) {
  const auto client = like.client.bytes(), virtual_address = like.virtual_address.bytes();
  const Be16 port = like.virtual_port.wire();
  std::string key(kFixed, '\0');
  std::memcpy(key.data(), client.data(), 16);
  std::memcpy(key.data() + 16, virtual_address.data(), 16);
  std::memcpy(key.data() + 32, &port, 2);
  key[34] = static_cast<char>(like.protocol);
  return key.append(data);
}

}  // namespace

std::size_t EngineTemplates::Hash::operator()(const std::string& key) const {
  return siphash13(seed, std::as_bytes(std::span(key.data(), key.size())));
}

std::optional<ConnectionId> EngineTemplates::find(const Connection& like,
                                                  std::string_view data) const {
  const auto found = by_key_.find(key_of(like, data));
  if (found == by_key_.end()) return std::nullopt;
  return found->second;
}

void EngineTemplates::add(ConnectionId id, const Connection& like, std::string_view data) {
  std::string key = key_of(like, data);
  by_key_[key] = id;
  keys_[static_cast<std::uint32_t>(id)] = std::move(key);
}

void EngineTemplates::erase(ConnectionId id) {
  const auto known = keys_.find(static_cast<std::uint32_t>(id));
  if (known == keys_.end()) return;
  const auto found = by_key_.find(known->second);
  if (found != by_key_.end() && found->second == id) by_key_.erase(found);
  keys_.erase(known);
}

std::string_view EngineTemplates::data(ConnectionId id) const {
  const auto known = keys_.find(static_cast<std::uint32_t>(id));
  return known == keys_.end() ? std::string_view() : std::string_view(known->second).substr(kFixed);
}

}  // namespace lvsd
