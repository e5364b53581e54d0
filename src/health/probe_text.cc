// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/health/probe_text.h"

#include <algorithm>

namespace lvsd {
namespace {

Reading good(std::string text) { return {Judgement::good, std::move(text)}; }
Reading bad(std::string text) { return {Judgement::bad, std::move(text)}; }
// More bytes, unless there are too many already.
Reading more(std::string_view bytes) {
  if (bytes.size() < kLongestAnswer) return {};
  return bad("answers without end");
}

// RFC 5321 section 4.2.1: "220-first", "220 last".
Reading read_smtp(std::string_view bytes, std::string_view code) {
  std::string_view rest = bytes;
  while (true) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return more(bytes);
    const std::string_view line = rest.substr(0, end);
    if (!line.starts_with(code)) return bad(printable(line));
    if (line.size() == code.size() || line[code.size()] != '-') return good(printable(line));
    rest.remove_prefix(end + 1);
  }
}

}  // namespace

std::string printable(std::string_view bytes, std::size_t longest) {
  while (!bytes.empty() && (bytes.back() == '\r' || bytes.back() == '\n')) bytes.remove_suffix(1);
  std::string out(bytes.substr(0, longest));
  std::ranges::replace_if(
      out, [](char c) { return c < ' ' || c > '~'; }, '?');
  if (bytes.size() > longest) out += "...";
  return out;
}

Reading read_smtp_greeting(std::string_view bytes) { return read_smtp(bytes, "220"); }
Reading read_smtp_hello(std::string_view bytes) { return read_smtp(bytes, "250"); }

// RFC 4253 section 4.2: lines may come before the one with the version.
Reading read_ssh(std::string_view bytes) {
  std::string_view rest = bytes;
  while (true) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return more(bytes);
    const std::string_view line = rest.substr(0, end);
    if (line.starts_with("SSH-")) return good(printable(line));
    rest.remove_prefix(end + 1);
  }
}

// To PING. One that wants a password first is there, too; one that loads its data is not yet.
Reading read_redis(std::string_view bytes) {
  const std::size_t end = bytes.find('\n');
  if (end == std::string_view::npos) return more(bytes);
  const std::string_view line = bytes.substr(0, end);
  const bool fine = line.starts_with("+PONG") || line.starts_with("-NOAUTH");
  return fine ? good(printable(line)) : bad(printable(line));
}

// The first packet: length (3 bytes), number, then the protocol's version (10) and the server's as
// a string that ends with zero, or 0xff and an error.
Reading read_mysql(std::string_view bytes) {
  constexpr std::size_t kHeader = 4;
  if (bytes.size() <= kHeader) return more(bytes);
  const auto byte = [&bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const std::size_t length = byte(0) + (std::size_t{byte(1)} << 8U) + (std::size_t{byte(2)} << 16U);
  if (byte(3) != 0 || length < 3) return bad("does not greet as MySQL does");
  if (byte(kHeader) == 0xff) {
    if (bytes.size() < kHeader + std::min(length, kLongestAnswer - kHeader)) return more(bytes);
    return bad(printable(bytes.substr(std::min(kHeader + 3, bytes.size()), length - 3)));
  }
  if (byte(kHeader) != 10) return bad("does not greet as MySQL does");
  const std::size_t end = bytes.find('\0', kHeader + 1);
  if (end == std::string_view::npos) return more(bytes);
  return good("MySQL " + printable(bytes.substr(kHeader + 1, end - kHeader - 1)));
}

Reading read_expected(std::string_view bytes, std::string_view expect) {
  if (bytes.find(expect) != std::string_view::npos) return good("answers as expected");
  Reading out = more(bytes);
  if (out.judgement == Judgement::bad) out.text = "does not answer as expected";
  return out;
}

std::vector<Step> conversation(CheckType type) {
  using enum CheckType;
  switch (type) {
    case smtp:
      return {{"", read_smtp_greeting}, {"HELO lvsd\r\n", read_smtp_hello}, {"QUIT\r\n", nullptr}};
    case ssh:
      return {{"", read_ssh}};
    case redis:
      return {{"PING\r\n", read_redis}};
    case mysql:
      return {{"", read_mysql}};
    case tcp:
    case http:
    case https:
    case tls:
    case ping:
    case udp:
    case dns:
    case ntp:
    case exec:
      break;
  }
  return {};
}

void BodySearch::take(std::string_view part) {
  if (found_) return;
  last_ += part;
  found_ = last_.find(wanted_) != std::string::npos;
  if (last_.size() >= wanted_.size()) last_.erase(0, last_.size() - (wanted_.size() - 1));
}

bool is_wanted(unsigned status, const Probe& probe) {
  return std::ranges::any_of(probe.status, [status](const StatusRange& range) {
    return status >= range.least && status <= range.most;
  });
}

Reading judge_http(unsigned status, const BodySearch& body, const Probe& probe) {
  std::string text = std::to_string(status);
  if (!is_wanted(status, probe)) return bad(std::move(text));
  if (!body.found()) return bad(text + " without " + printable(probe.body, 40));
  return good(std::move(text));
}

}  // namespace lvsd
