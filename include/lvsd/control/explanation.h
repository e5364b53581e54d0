// SPDX-License-Identifier: GPL-2.0-or-later
// A decision in sentences: what `lvsctl explain` and `lvsctl trace` print. Everything here is made
// from the record that the director filled in while it decided (director/decision.h); nothing is
// looked up or worked out a second time.
//
// Every packet has one reason: of those dropped or left to the host it is the one that lvsd(8)
// lists; of those sent on it is how their connection came to be. The switches over reasons have no
// default, so that a new reason does not compile until it has its sentence.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "lvsd/director/decision.h"
#include "lvsd/model/emission.h"

namespace lvsd {

struct EmittedPacket {
  std::string interface;
  bool routed = false;      // by the kernel: no MACs of ours
  bool unfinished = false;  // a super-packet, or one whose checksum the device finishes
  Mac source, destination;
  std::vector<std::byte> bytes;  // from the IP header on
};

struct Explanation {
  std::string verdict;                 // "forwarded", "held", "accepted", "dropped"
  std::string reason;                  // "known-connection", "no-route": never empty
  std::string service, destination;    // empty where none was met
  std::vector<std::string> sentences;  // in the order of the decision, the verdict last
  std::vector<EmittedPacket> emitted;
};

// What checks say of a destination: "down"; empty where there are none.
using HealthWord = std::function<std::string(const ServiceKey&, const Endpoint&)>;

Explanation explain(const Decision& decision, const std::vector<Emission>& emissions,
                    const Network& network, const HealthWord& health = {});

// How a forwarded or held packet came to its connection.
std::string_view reason_of(const Decision& decision);
// What the operator can do about it, or why nothing is to be done.
std::string_view advice(DropReason reason);
std::string_view advice(AcceptReason reason);
// By what the scheduler chooses.
std::string_view rule_of(SchedulerKind kind);

nlohmann::json to_json(const Explanation& explanation);
Result<Explanation, Error> parse_explanation(const nlohmann::json& value);

// "45000028..."; nothing where it is no such text.
std::string to_hex(std::span<const std::byte> bytes);
std::optional<std::vector<std::byte>> from_hex(std::string_view text);

}  // namespace lvsd
