// SPDX-License-Identifier: GPL-2.0-or-later
// A service's health as keys of the file, and the bytes of a probe as text.
#include <array>
#include <charconv>

#include "lvsd/config/health.h"
#include "lvsd/config/yaml_text.h"

namespace lvsd {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

class Fields {
 public:
  void add(std::string_view key, std::string_view value) {
    text_ += text_.empty() ? "" : ", ";
    text_.append(key).append(": ").append(value);
  }
  void add(std::string_view key, std::uint64_t value) { add(key, std::to_string(value)); }
  void add(std::string_view key, Duration value) {
    add(key, value == Duration::zero() ? "off" : duration_text(value));
  }
  std::string mapping() const { return "{" + text_ + "}"; }

 private:
  std::string text_;
};

std::string list(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + scalar(word);
  return "[" + out + "]";
}

std::string show_status(const std::vector<StatusRange>& status) {
  std::string out;
  for (const StatusRange& range : status) {
    out += (out.empty() ? "" : ", ") + std::to_string(range.least);
    if (range.most != range.least) out += "-" + std::to_string(range.most);
  }
  return "[" + out + "]";
}

void add_tls(Fields& fields, const TlsCheck& tls) {
  if (!tls.server_name.empty()) fields.add("server_name", scalar(tls.server_name));
  Fields verify;
  if (tls.verify == Verify::authority) verify.add("ca", scalar(tls.authority));
  if (tls.verify == Verify::pin) verify.add("sha256", scalar(tls.pin));
  const bool plain = tls.verify == Verify::system || tls.verify == Verify::none;
  fields.add("verify",
             plain ? (tls.verify == Verify::system ? "true" : "false") : verify.mapping());
  if (!tls.certificate.empty()) fields.add("certificate", scalar(tls.certificate));
  if (!tls.key.empty()) fields.add("key", scalar(tls.key));
}

void add_probe(Fields& fields, const Probe& probe) {
  const CheckType type = probe.type;
  fields.add("via", probe.via == Via::direct ? "direct" : "service");
  if (probe.address) fields.add("address", scalar(to_string(*probe.address)));
  if (probe.port) fields.add("port", probe.port->host());
  if (probe.source) fields.add("source", scalar(to_string(*probe.source)));
  if (probe.mark != 0) fields.add("mark", probe.mark);
  fields.add("timeout", probe.timeout);
  if (fits(type, "path")) {
    fields.add("method", scalar(probe.method));
    fields.add("path", scalar(probe.path));
    if (!probe.host.empty()) fields.add("host", scalar(probe.host));
    fields.add("status", show_status(probe.status));
    if (!probe.body.empty()) fields.add("body", scalar(escape(probe.body)));
  }
  if (fits(type, "verify")) add_tls(fields, probe.tls);
  if (fits(type, "query")) fields.add("query", scalar(probe.query));
  if (fits(type, "send") && !probe.send.empty()) fields.add("send", scalar(escape(probe.send)));
  if (fits(type, "expect") && !probe.expect.empty()) {
    fields.add("expect", scalar(escape(probe.expect)));
  }
  if (fits(type, "command")) fields.add("command", list(probe.command));
}

std::string show_agent(const Agent& agent) {
  Fields fields;
  fields.add("port", agent.port.host());
  if (agent.address) fields.add("address", scalar(to_string(*agent.address)));
  fields.add("interval", agent.interval);
  fields.add("timeout", agent.timeout);
  if (!agent.send.empty()) fields.add("send", scalar(escape(agent.send)));
  return fields.mapping();
}

}  // namespace

std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    constexpr std::string_view kNames = "rnt\\", kBytes = "\r\n\t\\";
    if (const std::size_t name = kNames.find(text[i]); name != std::string_view::npos) {
      out += kBytes[name];
      continue;
    }
    unsigned byte = 0;
    if (text[i] != 'x' || text.size() - i < 3) return std::nullopt;
    const char* const end = text.data() + i + 3;
    if (std::from_chars(text.data() + i + 1, end, byte, 16).ptr != end) return std::nullopt;
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

std::string escape(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      out += "\\\\";
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += {'\\', 'x', kHexDigits[byte >> 4U], kHexDigits[byte & 0xfU]};
    } else {
      out += c;
    }
  }
  return out;
}

std::string show_check(const Health& health) {
  Fields fields;
  const HealthRules& rules = health.rules;
  fields.add("type", to_string(health.probe.type));
  add_probe(fields, health.probe);
  fields.add("interval", rules.interval);
  fields.add("jitter", rules.jitter);
  fields.add("rise", rules.rise);
  fields.add("fall", rules.fall);
  fields.add("initially", rules.initially_up ? "up" : "down");
  fields.add("on_failure", to_string(rules.on_failure));
  fields.add("backoff", rules.backoff);
  fields.add("damping", rules.damping);
  if (health.agent) fields.add("agent", show_agent(*health.agent));
  return fields.mapping();
}

std::string show_health(const ServiceHealth& health, std::string_view indent) {
  std::string out;
  const auto line = [&](std::string_view key, const std::string& value) {
    out.append(indent).append(key).append(": ").append(value).append("\n");
  };
  if (health.health) line("health", show_check(*health.health));
  if (health.slow_start != Duration::zero()) line("slow_start", duration_text(health.slow_start));
  if (health.panic != 0) line("panic", std::to_string(health.panic));
  if (health.quorum) {
    line("quorum", "{weight: " + std::to_string(health.quorum->weight) +
                       ", hysteresis: " + std::to_string(health.quorum->hysteresis) + "}");
  }
  if (!health.hooks.empty()) {
    Fields hooks;
    if (!health.hooks.command.empty()) hooks.add("command", list(health.hooks.command));
    if (!health.hooks.url.empty()) hooks.add("url", scalar(health.hooks.url));
    line("hooks", hooks.mapping());
  }
  return out;
}

}  // namespace lvsd
