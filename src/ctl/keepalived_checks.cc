// SPDX-License-Identifier: GPL-2.0-or-later
#include "keepalived_checks.h"

#include <algorithm>
#include <array>

#include "lvsd/config/yaml_text.h"
#include "lvsd/ctl/rule_words.h"

namespace lvsd::ctl {
namespace {

struct Kind {
  std::string_view word, type;  // type empty: lvsd has none of this kind
};
constexpr std::array kKinds{Kind{"TCP_CHECK", "tcp"},   Kind{"HTTP_GET", "http"},
                            Kind{"SSL_GET", "https"},   Kind{"SMTP_CHECK", "smtp"},
                            Kind{"DNS_CHECK", "dns"},   Kind{"MISC_CHECK", "exec"},
                            Kind{"PING_CHECK", "ping"}, Kind{"UDP_CHECK", ""},
                            Kind{"FILE_CHECK", ""},     Kind{"BFD_CHECK", ""}};

void remark(const Block& block, std::string what, std::vector<Remark>& remarks) {
  remarks.push_back({block.line, block.text() + ": " + std::move(what), block.file});
}

// "3" or "1.5" seconds, as lvsd.yaml writes it; empty after a remark.
std::string seconds(const Block& block, std::vector<Remark>& remarks) {
  const std::string text(block.word(1));
  const std::size_t point = std::min(text.find('.'), text.size());
  const auto whole = read_number(block.words.front(), text.substr(0, point), 0, kLongestTimeout);
  std::string tail = text.substr(std::min(point + 1, text.size()));
  tail.resize(3, '0');
  const auto rest = read_number(block.words.front(), tail, 0, 999);
  if (!whole || !rest) {
    remark(block, "it is not a time in seconds", remarks);
    return {};
  }
  if (*rest == 0) return std::to_string(*whole) + "s";
  return std::to_string(std::uint64_t{*whole} * 1000 + *rest) + "ms";
}

class CheckReader {
 public:
  CheckReader(std::string_view type, CheckRules rules, std::vector<Remark>& remarks)
      : type_(type), rules_(std::move(rules)), remarks_(remarks) {}

  std::string read(const Block& block) {
    for (const Block& each : block.inside) take(each);
    if (type_ == "http" || type_ == "https") {
      add("path", scalar(path_.empty() ? "/" : path_));
      if (!rules_.host.empty()) add("host", scalar(rules_.host));
      if (!status_.empty()) add("status", "[" + status_ + "]");
    }
    // keepalived believes every certificate.
    if (type_ == "https") add("verify", "false");
    if (!rules_.interval.empty()) add("interval", rules_.interval);
    if (!rules_.timeout.empty()) add("timeout", rules_.timeout);
    add("rise", "1");
    add("fall", rules_.fall.empty() ? "1" : rules_.fall);
    add("initially", rules_.alpha ? "down" : "up");
    add("on_failure", rules_.inhibit ? "quiesce" : "remove");
    return "{type: " + type_ + out_ + "}";
  }

 private:
  void take(const Block& block) {
    const std::string_view word = block.word(0);
    if (word == "connect_port") {
      const auto port = read_port(block.word(1), "tcp");
      port ? add("port", to_string(*port)) : remark(block, port.error().message, remarks_);
    } else if (word == "connect_ip" || word == "bindto") {
      const auto address = IpAddress::parse(block.word(1));
      if (address) {
        add(word == "bindto" ? "source" : "address", scalar(to_string(*address)));
      } else {
        remark(block, "it has no address", remarks_);
      }
    } else if (word == "fwmark") {
      const auto mark = read_number("fwmark", block.word(1), 1, UINT32_MAX);
      mark ? add("mark", std::to_string(*mark)) : remark(block, mark.error().message, remarks_);
    } else if (!take_of_type(block) && !rules_.take(block, remarks_)) {
      remark(block, "lvsd's checks have nothing for it", remarks_);
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
      rules_.timeout = seconds(block, remarks_);
      return true;
    }
    if (word == "misc_path" && type_ == "exec") {
      take_command(block);
      return true;
    }
    return word == "enable_sni" && type_ == "https";  // lvsd always sends it
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
    } else {
      remark(block, "lvsd's checks have nothing for it", remarks_);
    }
  }

  // "/usr/bin/check -a b", as one quoted word or several
  void take_command(const Block& block) {
    std::string list;
    for (std::size_t i = 1; i < block.words.size(); ++i) {
      for (std::string_view rest = block.words[i]; !rest.empty();) {
        const std::size_t end = std::min(rest.find(' '), rest.size());
        if (end > 0) list += (list.empty() ? "" : ", ") + scalar(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    }
    add("command", "[" + list + "]");
  }

  void add(std::string_view key, const std::string& value) {
    out_ += ", " + std::string(key) + ": " + value;
  }

  std::string type_;
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
    alpha = word == "alpha";
  } else if (word == "inhibit_on_failure") {
    inhibit = true;
  } else {
    return false;
  }
  return true;
}

bool is_check(const Block& block) { return find_kind(block) != nullptr; }

std::optional<std::string> read_check(const Block& block, CheckRules rules,
                                      std::vector<Remark>& remarks) {
  const Kind* const kind = find_kind(block);
  if (kind == nullptr || kind->type.empty()) {
    remark(block, "lvsd has no check like it", remarks);
    return std::nullopt;
  }
  return CheckReader(kind->type, std::move(rules), remarks).read(block);
}

}  // namespace lvsd::ctl
