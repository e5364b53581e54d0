// SPDX-License-Identifier: GPL-2.0-or-later
#include "hairpins.h"

namespace lvsd {

// Real servers are no strangers: the hash needs no seed.
std::size_t Hairpins::Hash::operator()(const Tuple& tuple) const {
  constexpr std::size_t kOdd = 0x9e3779b1U;
  const std::size_t ports =
      std::size_t{tuple.source_port.host()} << 16U | tuple.destination_port.host();
  return (IpAddressHash{}(tuple.source) ^ ports) * kOdd + tuple.protocol;
}

// The ports in turn, so that a server meets one again as late as possible.
std::optional<std::uint32_t> Hairpins::add(ConnectionId id, std::uint8_t protocol,
                                           const Endpoint& server, const IpAddress& own) {
  for (unsigned tried = 0; tried < HairpinPorts::kCount; tried += step_) {
    const Port port(static_cast<std::uint16_t>(HairpinPorts::kFirst + next_));
    next_ += step_;
    if (next_ >= HairpinPorts::kCount) next_ %= step_;
    const Tuple answer{server.address, own, server.port, port, protocol};
    if (!by_answer_.try_emplace(answer, id).second) continue;
    if (free_.empty()) {
      answers_.push_back(answer);
      return static_cast<std::uint32_t>(answers_.size());
    }
    const std::uint32_t place = free_.back();
    free_.pop_back();
    answers_[place - 1] = answer;
    return place;
  }
  return std::nullopt;
}

void Hairpins::erase(std::uint32_t place) {
  by_answer_.erase(answers_[place - 1]);
  free_.push_back(place);
}

std::optional<ConnectionId> Hairpins::find(const Tuple& answer) const {
  const auto found = by_answer_.find(answer);
  if (found == by_answer_.end()) return std::nullopt;
  return found->second;
}

Endpoint Hairpins::source(std::uint32_t place) const {
  const Tuple& answer = answers_[place - 1];
  return {answer.destination, answer.destination_port};
}

void Hairpins::rename(std::uint32_t place, ConnectionId id) {
  by_answer_.insert_or_assign(answers_[place - 1], id);
}

}  // namespace lvsd
