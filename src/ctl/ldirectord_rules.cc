// SPDX-License-Identifier: GPL-2.0-or-later
// ldirectord.cf(5) -> rules. Lines that begin with a blank belong to the `virtual` above them.
#include <algorithm>
#include <array>

#include "ldirectord_checks.h"
#include "lvsd/ctl/convert.h"
#include "lvsd/ctl/rule_words.h"

namespace lvsd::ctl {
namespace {

struct NotCarried {
  std::string_view word, why;
};
constexpr std::string_view kNoChecks = "lvsd's checks have nothing for it";
constexpr std::string_view kNoPrograms = "lvsd starts no programs and sends no mail";
constexpr std::string_view kOfLdirectord = "it is ldirectord's own business";

constexpr std::array kNotCarried{
    NotCarried{"checkcount", kNoChecks},
    NotCarried{"login", kNoChecks},
    NotCarried{"passwd", kNoChecks},
    NotCarried{"database", kNoChecks},
    NotCarried{"secret", kNoChecks},
    NotCarried{"load", kNoChecks},
    NotCarried{"readdquiescent", kNoChecks},
    NotCarried{"monitorfile", kNoPrograms},
    NotCarried{"callback", kNoPrograms},
    NotCarried{"fallbackcommand", kNoPrograms},
    NotCarried{"execute", kNoPrograms},
    NotCarried{"emailalert", kNoPrograms},
    NotCarried{"emailalertfrom", kNoPrograms},
    NotCarried{"emailalertfreq", kNoPrograms},
    NotCarried{"emailalertstatus", kNoPrograms},
    NotCarried{"smtp", kNoPrograms},
    NotCarried{"autoreload", kOfLdirectord},
    NotCarried{"cleanstop", kOfLdirectord},
    NotCarried{"fork", kOfLdirectord},
    NotCarried{"logfile", kOfLdirectord},
    NotCarried{"maintenancedir", kOfLdirectord},
    NotCarried{"supervised", kOfLdirectord},
};

constexpr std::string_view kSpace = " \t\r\v\f";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
  text.remove_prefix(begin);
  const std::size_t end = text.find_last_not_of(kSpace);
  return text.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

// Up to a '#' that no backslash precedes.
std::string_view without_comment(std::string_view text) {
  for (std::size_t at = text.find('#'); at != std::string_view::npos; at = text.find('#', at + 1)) {
    if (at == 0 || text[at - 1] != '\\') return text.substr(0, at);
  }
  return text;
}

// Takes the first word off a trimmed text, and the blanks behind it.
std::string_view next_word(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_of(kSpace), text.size());
  const std::string_view word = text.substr(0, end);
  text = trimmed(text.substr(end));
  return word;
}

constexpr std::uint32_t kMostServers = 256;  // of one line: ADDRESS->ADDRESS

// "10.0.0.1->10.0.0.9": all of them; of IPv4, as ldirectord has it.
Read<std::vector<IpAddress>> addresses_between(const IpAddress& first, std::string_view text) {
  const std::optional<IpAddress> last = IpAddress::parse(text);
  if (!last) return fail("'" + std::string(text) + "' is not an address");
  if (!first.is_v4() || !last->is_v4()) return fail("a range is of IPv4 addresses");
  const std::uint32_t from = first.v4().wire().host(), to = last->v4().wire().host();
  if (to < from || to - from >= kMostServers) {
    return fail("the range to " + std::string(text) + " is empty or too large");
  }
  std::vector<IpAddress> out;
  for (std::uint32_t i = 0; i <= to - from; ++i) out.emplace_back(Ipv4Address(Be32(from + i)));
  return out;
}

class Reader {
 public:
  Rules read(std::string_view text) {
    for (line_ = 1; !text.empty(); ++line_) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      take_line(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    finish();
    return std::move(rules_);
  }

 private:
  struct Real {
    std::size_t line = 0;
    std::string value;
  };

  void take_line(std::string_view raw) {
    const std::string_view line = without_comment(raw);
    const std::string_view text = trimmed(line);
    if (text.empty()) return;
    const bool indented = kSpace.find(line.front()) != std::string_view::npos;
    const std::size_t equals = std::min(text.find('='), text.size());
    const std::string key(trimmed(text.substr(0, equals)));
    const std::string value(trimmed(text.substr(std::min(equals + 1, text.size()))));
    if (!indented) finish();
    if (value.empty()) {
      remark(key, "it has no value");
    } else if (key == "virtual" || key == "virtual6") {
      finish();
      begin(key, value);
    } else if (!checks_.take(key, value, line_, !service_) &&
               (!indented || !take_setting(key, value))) {
      leave_out(key);
    }
  }

  void leave_out(const std::string& key) {
    const auto known = std::find_if(kNotCarried.begin(), kNotCarried.end(),
                                    [&](const NotCarried& each) { return each.word == key; });
    remark(key, known == kNotCarried.end() ? "ldirectord has nothing of this name here"
                                           : std::string(known->why));
  }

  // virtual = ADDRESS:PORT, or a mark. The service is in hand until another line ends it.
  void begin(const std::string& key, const std::string& value) {
    service_.emplace();
    reals_.clear();
    checks_.begin_virtual();
    listen_ = value;
    service_->line = line_;
    service_->scheduler = "wrr";
    service_->ipv6_mark = key == "virtual6";
    const bool mark =
        std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
    const bool dns = value.ends_with(":53") || value.ends_with(":domain");
    service_->protocol = mark ? "" : dns ? "udp" : "tcp";
  }

  bool take_setting(const std::string& key, const std::string& value) {
    if (!service_) return false;
    if (key == "real" || key == "real6") {
      reals_.push_back({line_, value});
    } else if (key == "scheduler") {
      service_->scheduler = value;
    } else if (key == "persistent") {
      if (const auto seconds = take(read_number(key, value, 1, kLongestTimeout), key)) {
        service_->persistence = *seconds;
      }
    } else if (key == "netmask") {
      const bool ipv6 = value.find('.') == std::string::npos;
      if (const auto length = take(read_netmask(key, value, ipv6), key))
        service_->netmask = *length;
    } else if (key == "protocol") {
      take_protocol(value);
    } else {
      return false;
    }
    return true;
  }

  void take_protocol(const std::string& value) {
    const bool by_mark = service_->protocol.empty();
    if ((value == "fwm") != by_mark || (!by_mark && !parse_protocol(value))) {
      remark("protocol",
             "'" + value + "' does not fit the virtual of line " + std::to_string(service_->line));
    } else if (!by_mark) {
      service_->protocol = value;
    }
  }

  // The service is complete: its servers come last, for the protocol may stand behind them.
  void finish() {
    if (!service_) return;
    RuleService service = std::move(*service_);
    service_.reset();
    const std::size_t here = std::exchange(line_, service.line);
    const bool listens = take_listen(service);
    if (listens) {
      const bool ipv6 =
          service.protocol.empty() ? service.ipv6_mark : !service.listen.address.is_v4();
      if (ipv6 && service.netmask == 32) service.netmask = 128;
      for (const Real& real : reals_) {
        line_ = real.line;
        take_real(service, real.value);
      }
      put_newest_first(service.destinations, rules_.remarks);
      if (auto sorry = checks_.sorry_server(service, rules_.remarks))
        service.extras.push_back(std::move(*sorry));
      rules_.services.push_back(std::move(service));
    } else {
      for (const Real& real : reals_) {
        line_ = real.line;
        remark("real", "its virtual, of line " + std::to_string(service.line) + ", is left out");
      }
    }
    line_ = here;
  }

  bool take_listen(RuleService& service) {
    if (service.protocol.empty()) {
      const auto mark = take(read_number("virtual", listen_, 1, UINT32_MAX), "virtual");
      if (mark) service.mark = *mark;
      return mark.has_value();
    }
    const auto listen = take(read_endpoint(listen_, service.protocol, Port()), "virtual");
    if (listen) service.listen = *listen;
    return listen.has_value();
  }

  // ADDRESS[->ADDRESS][:PORT] gate|masq|ipip [WEIGHT] ["REQUEST", "RECEIVE"] [l:LOWER] [u:UPPER]
  void take_real(RuleService& service, const std::string& value) {
    std::string_view rest = value;
    std::string where(next_word(rest)), until;
    if (const std::size_t arrow = where.find("->"); arrow != std::string::npos) {
      until = where.substr(arrow + 2);
      where.resize(arrow);
      if (const std::size_t colon = until.find(':'); colon != std::string::npos) {
        where += until.substr(colon);
        until.resize(colon);
      }
    }
    const auto endpoint = take(read_endpoint(where, service.protocol, Port()), "real");
    if (!endpoint) return;
    RuleDestination out;
    out.line = line_;
    out.endpoint = *endpoint;
    CheckWords asked;
    asked.line = line_;
    if (!take_method(rest, out) || !take_words(rest, out, asked)) return;
    out.health = checks_.check(service, out.endpoint.port, asked, rules_.remarks);
    if (checks_.off()) out.weight = 0;
    take_port(service.listen.port, out);
    if (until.empty()) {
      service.destinations.push_back(out);
      return;
    }
    const auto all = take(addresses_between(out.endpoint.address, until), "real");
    if (!all) return;
    for (const IpAddress& address : *all) {
      out.endpoint.address = address;
      service.destinations.push_back(out);
    }
  }

  // Only NAT maps ports. ldirectord's check asks the server's own all the same.
  void take_port(Port port, RuleDestination& out) {
    const Port own = std::exchange(out.endpoint.port, port);
    if (own == Port() || own == port) return;
    if (out.method == 'm') {
      out.endpoint.port = own;
    } else if (out.health && out.health->by_port) {
      out.health->yaml = with_port(std::move(out.health->yaml), own);
    } else if (port != Port()) {
      remark("real", "only masq maps ports: it gets what comes to port " + to_string(port));
    }
  }

  bool take_method(std::string_view& rest, RuleDestination& out) {
    const std::string_view method = next_word(rest);
    if (method != "gate" && method != "masq" && method != "ipip") {
      remark("real", "'" + std::string(method) + "' is none of gate, masq and ipip");
      return false;
    }
    out.method = method == "gate" ? 'g' : method == "masq" ? 'm' : 'i';
    if (rest.empty() || rest.front() < '0' || rest.front() > '9') return true;
    const auto weight = take(read_number("weight", next_word(rest), 0, 65535), "real");
    if (weight) out.weight = *weight;
    return weight.has_value();
  }

  bool take_words(std::string_view rest, RuleDestination& out, CheckWords& asked) {
    for (std::string* const into : {&asked.request, &asked.receive}) {
      const std::size_t end = rest.starts_with('"') ? rest.find('"', 1) : rest.npos;
      if (end == rest.npos) break;
      *into = rest.substr(1, end - 1);
      rest = trimmed(rest.substr(end + 1));
      if (into == &asked.request && rest.starts_with(',')) rest = trimmed(rest.substr(1));
    }
    while (!rest.empty()) {
      const std::string_view word = next_word(rest);
      if (!word.starts_with("l:") && !word.starts_with("u:")) {
        remark("real", "'" + std::string(word) + "' and what follows it have no place there");
        return true;
      }
      const auto number =
          take(read_number(std::string(word), word.substr(2), 0, INT32_MAX), "real");
      if (!number) return false;
      (word.front() == 'l' ? out.lower_threshold : out.upper_threshold) = *number;
    }
    return true;
  }

  template <class T>
  std::optional<T> take(Read<T> read, const std::string& key) {
    if (read) return std::move(*read);
    remark(key, read.error().message);
    return std::nullopt;
  }

  void remark(const std::string& key, const std::string& what) {
    rules_.remarks.push_back({line_, key + ": " + what});
  }

  Rules rules_;
  std::size_t line_ = 0;
  std::optional<RuleService> service_;
  std::string listen_;
  std::vector<Real> reals_;
  LdirectordChecks checks_;
};

}  // namespace

Rules read_ldirectord(std::string_view text) { return Reader().read(text); }

}  // namespace lvsd::ctl
