// SPDX-License-Identifier: GPL-2.0-or-later
#include "ldirectord_checks.h"

#include <algorithm>
#include <array>

#include "lvsd/config/yaml_text.h"
#include "lvsd/ctl/rule_words.h"

namespace lvsd::ctl {
namespace {

constexpr std::array<std::string_view, 16> kKeys{
    "checktype",   "checktimeout", "negotiatetimeout", "checkinterval",
    "checkcount",  "failurecount", "checkport",        "checkcommand",
    "service",     "request",      "receive",          "httpmethod",
    "virtualhost", "fallback",     "fallback6",        "quiescent"};

struct Usual {
  std::uint16_t port;
  std::string_view service;
};
constexpr std::array kUsual{Usual{80, "http"}, Usual{443, "https"},  Usual{25, "smtp"},
                            Usual{53, "dns"},  Usual{3306, "mysql"}, Usual{21, "ftp"}};
// What lvsd can ask of ldirectord's services.
constexpr std::array<std::string_view, 5> kTypes{"http", "https", "smtp", "dns", "mysql"};

std::string unquoted(std::string text) {
  const auto is_quote = [](char c) { return c == '"' || c == '\''; };
  if (text.size() > 1 && is_quote(text.front()) && text.back() == text.front()) {
    text = text.substr(1, text.size() - 2);
  }
  return text;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Of two numbers.
std::string shorter(const std::string& one, const std::string& other) {
  const bool less = one.size() != other.size() ? one.size() < other.size() : one < other;
  return less ? one : other;
}

}  // namespace

bool LdirectordChecks::take(const std::string& key, const std::string& value, std::size_t line,
                            bool global) {
  if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) return false;
  (global ? global_ : own_).insert_or_assign(key, Setting{unquoted(value), line});
  return true;
}

const LdirectordChecks::Setting* LdirectordChecks::find(std::string_view key) const {
  if (const auto own = own_.find(key); own != own_.end()) return &own->second;
  const auto global = global_.find(key);
  return global == global_.end() ? nullptr : &global->second;
}

std::string LdirectordChecks::value(std::string_view key, std::string_view otherwise) const {
  const Setting* const setting = find(key);
  return setting == nullptr ? std::string(otherwise) : setting->value;
}

std::optional<RuleExtra> LdirectordChecks::check(const RuleService& service, Port own,
                                                 const CheckWords& words,
                                                 std::vector<Remark>& remarks) const {
  const Setting* const given = find("checktype");
  const std::string kind = given == nullptr ? "negotiate" : given->value;
  const std::size_t line = given == nullptr ? service.line : given->line;
  if (kind == "on") return std::nullopt;
  const auto refuse = [&](const std::string& what) {
    remarks.push_back({line, "checktype: " + what});
    return std::nullopt;
  };
  std::string type = kind == "connect" ? (service.protocol == "udp" ? "ping" : "tcp") : kind;
  const bool negotiates = kind == "negotiate" || is_number(kind);
  if (negotiates) {
    type = service_name(service);
    if (type == "none") return std::nullopt;
    if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) {
      return refuse("lvsd has no check of a service " + type);
    }
  } else if (type != "tcp" && type != "ping") {
    return refuse("lvsd has no check like " + kind);
  }
  std::string yaml = "health: {type: " + type;
  const Setting* const port = find("checkport");
  if (port != nullptr && type != "ping") yaml += ", port: " + scalar(port->value);
  if (negotiates) yaml += asked(type, words, remarks, line);
  RuleExtra out{line, {}, "checktype", yaml + times(negotiates) + "}"};
  out.by_port = port == nullptr && type != "ping";
  if (!out.by_port || own != Port()) return out;
  // Where a server has no port, ldirectord asks the one of the service's name.
  const std::string name = service_name(service);
  const auto usual = std::find_if(kUsual.begin(), kUsual.end(),
                                  [&](const Usual& each) { return each.service == name; });
  if (usual != kUsual.end() && Port(usual->port) != service.listen.port) {
    out.yaml = with_port(std::move(out.yaml), Port(usual->port));
  }
  return out;
}

// What `service` is, or would be by the port.
std::string LdirectordChecks::service_name(const RuleService& service) const {
  const auto usual = std::find_if(kUsual.begin(), kUsual.end(), [&](const Usual& each) {
    return each.port == service.listen.port.host();
  });
  return value("service", usual == kUsual.end() ? "none" : usual->service);
}

std::string LdirectordChecks::asked(const std::string& type, const CheckWords& words,
                                    std::vector<Remark>& remarks, std::size_t line) const {
  const std::string request = words.request.empty() ? value("request", "") : words.request;
  const std::string receive = words.receive.empty() ? value("receive", "") : words.receive;
  if (type == "dns") return request.empty() ? "" : ", query: " + scalar(request);
  if (!type.starts_with("http")) return {};
  std::string out = ", path: " + scalar(request.starts_with('/') ? request : "/" + request);
  if (const Setting* const host = find("virtualhost")) out += ", host: " + scalar(host->value);
  if (const Setting* const method = find("httpmethod")) {
    out += ", method: " + scalar(method->value);
  }
  if (receive.find_first_of("\\^$.|?*+()[]{}") != std::string::npos) {
    remarks.push_back({line, "receive: lvsd looks for plain text, and this is a pattern"});
  } else if (!receive.empty()) {
    out += ", body: " + scalar(receive);
  }
  return out + (type == "https" ? ", verify: false" : "");  // ldirectord believes every certificate
}

std::string LdirectordChecks::times(bool negotiates) const {
  std::string timeout = negotiates ? value("negotiatetimeout", value("checktimeout", "5"))
                                   : value("checktimeout", "5");
  const std::string interval = value("checkinterval", "10");
  // lvsd's checks do not overlap.
  if (is_number(interval) && is_number(timeout)) timeout = shorter(timeout, interval);
  std::string out = ", interval: " + scalar(interval + "s") + ", timeout: " + scalar(timeout + "s");
  out += ", rise: 1, fall: " + scalar(value("failurecount", "1"));
  out += ", damping: off";  // ldirectord has none
  return out + ", on_failure: " + (value("quiescent", "no") == "yes" ? "quiesce" : "remove");
}

// fallback = ADDRESS[:PORT] [gate|masq|ipip]
std::optional<RuleExtra> LdirectordChecks::sorry_server() const {
  const Setting* const fallback =
      find("fallback") != nullptr ? find("fallback") : find("fallback6");
  if (fallback == nullptr) return std::nullopt;
  const std::string& text = fallback->value;
  const std::size_t blank = std::min(text.find(' '), text.size());
  std::string address = text.substr(0, blank);
  const bool nat = text.find("masq", blank) != std::string::npos;
  const bool tunnels = text.find("ipip", blank) != std::string::npos;
  if (const std::size_t colon = address.rfind(':');
      !nat && colon != std::string::npos && address.find(':') == colon) {
    address.resize(colon);  // only NAT maps ports
  }
  const std::string method = nat ? "nat" : tunnels ? "tun" : "dr";
  return RuleExtra{fallback->line,
                   {},
                   "fallback",
                   "sorry_server: {address: " + scalar(address) + ", method: " + method + "}"};
}

}  // namespace lvsd::ctl
