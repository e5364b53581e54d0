// SPDX-License-Identifier: GPL-2.0-or-later
// What the two halves of `lvsctl explain` share: offline (explain.cc), and live (explain_live.cc).
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lvsd/control/explanation.h"
#include "lvsd/ctl/commands.h"
#include "lvsd/ctl/make_packet.h"

namespace lvsd::ctl {

struct ExplainSettings {
  std::string config, network, pcap, run_dir;
  std::optional<std::uint64_t> packet;
  PacketWords words;
  std::uint32_t mark = 0;
  bool bytes = false, rehearse = false, json = false;
};

// An explained packet with what identifies it for people.
struct ExplainedText {
  std::uint64_t frame = 0;  // in the capture; 0: it is in none
  std::string title;        // "packet 3, +0.120 s on eth0"; may be empty
  std::string asked;        // the packet, described
  Explanation explanation;
};

// Prints each as it comes; JSON as one document at the end.
class ExplainPrinter {
 public:
  explicit ExplainPrinter(const ExplainSettings& settings) : settings_(settings) {}
  void add(const ExplainedText& packet);
  void finish();
  std::size_t count() const { return count_; }

 private:
  void print(const EmittedPacket& emitted) const;

  const ExplainSettings& settings_;
  nlohmann::json packets_ = nlohmann::json::array();
  std::size_t count_ = 0;
};

// Packet `number` of a capture, from its IP header on.
Result<std::vector<std::byte>, Error> packet_of_capture(const std::string& file,
                                                        std::uint64_t number);
int explain_live(const ExplainSettings& settings, const std::vector<std::byte>& packet);

}  // namespace lvsd::ctl
