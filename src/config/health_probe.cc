// SPDX-License-Identifier: GPL-2.0-or-later
// What a check asks and expects.
#include <algorithm>
#include <array>

#include "lvsd/config/health.h"
#include "lvsd/config/services.h"

namespace lvsd {
namespace {

using enum CheckType;

constexpr std::string_view kStatusRemedy = "write a status as 200, a range as 200-299, or a list";

// Which types heed which key; those that are not here go with every type.
struct Fitting {
  std::string_view key;
  std::array<CheckType, 4> types;  // repeated to fill
};
constexpr std::array<Fitting, 13> kFitting{{{"path", {http, https, https, https}},
                                            {"method", {http, https, https, https}},
                                            {"host", {http, https, https, https}},
                                            {"status", {http, https, https, https}},
                                            {"body", {http, https, https, https}},
                                            {"server_name", {https, tls, tls, tls}},
                                            {"verify", {https, tls, tls, tls}},
                                            {"certificate", {https, tls, tls, tls}},
                                            {"key", {https, tls, tls, tls}},
                                            {"query", {dns, dns, dns, dns}},
                                            {"send", {tcp, udp, udp, udp}},
                                            {"expect", {tcp, udp, udp, udp}},
                                            {"command", {exec, exec, exec, exec}}}};

// Printable, without blanks where it becomes part of a request line or a header.
std::optional<std::string> read_token(const Item& item, std::string_view remedy) {
  const std::optional<std::string_view> text = read_text(item, remedy);
  if (!text) return std::nullopt;
  const bool sane = std::ranges::all_of(*text, [](char c) { return c > ' ' && c <= '~'; });
  if (sane && text->size() <= 1024) return std::string(*text);
  item.refuse("holds a blank or a sign that does not belong there, or is too long",
              std::string(remedy));
  return std::nullopt;
}

std::optional<std::string> read_file_name(const Item& item) {
  constexpr std::string_view kRemedy = "write the whole path of the file: /etc/lvsd/ca.pem";
  const std::optional<std::string_view> text = read_text(item, kRemedy);
  if (!text) return std::nullopt;
  if (text->starts_with('/')) return std::string(*text);
  item.refuse(quoted(*text) + " does not begin with a slash", std::string(kRemedy));
  return std::nullopt;
}

std::optional<StatusRange> read_status_range(const Item& item) {
  const std::optional<std::string_view> text = read_text(item, kStatusRemedy);
  if (!text) return std::nullopt;
  const std::size_t dash = text->find('-');
  const Digits least = parse_digits(text->substr(0, dash), {100, 599});
  const Digits most =
      dash == std::string_view::npos ? least : parse_digits(text->substr(dash + 1), {100, 599});
  if (least.number && most.number && *least.number <= *most.number) {
    return StatusRange{static_cast<std::uint16_t>(*least.number),
                       static_cast<std::uint16_t>(*most.number)};
  }
  item.refuse(quoted(*text) + " is no status of HTTP, 100 to 599", std::string(kStatusRemedy));
  return std::nullopt;
}

void read_status(const Item& item, std::vector<StatusRange>& status) {
  std::vector<StatusRange> read;
  const auto add = [&read](const Item& one) {
    if (const auto range = read_status_range(one)) read.push_back(*range);
  };
  if (item.value.kind() == ValueKind::list) {
    for (std::size_t i = 0; i < item.size(); ++i) add(item[i]);
    if (item.size() == 0) item.refuse("accepts no status at all", std::string(kStatusRemedy));
  } else {
    add(item);
  }
  if (!read.empty()) status = std::move(read);
}

void read_verify(const Item& item, TlsCheck& tls) {
  constexpr std::array<std::string_view, 2> kKeys{"ca", "sha256"};
  constexpr std::string_view kRemedy = "write true, false, {ca: FILE} or {sha256: FINGERPRINT}";
  if (item.value.kind() == ValueKind::scalar) {
    if (const auto verify = read_boolean(item)) {
      tls.verify = *verify ? Verify::system : Verify::none;
    }
    return;
  }
  const Mapping map(item, kKeys, kRemedy);
  if (const auto file = map.find("ca")) {
    tls.verify = Verify::authority;
    assign(tls.authority, read_file_name(*file));
    if (map.find("sha256")) file->refuse("stands beside a fingerprint", "keep one of the two");
  } else if (const auto pin = map.require("sha256", std::string(kRemedy))) {
    tls.verify = Verify::pin;
    std::string digits;
    for (const char c : pin->value.text()) {
      if (c != ':') digits += static_cast<char>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
    }
    if (digits.size() == 64 && digits.find_first_not_of("0123456789abcdef") == std::string::npos) {
      tls.pin = digits;
    } else {
      pin->refuse("is no SHA-256 fingerprint",
                  "write the 64 digits of 'openssl x509 -noout -fingerprint -sha256'");
    }
  }
}

void read_http(const Mapping& map, Probe& probe) {
  if (const auto field = map.find("method")) {
    assign(probe.method, read_token(*field, "write GET, HEAD or OPTIONS"));
  }
  if (const auto field = map.find("path")) {
    const auto path = read_token(*field, "write it as in a URL: /healthz");
    if (path && !path->starts_with('/')) {
      field->refuse(quoted(*path) + " does not begin with a slash", "write /" + *path);
    } else {
      assign(probe.path, path);
    }
  }
  if (const auto field = map.find("host")) {
    assign(probe.host, read_token(*field, "write the name for the Host header"));
  }
  if (const auto field = map.find("status")) read_status(*field, probe.status);
  if (const auto field = map.find("body")) assign(probe.body, read_bytes(*field));
}

void read_tls(const Mapping& map, TlsCheck& tls) {
  if (const auto field = map.find("server_name")) {
    assign(tls.server_name, read_token(*field, "write the name that the certificate has"));
  }
  if (const auto field = map.find("verify")) read_verify(*field, tls);
  const auto certificate = map.find("certificate"), key = map.find("key");
  if (certificate) assign(tls.certificate, read_file_name(*certificate));
  if (key) assign(tls.key, read_file_name(*key));
  if (certificate.has_value() != key.has_value()) {
    (certificate ? certificate : key)
        ->refuse("a client certificate is two files", "give both 'certificate' and 'key'");
  }
}

}  // namespace

std::optional<std::string> read_bytes(const Item& item) {
  constexpr std::string_view kRemedy =
      R"(write text, with \r, \n, \t, \\ and \xNN for other bytes)";
  const std::optional<std::string_view> text = read_text(item, kRemedy);
  if (!text) return std::nullopt;
  std::optional<std::string> bytes = unescape(*text);
  if (bytes && bytes->size() <= 1024) return bytes;
  item.refuse(bytes ? "is longer than 1024 bytes" : "a backslash with something unknown behind it",
              std::string(kRemedy));
  return std::nullopt;
}

bool fits(CheckType type, std::string_view key) {
  const auto found = std::ranges::find(kFitting, key, &Fitting::key);
  return found == kFitting.end() || std::ranges::find(found->types, type) != found->types.end();
}

std::vector<std::string> read_command(const Item& item) {
  constexpr std::string_view kRemedy = "list its words: [/usr/local/bin/check, -v]";
  std::vector<std::string> words;
  if (!item.require(ValueKind::list, kRemedy)) return words;
  for (std::size_t i = 0; i < item.size(); ++i) {
    if (const auto word = read_text(item[i], kRemedy)) words.emplace_back(*word);
  }
  if (words.empty()) {
    item.refuse("is empty", std::string(kRemedy));
  } else if (!words.front().starts_with('/')) {
    item.refuse(quoted(words.front()) + " does not begin with a slash", std::string(kRemedy));
  }
  return words;
}

void read_probe(const Mapping& map, Probe& probe) {
  constexpr std::array<Choice<Via>, 2> kVias{{{"direct", Via::direct}, {"service", Via::service}}};
  if (const auto field = map.find("via")) assign(probe.via, read_choice<Via>(*field, kVias));
  const auto read_address = [&map](std::string_view key, std::optional<IpAddress>& into) {
    const auto field = map.find(key);
    const auto address = field ? read_destination_address(*field) : std::nullopt;
    if (address && address->port) field->refuse("has a port", "write the address alone");
    if (address) into = address->address;
  };
  read_address("address", probe.address);
  read_address("source", probe.source);
  if (const auto field = map.find("port")) {
    if (const auto port = read_number(*field, {1, 65535}, "a port is 1 to 65535")) {
      probe.port = Port(static_cast<std::uint16_t>(*port));
    }
  }
  if (const auto field = map.find("mark")) {
    assign(probe.mark, read_number(*field, {1, 0xffffffffU}, "a mark is 1 to 4294967295"));
  }
  if (const auto field = map.find("timeout")) assign(probe.timeout, read_duration(*field));
  read_http(map, probe);
  read_tls(map, probe.tls);
  if (const auto field = map.find("query")) {
    assign(probe.query, read_token(*field, "write the name to ask for: example.net"));
  }
  if (const auto field = map.find("send")) assign(probe.send, read_bytes(*field));
  if (const auto field = map.find("expect")) assign(probe.expect, read_bytes(*field));
  if (const auto field = map.find("command")) probe.command = read_command(*field);
}

}  // namespace lvsd
