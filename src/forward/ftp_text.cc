// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/forward/ftp_text.h"

#include <array>
#include <charconv>

namespace lvsd {
namespace {

constexpr std::size_t kLongestAddress = 45;  // of IPv6 with an IPv4 tail

bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view text, std::string_view word) {
  if (text.size() != word.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (lower(text[i]) != lower(word[i])) return false;
  }
  return true;
}

// Takes one number of at most `most` off the front.
std::optional<std::uint16_t> take_number(std::string_view& text, std::uint16_t most) {
  std::uint16_t number = 0;
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number > most) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

// "10,0,2,13,117,48": a real answer and a real command have something behind it, be it only the end
// of the line; without that, the last number may be cut in the middle.
std::optional<Endpoint> take_six(std::string_view& text) {
  std::array<std::uint8_t, 6> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0) {
      if (text.empty() || text.front() != ',') return std::nullopt;
      text.remove_prefix(1);
    }
    const auto number = take_number(text, 255);
    if (!number) return std::nullopt;
    bytes[i] = static_cast<std::uint8_t>(*number);
  }
  if (text.empty()) return std::nullopt;
  const auto port = static_cast<std::uint16_t>(bytes[4] << 8U | bytes[5]);
  if (port == 0) return std::nullopt;
  return Endpoint{IpAddress(bytes[0], bytes[1], bytes[2], bytes[3]), Port(port)};
}

struct Extended {
  std::optional<IpAddress> address;
  Port port;
};

// "|1|10.0.2.13|30000|" with any delimiter; where `short_form` allows, "|||30000|".
std::optional<Extended> take_extended(std::string_view& text, bool v4, bool short_form) {
  if (text.empty()) return std::nullopt;
  const char delimiter = text.front();
  if (delimiter < 33 || delimiter > 126 || is_digit(delimiter)) return std::nullopt;
  text.remove_prefix(1);
  const auto field = [&]() -> std::optional<std::string_view> {
    const std::size_t end = text.substr(0, kLongestAddress + 1).find(delimiter);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view out = text.substr(0, end);
    text.remove_prefix(end + 1);
    return out;
  };
  const auto family = field();
  const auto address = family ? field() : std::nullopt;
  auto digits = address ? field() : std::nullopt;
  if (!digits) return std::nullopt;
  Extended out;
  if (!(short_form && family->empty() && address->empty())) {
    out.address = IpAddress::parse(*address);
    if (*family != (v4 ? "1" : "2") || !out.address || out.address->is_v4() != v4) {
      return std::nullopt;
    }
  }
  const auto port = take_number(*digits, 65535);
  if (!port || *port == 0 || !digits->empty()) return std::nullopt;
  out.port = Port(*port);
  return out;
}

std::optional<FtpCommand> read_command(std::string_view line, bool v4) {
  const std::string_view word = line.substr(0, 4);
  std::string_view rest = line.substr(word.size());
  const bool argument = rest.size() > 1 && rest.front() == ' ';
  if (v4 && same_word(word, "PASV") && rest == "\r") return FtpCommand{FtpMode::passive, {}};
  if (same_word(word, "EPSV") && (rest == "\r" || rest == (v4 ? " 1\r" : " 2\r"))) {
    return FtpCommand{FtpMode::extended_passive, {}};
  }
  if (!argument) return std::nullopt;
  rest.remove_prefix(1);
  if (v4 && same_word(word, "PORT")) {
    const auto client = take_six(rest);
    if (client && rest == "\r") return FtpCommand{FtpMode::active, *client};
  }
  if (same_word(word, "EPRT")) {
    const auto client = take_extended(rest, v4, false);
    if (client && rest == "\r")
      return FtpCommand{FtpMode::active, {*client->address, client->port}};
  }
  return std::nullopt;
}

// Calls read(line) for every line that ends within the segment, its line feed not included.
template <class Read>
void for_each_line(std::string_view segment, Read&& read) {
  while (true) {
    const std::size_t end = segment.find('\n');
    if (end == std::string_view::npos) return;
    read(segment.substr(0, end));
    segment.remove_prefix(end + 1);
  }
}

std::optional<FtpAnswer> read_answer(std::string_view line, FtpMode mode, bool v4) {
  const bool extended = mode == FtpMode::extended_passive;
  if (line.substr(0, 4) != (extended ? "229 " : "227 ")) return std::nullopt;
  std::size_t begin = 4;
  while (begin < line.size() && line[begin] != '(' && (extended || !is_digit(line[begin]))) ++begin;
  if (begin == line.size()) return std::nullopt;
  if (line[begin] == '(') ++begin;
  std::string_view rest = line.substr(begin);
  FtpAnswer out;
  out.begin = begin;
  if (extended) {
    const auto endpoint = take_extended(rest, v4, true);
    if (!endpoint) return std::nullopt;
    out.address = endpoint->address;
    out.port = endpoint->port;
  } else {
    const auto endpoint = take_six(rest);
    if (!endpoint) return std::nullopt;
    out.address = endpoint->address;
    out.port = endpoint->port;
  }
  out.end = line.size() - rest.size();
  return out;
}

}  // namespace

std::optional<FtpCommand> read_ftp_command(std::string_view segment, bool v4) {
  std::optional<FtpCommand> last;
  for_each_line(segment, [&](std::string_view line) {
    if (const auto command = read_command(line, v4)) last = command;
  });
  return last;
}

std::optional<FtpAnswer> read_ftp_answer(std::string_view segment, FtpMode mode, bool v4) {
  if (mode == FtpMode::active || (mode == FtpMode::passive && !v4)) return std::nullopt;
  std::optional<FtpAnswer> first;
  for_each_line(segment, [&](std::string_view line) {
    if (first) return;
    first = read_answer(line, mode, v4);
    const auto offset = static_cast<std::size_t>(line.data() - segment.data());
    if (first) first->begin += offset, first->end += offset;
  });
  return first;
}

std::string ftp_answer_text(FtpMode mode, const Endpoint& endpoint) {
  const unsigned port = endpoint.port.host();
  if (mode == FtpMode::extended_passive) return "|||" + std::to_string(port) + "|";
  std::string out;
  const Ipv4Address address = endpoint.address.v4();
  for (const std::uint8_t byte : address.bytes()) out += std::to_string(byte) + ",";
  return out + std::to_string(port >> 8U) + "," + std::to_string(port & 0xffU);
}

}  // namespace lvsd
