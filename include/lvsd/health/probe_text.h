// SPDX-License-Identifier: GPL-2.0-or-later
// What servers answer, judged: every parser of bytes that a probe receives, but for HTTP's own,
// which is a library's. Bytes in, a judgement out; `more` asks for further bytes. All of it is
// hostile: a real server may be anything by the time it is asked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lvsd/model/health.h"

namespace lvsd {

inline constexpr std::size_t kLongestAnswer = 16384;  // bytes of it that are looked at

enum class Judgement : std::uint8_t { more, good, bad };
struct Reading {
  Judgement judgement = Judgement::more;
  std::string text;  // "220 mx ready", printable, for people
};

// One question and its answer in a conversation over TCP.
struct Step {
  std::string send;
  Reading (*read)(std::string_view bytes) = nullptr;  // null: no answer is waited for
};
// What to say to a server of this type; empty where there is no such conversation (tcp, http, ...).
std::vector<Step> conversation(CheckType type);

Reading read_smtp_greeting(std::string_view bytes);
Reading read_smtp_hello(std::string_view bytes);
Reading read_ssh(std::string_view bytes);
Reading read_redis(std::string_view bytes);
Reading read_mysql(std::string_view bytes);
// Whether `expect` occurs.
Reading read_expected(std::string_view bytes, std::string_view expect);

std::string ask_dns(std::string_view name, std::uint16_t id);
Reading read_dns(std::string_view datagram, std::uint16_t id);
std::string ask_ntp(std::uint64_t token);
Reading read_ntp(std::string_view datagram, std::uint64_t token);
// An echo reply behind the IP header if it is IPv4; `token` are its data.
std::string ask_ping(bool v4, std::uint16_t id, std::uint16_t number, std::string_view token);
struct EchoReply {
  std::uint16_t id = 0, number = 0;
  std::string token;
};
std::optional<EchoReply> read_ping(bool v4, std::string_view datagram);

// Looks for a text in a body that comes in parts, and keeps no more of it than the text is long.
class BodySearch {
 public:
  explicit BodySearch(std::string_view wanted) : wanted_(wanted), found_(wanted.empty()) {}
  void take(std::string_view part);
  bool found() const { return found_; }

 private:
  std::string_view wanted_;
  std::string last_;  // of what came so far, where the text may have begun
  bool found_;
};
bool is_wanted(unsigned status, const Probe& probe);
Reading judge_http(unsigned status, const BodySearch& body, const Probe& probe);

// Without what could garble a terminal or a log, and not too long.
std::string printable(std::string_view bytes, std::size_t longest = 80);

}  // namespace lvsd
