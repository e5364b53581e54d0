// SPDX-License-Identifier: GPL-2.0-or-later
#include "keepalived_service.h"

#include <algorithm>
#include <array>

#include "keepalived_checks.h"
#include "lvsd/config/services.h"
#include "lvsd/config/yaml_text.h"
#include "lvsd/ctl/rule_words.h"

namespace lvsd::ctl {
namespace {

struct NotCarried {
  std::string_view word, why;
};
constexpr std::string_view kNoChecks = "lvsd's checks have nothing for it";
constexpr std::string_view kNoPrograms = "lvsd starts no programs and sends no mail";

// Words of virtual_server and real_server that lvsd.yaml has nothing for.
constexpr std::array kNotCarried{
    NotCarried{"delay_before_retry", kNoChecks},
    NotCarried{"warmup", kNoChecks},
    NotCarried{"omega", kNoChecks},
    NotCarried{"no_omega", kNoChecks},
    NotCarried{"log_all_failures", kNoChecks},
    NotCarried{"sorry_server_inhibit", kNoChecks},
    NotCarried{"notify_up", kNoPrograms},
    NotCarried{"notify_down", kNoPrograms},
    NotCarried{"quorum_up", kNoPrograms},
    NotCarried{"quorum_down", kNoPrograms},
    NotCarried{"smtp_alert", kNoPrograms},
    NotCarried{"no_smtp_alert", kNoPrograms},
    NotCarried{"ha_suspend", "lvsd does not look whether the virtual address is here"},
    NotCarried{"snmp_name", "lvsd does not speak SNMP"},
    NotCarried{"vthost", "keepalived itself uses it for nothing"},
};

// What keepalived gives to ipvsadm's -b, as words of their own.
constexpr std::array<std::string_view, 8> kFlags{"sh-port", "sh-fallback", "mh-port", "mh-fallback",
                                                 "flag-1",  "flag-2",      "flag-3",  "hashed"};

bool is_flag(std::string_view word) {
  return std::find(kFlags.begin(), kFlags.end(), word) != kFlags.end();
}

class BlockReader {
 protected:
  explicit BlockReader(std::vector<Remark>& remarks) : remarks_(remarks) {}

  void remark(const Block& block, std::string what) {
    const std::string head = block.words.empty() ? std::string("{") : block.text();
    remarks_.push_back({block.line, head + ": " + what, block.file});
  }

  // The number that the statement gives; nothing after a remark.
  std::optional<std::uint32_t> number(const Block& block, std::uint32_t least, std::uint32_t most) {
    const auto read = read_number(block.words.front(), block.word(1), least, most);
    if (read) return *read;
    remark(block, read.error().message);
    return std::nullopt;
  }

  // lb_kind and lvs_method: NAT, DR, or TUN with an encapsulation.
  void method(const Block& block, char& method, Tunnel& tunnel) {
    const std::string_view word = block.word(1);
    if (word != "TUN") {
      if (word == "NAT" || word == "DR") {
        method = word == "NAT" ? 'm' : 'g';
      } else {
        remark(block, "it is none of NAT, DR and TUN");
      }
      judge_words(block, 1, remarks_);
      return;
    }
    Tunnel out;
    std::string wrong;
    for (std::size_t i = 2; i < block.words.size() && wrong.empty(); ++i) {
      wrong = tunnel_word(block, i, out);
    }
    if (!wrong.empty()) {
      remark(block, wrong);
      return;
    }
    method = 'i';
    tunnel = out;
  }

  // Words that are not read here.
  void leave_out(const Block& block) {
    const auto known =
        std::find_if(kNotCarried.begin(), kNotCarried.end(),
                     [&](const NotCarried& each) { return each.word == block.word(0); });
    if (known == kNotCarried.end()) {
      remark(block, "keepalived has nothing of this name here");
      return;
    }
    remark(block, std::string(known->why) + extent(block));
  }

  static std::string extent(const Block& block) {
    if (block.last == block.line) return {};
    return " (to line " + std::to_string(block.last) + ")";
  }

  std::vector<Remark>& remarks_;

 private:
  // "type gue port 6080 csum"; what is wrong with the word at `i`, which moves on over its value
  static std::string tunnel_word(const Block& block, std::size_t& i, Tunnel& out) {
    const std::string_view word = block.word(i);
    if (word == "type") {
      const std::string_view type = block.word(++i);
      if (type == "ipip") return {};
      if (type != "gue" && type != "gre") return "its type is none of ipip, gue and gre";
      out.encapsulation = type == "gue" ? Encapsulation::gue : Encapsulation::gre;
    } else if (word == "port") {
      const auto port = read_number("port", block.word(++i), 1, 65535);
      if (!port) return port.error().message;
      out.port = Port(static_cast<std::uint16_t>(*port));
    } else if (word == "csum") {
      out.checksum = TunnelChecksum::present;
    } else if (word == "remcsum") {
      out.checksum = TunnelChecksum::remote;
    } else if (word != "nocsum") {
      return "what is '" + std::string(word) + "'?";
    }
    return {};
  }
};

class RealServerReader : BlockReader {
 public:
  RealServerReader(const RuleService& service, char method, const Tunnel& tunnel,
                   std::uint32_t weight, CheckRules rules, std::vector<Remark>& remarks)
      : BlockReader(remarks), service_(service), rules_(std::move(rules)) {
    out_.method = method;
    out_.tunnel = tunnel;
    out_.weight = weight;
  }

  std::optional<RuleDestination> read(const Block& block) {
    judge_words(block, 2, remarks_);
    out_.line = block.line;
    out_.file = block.file;
    const std::optional<IpAddress> address = IpAddress::parse(block.word(1));
    if (!address) {
      remark(block, "it has no address (names are not looked up)" + extent(block));
      return std::nullopt;
    }
    out_.endpoint.address = *address;
    if (!block.word(2).empty()) {
      const auto port = read_port(block.word(2), service_.protocol);
      if (!port) {
        remark(block, port.error().message + extent(block));
        return std::nullopt;
      }
      out_.endpoint.port = *port;
    }
    for (const Block& each : block.inside) {
      if (!is_check(each)) take(each);
    }
    for (const Block& each : block.inside) {
      if (is_check(each)) take_check(each);
    }
    if (out_.method == 0) {
      remark(block, "neither it nor its virtual_server has an lvs_method" + extent(block));
      return std::nullopt;
    }
    return out_;
  }

 private:
  void take(const Block& block) {
    const std::string_view word = block.word(0);
    if (word == "weight") {
      if (const auto weight = number(block, 0, 65535)) out_.weight = *weight;
    } else if (word == "uthreshold") {
      if (const auto threshold = number(block, 0, INT32_MAX)) out_.upper_threshold = *threshold;
    } else if (word == "lthreshold") {
      if (const auto threshold = number(block, 0, INT32_MAX)) out_.lower_threshold = *threshold;
    } else if (word == "lvs_method" || word == "lb_kind") {
      return method(block, out_.method, out_.tunnel);
    } else if (!rules_.take(block, remarks_)) {
      return leave_out(block);
    }
    judge_words(block, 1, remarks_);
  }

  void take_check(const Block& block) {
    if (out_.health) return remark(block, "lvsd has one check for a real server" + extent(block));
    out_.health = read_check(block, rules_, remarks_);
  }

  const RuleService& service_;
  CheckRules rules_;
  RuleDestination out_;
};

class VirtualServerReader : BlockReader {
 public:
  explicit VirtualServerReader(std::vector<Remark>& remarks) : BlockReader(remarks) {
    out_.protocol = "udp";  // the kernel's default, and so keepalived's
  }

  // Settings first: they count for the real servers above them as well.
  VirtualServer read(const Block& block) {
    out_.line = block.line;
    out_.file = block.file;
    for (const Block& each : block.inside) {
      if (each.word(0) != "real_server") take(each);
    }
    add_extras();
    for (const Block& each : block.inside) {
      if (each.word(0) != "real_server") continue;
      RealServerReader reader(out_, method_, tunnel_, weight_, rules_, remarks_);
      if (auto destination = reader.read(each)) out_.destinations.push_back(*destination);
    }
    return std::move(server_);
  }

 private:
  void take(const Block& block) {
    const std::string_view word = block.word(0);
    if (word == "lb_algo" || word == "lvs_sched") {
      return take_scheduler(block);
    } else if (word == "lb_kind" || word == "lvs_method") {
      return method(block, method_, tunnel_);
    } else if (word == "protocol") {
      take_protocol(block);
    } else if (word == "ip_family") {
      out_.ipv6_mark = block.word(1) == "inet6";
    } else if (word == "ops") {
      out_.one_packet = true;
    } else if (word == "weight") {
      if (const auto weight = number(block, 0, 65535)) weight_ = *weight;
    } else if (word == "quorum" || word == "hysteresis") {
      take_quorum(block);
    } else if (word == "sorry_server") {
      sorry_ = &block;
    } else if (word == "sorry_server_lvs_method") {
      return method(block, sorry_method_, sorry_tunnel_);
    } else if (word.starts_with("persistence_")) {
      take_persistence(block);
    } else if (is_flag(word)) {
      out_.flags.emplace_back(word == "hashed" ? "flag-1" : word);
    } else if (!rules_.take(block, remarks_)) {
      return leave_out(block);
    }
    const std::size_t values = word == "ops" || is_flag(word) ? 0 : word == "sorry_server" ? 2 : 1;
    judge_words(block, values, remarks_);
  }

  void take_scheduler(const Block& block) {
    out_.scheduler = std::string(block.word(1));
    for (std::size_t i = 2; i < block.words.size(); ++i) {
      if (block.words[i] == "ops") {
        out_.one_packet = true;
      } else {
        out_.flags.push_back(block.words[i]);
      }
    }
  }

  void take_quorum(const Block& block) {
    const auto weight = number(block, 0, INT32_MAX);
    if (!weight) return;
    (block.word(0) == "quorum" ? quorum_ : hysteresis_) = std::to_string(*weight);
    if (quorum_line_.words.empty()) quorum_line_ = block;
  }

  // What is of several statements, in any order.
  void add_extras() {
    if (!quorum_line_.words.empty()) {
      std::string yaml = "quorum: {weight: " + (quorum_.empty() ? "1" : quorum_);
      if (!hysteresis_.empty()) yaml += ", hysteresis: " + hysteresis_;
      out_.extras.push_back(
          {quorum_line_.line, quorum_line_.file, quorum_line_.text(), yaml + "}"});
    }
    if (sorry_ == nullptr) return;
    const char method = sorry_method_ != 0 ? sorry_method_ : method_;
    std::string address(sorry_->word(1));
    const std::string port(sorry_->word(2));
    if (method != 'm' && !port.empty()) {
      server_.sorry = Remark{sorry_->line, sorry_->text(), sorry_->file};
      const auto number = read_port(port, out_.protocol);
      if (number) {
        server_.sorry_port = *number;
      } else {
        remark(*sorry_, number.error().message);
      }
    } else if (!port.empty()) {
      if (address.find(':') != std::string::npos) address = "[" + address + "]";
      address += ":" + port;
    }
    std::string yaml = "sorry_server: {address: " + scalar(address);
    if (sorry_method_ != 0 && sorry_method_ != method_) {
      yaml += std::string(", method: ") + (method == 'm' ? "nat" : method == 'i' ? "tun" : "dr");
    }
    const Tunnel& tunnel = sorry_method_ != 0 ? sorry_tunnel_ : tunnel_;
    if (method == 'i' && tunnel != Tunnel{}) yaml += ", tunnel: " + tunnel_text(tunnel);
    out_.extras.push_back({sorry_->line, sorry_->file, sorry_->text(), yaml + "}"});
  }

  void take_protocol(const Block& block) {
    std::string name(block.word(1));
    for (char& c : name) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    if (parse_protocol(name)) {
      out_.protocol = name;
      server_.says_protocol = true;
    } else {
      remark(block, "it is none of TCP, UDP and SCTP");
    }
  }

  void take_persistence(const Block& block) {
    const std::string_view word = block.word(0);
    if (word == "persistence_timeout") {
      const auto seconds = block.words.size() < 2
                               ? std::optional<std::uint32_t>(kDefaultPersistence)
                               : number(block, 1, kLongestTimeout);
      if (seconds) out_.persistence = *seconds;
    } else if (word == "persistence_granularity") {
      const std::string mask(block.word(1));
      const bool ipv6 = mask.find('.') == std::string::npos;
      const auto length = read_netmask(block.words.front(), mask, ipv6);
      if (!length) return remark(block, length.error().message);
      (ipv6 ? server_.netmask6 : server_.netmask) = *length;
      if (!out_.persistence) out_.persistence = kDefaultPersistence;
    } else if (word == "persistence_engine") {
      out_.engine = std::string(block.word(1));
      if (!out_.persistence) out_.persistence = kDefaultPersistence;
    } else {
      leave_out(block);
    }
  }

  VirtualServer server_;
  RuleService& out_ = server_.service;
  char method_ = 0;
  Tunnel tunnel_;
  std::uint32_t weight_ = 1;
  CheckRules rules_;
  std::string quorum_, hysteresis_;
  Block quorum_line_;  // the first of the two
  const Block* sorry_ = nullptr;
  char sorry_method_ = 0;
  Tunnel sorry_tunnel_;
};

}  // namespace

VirtualServer read_virtual_server(const Block& block, std::vector<Remark>& remarks) {
  return VirtualServerReader(remarks).read(block);
}

}  // namespace lvsd::ctl
