// SPDX-License-Identifier: GPL-2.0-or-later
// What the director emitted against what a capture says it should have: packet by packet, in order,
// per egress interface (the source MAC). Between interfaces the order is free, since a live capture
// of several interfaces interleaves them as it likes; so is, with Ignore::order, that between
// conversations, since a live director may serve what opens a connection later than the rest.
//
// The expectation may be replay's own output or a capture taken live at the director: only IP
// frames that one of the director's MACs sent to one machine are expected; ARP, multicast and all
// that others sent are passed over. A raw IP expectation is compared without Ethernet headers.
//
// What must not count is named by Ignore. A sum over an ignored field is ignored with it. Later
// rules (flow labels, fragment ids) are further fields, or further `made` conditions.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "lvsd/ctl/decode.h"
#include "lvsd/io/pcap_reader.h"
#include "lvsd/model/network.h"
#include "lvsd/model/service.h"

namespace lvsd::ctl {

struct Ignore {
  std::set<std::string, std::less<>> fields;  // full names: "ip.id", "inner.ip.tos"
  bool stack = false;  // what the local stack sent or passed on, of packets left to it
  // Of packets the director makes (tunnel headers, its ICMP errors): "ip.id", "ip.flow_label".
  std::set<std::string, std::less<>> made;

  bool order = false;  // of packets of different conversations

  // A field's name, "mac" (eth.src and eth.dst), "made." and a field's name, "stack" or "order".
  Status add(const std::string& word);
  bool covers_mac() const { return fields.count("eth.src") != 0; }
};

// The names of the fields of one packet that do not count, sums over them included.
bool ignored(const Ignore& ignore, const std::string& field, bool made_by_director);

// Whether the director made the outermost IP header: a tunnel header or an ICMP error of its own.
bool made_by_director(const Decoded& packet, const Network& network);

struct EmittedFrame {
  CapturedFrame frame;
  std::uint64_t number = 0;  // in emission order, from 1
  bool guessed = false;      // made from a packet that the snap length cut: not compared
  bool routed = false;       // its MACs are the kernel's to choose: not compared
};

struct Difference {
  std::uint64_t expected_number = 0;  // in EXPECTED, from 1; 0: nothing more was expected
  std::uint64_t got_number = 0;       // in emission order, from 1; 0: nothing more was emitted
  std::string field;                  // empty where a whole packet is missing or too many
  std::string expected_value, got_value;
  Decoded expected, got;  // empty where there is none
};

class Comparison {
 public:
  // Frames sent by one of `macs` are the expectation.
  static Result<Comparison, Error> load(const std::string& file, Ignore ignore,
                                        const std::set<Mac>& macs);

  void take(const EmittedFrame& got, const Network& network);
  // A live stack may have answered it, if it was to an address of the director's own, and else may
  // have passed it on as it was, as a router does, or said that its TTL was used up.
  void leave_to_stack(std::span<const std::byte> packet, const Network& network);
  void finish();  // whatever is expected still is missing

  const std::optional<Difference>& difference() const { return difference_; }
  std::uint64_t compared() const { return compared_; }
  std::uint64_t not_compared() const { return not_compared_; }  // cut by a snap length

 private:
  struct Expected {
    std::uint64_t number;
    bool cut;
    std::vector<std::byte> bytes;
  };
  // Protocol, source and destination: of a packet left to the stack, as it arrived.
  using Conversation = std::tuple<std::uint8_t, Endpoint, Endpoint>;
  explicit Comparison(Ignore ignore) : ignore_(std::move(ignore)) {}
  void expect(const CapturedFrame& frame, std::uint64_t number, const std::set<Mac>& macs);
  // What is compared in order: an interface's frames, or of them one conversation's.
  struct Lane {
    Mac source;
    std::string conversation;
    friend bool operator<(const Lane& a, const Lane& b) {
      return std::tie(a.source, a.conversation) < std::tie(b.source, b.conversation);
    }
  };
  enum class Header : std::uint8_t { ethernet, ip };  // with which a packet begins
  Lane lane(std::span<const std::byte> packet, Header first) const;
  std::optional<Difference> compare(const Expected& expected, const EmittedFrame& got,
                                    const Network& network) const;
  bool is_answer_of_stack(const Expected& expected) const;
  bool is_forwarded_by_stack(const Expected& expected) const;
  bool is_of_stack(const Expected& expected) const {
    return is_answer_of_stack(expected) || is_forwarded_by_stack(expected);
  }
  void skip_answers_of_stack(std::deque<Expected>& frames) const;

  Ignore ignore_;
  bool raw_ip_ = false;
  std::map<Lane, std::deque<Expected>> lanes_;
  std::set<Conversation> left_to_stack_;
  std::set<Conversation> expired_at_stack_;  // to others, with no hop left: answered by an error
  std::set<std::vector<std::byte>> forwarded_by_stack_;  // with one hop less and no header sum
  std::optional<Difference> difference_;
  std::uint64_t compared_ = 0, not_compared_ = 0;
};

// The difference for people: one sentence that names the field, then both packets side by side.
std::string to_string(const Difference& difference);

}  // namespace lvsd::ctl
