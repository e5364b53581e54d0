// SPDX-License-Identifier: GPL-2.0-or-later
#include "keepalived_checks.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "keepalived_command.h"
#include "lvsd/config/health.h"
#include "lvsd/config/yaml_text.h"
#include "lvsd/ctl/rule_words.h"

namespace lvsd::ctl {
namespace {

using std::chrono::milliseconds;

struct Kind {
  std::string_view word, type;  // type empty: lvsd has none of this kind
  std::string_view fall = "2";  // where no retry is given: one more than keepalived's default
};
constexpr std::array kKinds{Kind{"TCP_CHECK", "tcp"},      Kind{"HTTP_GET", "http"},
                            Kind{"SSL_GET", "https"},      Kind{"SMTP_CHECK", "smtp"},
                            Kind{"DNS_CHECK", "dns", "4"}, Kind{"MISC_CHECK", "exec", "1"},
                            Kind{"PING_CHECK", "ping"},    Kind{"UDP_CHECK", "udp"},
                            Kind{"FILE_CHECK", ""},        Kind{"BFD_CHECK", ""}};
// keepalived.conf(5): delay_loop and connect_timeout where they are not set.
constexpr milliseconds kInterval{60000}, kTimeout{5000};

void remark(const Block& block, std::string what, std::vector<Remark>& remarks) {
  remarks.push_back({block.line, block.text() + ": " + std::move(what), block.file});
}

// "3" or "1.5" seconds; nothing after a remark.
std::optional<milliseconds> seconds(const Block& block, std::vector<Remark>& remarks) {
  const std::string text(block.word(1));
  const std::size_t point = std::min(text.find('.'), text.size());
  const auto whole = read_number(block.words.front(), text.substr(0, point), 0, kLongestTimeout);
  std::string tail = text.substr(std::min(point + 1, text.size()));
  tail.resize(3, '0');
  const auto rest = read_number(block.words.front(), tail, 0, 999);
  if (!whole || !rest) {
    remark(block, "it is not a time in seconds", remarks);
    return std::nullopt;
  }
  return milliseconds(std::uint64_t{*whole} * 1000 + *rest);
}

std::string duration(milliseconds time) {
  if (time.count() % 1000 != 0) return std::to_string(time.count()) + "ms";
  return std::to_string(time.count() / 1000) + "s";
}

// "alpha", "alpha on"; not "alpha false"
bool says_yes(const Block& block) {
  constexpr std::array<std::string_view, 3> kNo{"false", "no", "off"};
  return std::find(kNo.begin(), kNo.end(), block.word(1)) == kNo.end();
}

// "Ab12f 3" -> the bytes AB 12 0F 03, as lvsd.yaml writes them; nothing where a digit is none, or
// any.
std::optional<std::string> hexadecimal(const Block& block) {
  std::string bytes;
  for (std::size_t i = 1; i < block.words.size(); ++i) {
    std::string digits = block.words[i];
    if (digits.size() % 2 != 0) digits.insert(digits.end() - 1, '0');
    for (std::size_t at = 0; at < digits.size(); at += 2) {
      unsigned value = 0;
      const char* const end = digits.data() + at + 2;
      const auto [stop, error] = std::from_chars(digits.data() + at, end, value, 16);
      if (error != std::errc{} || stop != end) return std::nullopt;
      bytes += static_cast<char>(value);
    }
  }
  return bytes;
}

class CheckReader {
 public:
  CheckReader(const Kind& kind, CheckRules rules, std::vector<Remark>& remarks)
      : type_(kind.type), fall_(kind.fall), rules_(std::move(rules)), remarks_(remarks) {}

  std::optional<RuleExtra> read(const Block& block) {
    judge_words(block, 0, remarks_);
    for (const Block& each : block.inside) take(each);
    if (!legible_) return std::nullopt;
    if (type_ == "udp" && !(asks_ && waits_)) {
      remark(block, "lvsd's checks over UDP need a payload and require_reply", remarks_);
      return std::nullopt;
    }
    if (type_ == "http" || type_ == "https") {
      add("path", scalar(path_.empty() ? "/" : path_));
      if (!rules_.host.empty()) add("host", scalar(rules_.host));
      if (!status_.empty()) add("status", "[" + status_ + "]");
    }
    // keepalived believes every certificate.
    if (type_ == "https") add("verify", "false");
    add_times(block);
    add("rise", "1");
    add("fall", rules_.fall.empty() ? fall_ : rules_.fall);
    add("damping", "off");  // keepalived has none
    add("initially", rules_.alpha ? "down" : "up");
    add("on_failure", rules_.inhibit ? "quiesce" : "remove");
    return RuleExtra{block.line, block.file, block.text(), "health: {type: " + type_ + out_ + "}",
                     !has_port_ && type_ != "ping" && type_ != "exec"};
  }

 private:
  // Written out even where they are keepalived's defaults, which lvsd's are not. A program has its
  // own timeout, else the interval. A timeout beyond the interval cannot be had: lvsd's checks do
  // not overlap.
  void add_times(const Block& block) {
    const milliseconds interval = rules_.interval.value_or(kInterval);
    const milliseconds wanted =
        type_ == "exec" ? program_timeout_.value_or(interval) : rules_.timeout.value_or(kTimeout);
    add("interval", duration(interval));
    add("timeout", duration(std::min(wanted, interval)));
    if (wanted > interval) {
      remark(block, "its timeout of " + duration(wanted) + " is longer than the interval",
             remarks_);
    }
  }

  void take(const Block& block) {
    const std::string_view word = block.word(0);
    if (word == "connect_port") {
      const auto port = read_port(block.word(1), "tcp");
      if (port) {
        add("port", to_string(*port));
        has_port_ = true;
      } else {
        remark(block, port.error().message, remarks_);
      }
    } else if (word == "connect_ip" || word == "bindto") {
      const auto address = IpAddress::parse(block.word(1));
      if (address) {
        add(word == "bindto" ? "source" : "address", scalar(to_string(*address)));
      } else {
        remark(block, "it has no address", remarks_);
      }
    } else if (word == "fwmark" && type_ != "ping" && type_ != "exec") {
      const auto mark = read_number("fwmark", block.word(1), 1, UINT32_MAX);
      mark ? add("mark", std::to_string(*mark)) : remark(block, mark.error().message, remarks_);
    } else if (!take_of_type(block) && !rules_.take(block, remarks_)) {
      return remark(block, "lvsd's checks have nothing for it", remarks_);
    }
    if (word != "payload" && word != "require_reply") {
      judge_words(block, word == "url" || word == "enable_sni" ? 0 : 1, remarks_);
    }
  }

  // What only checks of one type have.
  bool take_of_type(const Block& block) {
    const std::string_view word = block.word(0);
    if (word == "url" && type_.starts_with("http")) {
      if (!path_.empty()) return false;
      for (const Block& each : block.inside) take_url(each);
      return true;
    }
    if (word == "name" && type_ == "dns") {
      add("query", scalar(block.word(1)));
      return true;
    }
    if (word == "misc_timeout" && type_ == "exec") {
      program_timeout_ = seconds(block, remarks_);
      return true;
    }
    if (word == "misc_path" && type_ == "exec") {
      take_command(block);
      return true;
    }
    if (type_ == "udp") return take_of_udp(block);
    return word == "enable_sni" && type_ == "https";  // lvsd always sends it
  }

  bool take_of_udp(const Block& block) {
    const std::string_view word = block.word(0);
    if (word != "payload" && word != "require_reply") return false;
    const auto bytes = hexadecimal(block);
    if (!bytes) return false;
    (word == "payload" ? asks_ : waits_) = word != "payload" || !bytes->empty();
    if (!bytes->empty()) add(word == "payload" ? "send" : "expect", scalar(escape(*bytes)));
    return true;
  }

  void take_url(const Block& block) {
    const std::string_view word = block.word(0);
    if (word == "path") {
      path_ = std::string(block.word(1));
    } else if (word == "status_code") {
      for (std::size_t i = 1; i < block.words.size(); ++i) {
        status_ += (status_.empty() ? "" : ", ") + scalar(block.words[i]);
      }
    } else if (word == "virtualhost") {
      rules_.host = std::string(block.word(1));
    } else if (word == "regex" &&
               block.word(1).find_first_of("\\^$.|?*+()[]{}") == block.word(1).npos) {
      add("body", scalar(block.word(1)));
    } else {
      return remark(block, "lvsd's checks have nothing for it", remarks_);
    }
    if (word != "status_code") judge_words(block, 1, remarks_);
  }

  // "/usr/bin/check -a 'b c'": keepalived takes one word, and makes several of it.
  void take_command(const Block& block) {
    const auto words = split_command(block.word(1));
    // Its manual has \" in quotes; its parser (2.2) ends the quotes there, and has no check then.
    const bool ends = block.word(1).find("\\\"") != std::string_view::npos;
    if (!words || words->empty() || ends) {
      legible_ = false;
      return remark(block,
                    "its quotes and backslashes make no command of it (single quotes may stand in "
                    "double ones)",
                    remarks_);
    }
    std::string list;
    for (const std::string& word : *words) list += (list.empty() ? "" : ", ") + scalar(word);
    add("command", "[" + list + "]");
  }

  void add(std::string_view key, const std::string& value) {
    out_ += ", " + std::string(key) + ": " + value;
  }

  std::string type_, fall_;
  bool asks_ = false, waits_ = false;            // udp
  bool legible_ = true;                          // exec
  std::optional<milliseconds> program_timeout_;  // exec
  bool has_port_ = false;                        // of its own
  CheckRules rules_;
  std::vector<Remark>& remarks_;
  std::string out_, path_, status_;
};

const Kind* find_kind(const Block& block) {
  const auto kind = std::find_if(kKinds.begin(), kKinds.end(),
                                 [&](const Kind& each) { return each.word == block.word(0); });
  return kind == kKinds.end() ? nullptr : &*kind;
}

}  // namespace

bool CheckRules::take(const Block& block, std::vector<Remark>& remarks) {
  const std::string_view word = block.word(0);
  if (word == "delay_loop") {
    interval = seconds(block, remarks);
  } else if (word == "connect_timeout") {
    timeout = seconds(block, remarks);
  } else if (word == "retry" || word == "nb_get_retry") {
    const auto retries = read_number("retry", block.word(1), 0, 999);
    if (retries) {
      fall = std::to_string(*retries + 1);
    } else {
      remark(block, retries.error().message, remarks);
    }
  } else if (word == "virtualhost") {
    host = std::string(block.word(1));
  } else if (word == "alpha" || word == "no_alpha") {
    alpha = word == "alpha" && says_yes(block);
  } else if (word == "inhibit_on_failure") {
    inhibit = says_yes(block);
  } else {
    return false;
  }
  return true;
}

bool is_check(const Block& block) { return find_kind(block) != nullptr; }

std::optional<RuleExtra> read_check(const Block& block, CheckRules rules,
                                    std::vector<Remark>& remarks) {
  const Kind* const kind = find_kind(block);
  if (kind == nullptr || kind->type.empty()) {
    remark(block, "lvsd has no check like it", remarks);
    return std::nullopt;
  }
  return CheckReader(*kind, std::move(rules), remarks).read(block);
}

}  // namespace lvsd::ctl
