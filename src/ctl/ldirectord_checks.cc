// SPDX-License-Identifier: GPL-2.0-or-later
#include "ldirectord_checks.h"

#include <algorithm>
#include <array>

#include "lvsd/config/yaml_text.h"
#include "lvsd/ctl/rule_words.h"

namespace lvsd::ctl {
namespace {

constexpr std::array<std::string_view, 15> kKeys{
    "checktype",  "checktimeout", "negotiatetimeout", "checkinterval", "failurecount",
    "checkport",  "checkcommand", "service",          "request",       "receive",
    "httpmethod", "virtualhost",  "fallback",         "fallback6",     "quiescent"};

struct Usual {
  std::uint16_t port;
  std::string_view service;
};
constexpr std::array kUsual{Usual{21, "ftp"},          Usual{25, "smtp"},     Usual{53, "dns"},
                            Usual{80, "http"},         Usual{110, "pop"},     Usual{119, "nntp"},
                            Usual{143, "imap"},        Usual{389, "ldap"},    Usual{443, "https"},
                            Usual{587, "submission"},  Usual{636, "ldaps"},   Usual{993, "imaps"},
                            Usual{995, "pops"},        Usual{1521, "oracle"}, Usual{1812, "radius"},
                            Usual{3128, "http_proxy"}, Usual{3306, "mysql"},  Usual{5060, "sip"},
                            Usual{5432, "pgsql"}};
// What lvsd can ask of ldirectord's services.
constexpr std::array<std::string_view, 5> kTypes{"http", "https", "smtp", "dns", "mysql"};
// Seconds, where the file says nothing.
constexpr std::uint32_t kInterval = 10, kTimeout = 5, kNegotiateTimeout = 30;

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

}  // namespace

bool LdirectordChecks::take(const std::string& key, const std::string& value, std::size_t line,
                            bool global) {
  if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) return false;
  (global ? global_ : own_).insert_or_assign(key, Setting{key, unquoted(value), line});
  return true;
}

const LdirectordChecks::Setting* LdirectordChecks::find(std::string_view key) const {
  if (const auto own = own_.find(key); own != own_.end()) return &own->second;
  const auto global = global_.find(key);
  return global == global_.end() ? nullptr : &global->second;
}

LdirectordChecks::Setting LdirectordChecks::or_none(std::string_view key) const {
  const Setting* const setting = find(key);
  return setting == nullptr ? Setting{} : *setting;
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
  if (kind == "off") return refuse("off keeps the servers out: they are written with weight 0");
  std::string type = kind == "connect" ? (service.protocol == "udp" ? "ping" : "tcp") : kind;
  const bool negotiates = kind == "negotiate" || is_number(kind);
  if (negotiates) {
    type = service_name(service);
    if (type == "none") return std::nullopt;
    if (type == "submission") type = "smtp";
    if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) {
      return refuse("lvsd has no check of a service " + type);
    }
    if (words.request.find("://") != std::string::npos) {
      remarks.push_back({words.line, "real: a check that asks another server"});
      return std::nullopt;
    }
    if (is_number(kind)) {
      remarks.push_back({line, "checktype: lvsd asks each time, and never only connects"});
    }
  } else if (type != "tcp" && type != "ping") {
    return refuse("lvsd has no check like " + kind);
  }
  std::string yaml = "health: {type: " + type;
  const Setting* const port = find("checkport");
  if (port != nullptr && type != "ping") yaml += ", port: " + scalar(port->value);
  if (negotiates) yaml += asked(type, words, remarks);
  RuleExtra out{line, {}, "checktype", yaml + times(negotiates, remarks) + "}"};
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
                                    std::vector<Remark>& remarks) const {
  const Setting request =
      words.request.empty() ? or_none("request") : Setting{"request", words.request, words.line};
  const Setting receive =
      words.receive.empty() ? or_none("receive") : Setting{"receive", words.receive, words.line};
  const auto leave_out = [&](const Setting& setting, const std::string& why) {
    if (!setting.value.empty()) remarks.push_back({setting.line, setting.key + ": " + why});
  };
  const std::string nothing = "lvsd's check of type " + type + " has nothing for it";
  if (type == "dns") {
    leave_out(receive, nothing);  // any answer will do
    const std::string name = request.value.substr(request.value.starts_with('/') ? 1 : 0);
    return name.empty() ? "" : ", query: " + scalar(name);
  }
  if (!type.starts_with("http")) {
    leave_out(request, nothing);
    leave_out(receive, nothing);
    return {};
  }
  const std::string& path = request.value;
  std::string out = ", path: " + scalar(path.starts_with('/') ? path : "/" + path);
  if (const Setting* const host = find("virtualhost")) out += ", host: " + scalar(host->value);
  if (const Setting* const method = find("httpmethod")) {
    out += ", method: " + scalar(method->value);
  }
  if (receive.value.find_first_of("\\^$.|?*+()[]{}") != std::string::npos) {
    leave_out(receive, "lvsd looks for plain text, and this is a pattern");
  } else if (!receive.value.empty()) {
    out += ", body: " + scalar(receive.value);
  }
  return out + (type == "https" ? ", verify: false" : "");  // ldirectord believes every certificate
}

// The two timeouts stand in for each other; a virtual's own go before those of all.
const LdirectordChecks::Setting* LdirectordChecks::find_timeout(bool negotiates) const {
  constexpr std::string_view kCheck = "checktimeout", kNegotiate = "negotiatetimeout";
  for (const Settings* const settings : {&own_, &global_}) {
    for (const std::string_view key :
         {negotiates ? kNegotiate : kCheck, negotiates ? kCheck : kNegotiate}) {
      if (const auto found = settings->find(key); found != settings->end()) return &found->second;
    }
  }
  return nullptr;
}

std::string LdirectordChecks::times(bool negotiates, std::vector<Remark>& remarks) const {
  const Setting* const given = find_timeout(negotiates);
  std::string interval = value("checkinterval", std::to_string(kInterval));
  std::string timeout =
      given != nullptr ? given->value : std::to_string(negotiates ? kNegotiateTimeout : kTimeout);
  const auto least = read_number("", interval, 1, kLongestTimeout);
  const auto wanted = read_number("", timeout, 1, kLongestTimeout);
  if (least && wanted && *wanted > *least) {  // lvsd's checks do not overlap
    timeout = interval;
    if (given != nullptr) {
      remarks.push_back({given->line, given->key + ": " + std::to_string(*wanted) +
                                          "s is longer than the checkinterval of " +
                                          std::to_string(*least) + "s"});
    }
  }
  std::string out = ", interval: " + scalar(interval + "s") + ", timeout: " + scalar(timeout + "s");
  out += ", rise: 1, fall: " + scalar(value("failurecount", "1"));
  out += ", damping: off";  // ldirectord has none
  return out + ", on_failure: " + (value("quiescent", "no") == "yes" ? "quiesce" : "remove");
}

// fallback = ADDRESS[:PORT] [gate|masq|ipip]; fallback6 = [ADDRESS]:PORT ...
std::optional<RuleExtra> LdirectordChecks::sorry_server(const RuleService& service,
                                                        std::vector<Remark>& remarks) const {
  const bool ipv6 = service.protocol.empty() ? service.ipv6_mark : !service.listen.address.is_v4();
  if (const auto other = own_.find(ipv6 ? "fallback" : "fallback6"); other != own_.end()) {
    remarks.push_back(
        {other->second.line, other->first + ": its virtual is of IPv" + (ipv6 ? "6" : "4")});
  }
  const Setting* const fallback = find(ipv6 ? "fallback6" : "fallback");
  if (fallback == nullptr) return std::nullopt;
  const auto remark = [&](const std::string& what) {
    remarks.push_back({fallback->line, fallback->key + ": " + what});
  };
  const std::string& text = fallback->value;
  const std::size_t blank = std::min(text.find_first_of(" \t"), text.size());
  const std::size_t word = std::min(text.find_first_not_of(" \t", blank), text.size());
  const std::string method = word == text.size() ? "gate" : text.substr(word);
  const auto endpoint = read_endpoint(text.substr(0, blank), service.protocol, Port());
  if (!endpoint || (method != "gate" && method != "masq" && method != "ipip")) {
    remark(endpoint ? "'" + method + "' is none of gate, masq and ipip" : endpoint.error().message);
    return std::nullopt;
  }
  const Port own = endpoint->port, port = service.listen.port;
  const bool maps = own != Port() && own != port;
  if (maps && port != Port() && method != "masq") {
    remark("only masq maps ports: it gets what comes to port " + to_string(port));
  }
  const std::string address =
      maps && method == "masq" ? to_string(*endpoint) : to_string(endpoint->address);
  return RuleExtra{fallback->line,
                   {},
                   fallback->key,
                   "sorry_server: {address: " + scalar(address) + ", method: " +
                       (method == "gate"   ? "dr"
                        : method == "masq" ? "nat"
                                           : "tun") +
                       "}"};
}

}  // namespace lvsd::ctl
