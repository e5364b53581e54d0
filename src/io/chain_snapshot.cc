// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/chain_snapshot.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <array>
#include <functional>
#include <memory>
#include <utility>

namespace lvsd {
namespace {

const std::string kOurChain(kChainName);
constexpr const char* kBaseChainType = "filter";  // of raw, security and filter alike

struct CloseSocket {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};
using Socket = std::unique_ptr<mnl_socket, CloseSocket>;

Socket open_socket() {
  Socket socket(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
  if (socket && mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) socket.reset();
  return socket;
}

// Builds netlink messages one behind the other.
class Messages {
 public:
  explicit Messages(std::size_t room) : buffer_(room) {}

  nlmsghdr* begin(std::uint16_t type, unsigned flags, std::uint8_t family, std::uint16_t resource) {
    nlmsghdr* header = mnl_nlmsg_put_header(buffer_.data() + used_);
    header->nlmsg_type = type;
    header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    header->nlmsg_seq = ++sequence_;
    auto* generic = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
    generic->nfgen_family = family;
    generic->version = NFNETLINK_V0;
    generic->res_id = htons(resource);
    return header;
  }
  nlmsghdr* begin_table_message(int type, unsigned flags) {
    const int number = (NFNL_SUBSYS_NFTABLES << 8) | type;
    return begin(static_cast<std::uint16_t>(number), flags, NFPROTO_IPV4, 0);
  }
  void end(const nlmsghdr* header) { used_ += MNL_ALIGN(header->nlmsg_len); }

  bool send(const Socket& socket) const {
    return mnl_socket_sendto(socket.get(), buffer_.data(), used_) >= 0;
  }
  std::uint32_t sequence() const { return sequence_; }

 private:
  std::vector<char> buffer_;
  std::size_t used_ = 0;
  std::uint32_t sequence_ = 0;
};

using Visit = std::function<void(const nlmsghdr&)>;

// Reads answers up to the end of a dump, or the acknowledgement of message `last`. False on an
// error.
bool receive(const Socket& socket, std::uint32_t last, const Visit& visit) {
  std::vector<char> buffer(1U << 16U);
  for (;;) {
    const ssize_t got = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
    if (got <= 0) return false;
    int left = static_cast<int>(got);
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
         mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_type == NLMSG_DONE) return true;
      if (message->nlmsg_type != NLMSG_ERROR) {
        visit(*message);
        continue;
      }
      const auto* answer = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
      if (answer->error != 0) return false;
      if (answer->msg.nlmsg_seq == last) return true;
    }
  }
}

std::vector<char> payload_of(const nlmsghdr& message, int wanted) {
  const auto* attribute =
      static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(&message, sizeof(nfgenmsg)));
  const char* tail = static_cast<const char*>(mnl_nlmsg_get_payload_tail(&message));
  for (; mnl_attr_ok(attribute, static_cast<int>(tail - reinterpret_cast<const char*>(attribute)));
       attribute = mnl_attr_next(attribute)) {
    if (mnl_attr_get_type(attribute) != wanted) continue;
    const char* start = static_cast<const char*>(mnl_attr_get_payload(attribute));
    return {start, start + mnl_attr_get_payload_len(attribute)};
  }
  return {};
}

void put_text(nlmsghdr* message, int type, const std::string& text) {
  mnl_attr_put_strz(message, static_cast<std::uint16_t>(type), text.c_str());
}

void put_nested(nlmsghdr* message, int type, const std::vector<char>& payload) {
  mnl_attr_put(message, static_cast<std::uint16_t>(type | NLA_F_NESTED), payload.size(),
               payload.data());
}

void put_expression(nlmsghdr* message, const char* name, const std::function<void()>& put_data) {
  nlattr* element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
  mnl_attr_put_strz(message, NFTA_EXPR_NAME, name);
  nlattr* data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
  put_data();
  mnl_attr_nest_end(message, data);
  mnl_attr_nest_end(message, element);
}

// `-j LVSD` as iptables-nft writes it: a counter, then the verdict.
void put_jump(nlmsghdr* message) {
  nlattr* expressions = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);
  put_expression(message, "counter", [] {});
  put_expression(message, "immediate", [message] {
    mnl_attr_put_u32(message, NFTA_IMMEDIATE_DREG, htonl(NFT_REG_VERDICT));
    nlattr* data = mnl_attr_nest_start(message, NFTA_IMMEDIATE_DATA);
    nlattr* verdict = mnl_attr_nest_start(message, NFTA_DATA_VERDICT);
    mnl_attr_put_u32(message, NFTA_VERDICT_CODE, htonl(static_cast<std::uint32_t>(NFT_JUMP)));
    put_text(message, NFTA_VERDICT_CHAIN, kOurChain);
    mnl_attr_nest_end(message, verdict);
    mnl_attr_nest_end(message, data);
  });
  mnl_attr_nest_end(message, expressions);
}

std::uint32_t protocol_of(const std::string& rule) {
  constexpr std::array<std::pair<std::string_view, std::uint32_t>, 3> kKnown{
      {{"-p icmp ", 1}, {"-p tcp ", 6}, {"-p udp ", 17}}};
  for (const auto& [words, number] : kKnown) {
    if (rule.find(words) != std::string::npos) return number;
  }
  return 0;
}

}  // namespace

ChainSnapshot::ChainSnapshot(const IptablesChain& chain) : table_(chain.table), hook_(chain.hook) {
  complete_ = read(chain);
}

bool ChainSnapshot::read(const IptablesChain& chain) {
  const Socket socket = open_socket();
  if (!socket) return false;
  Messages ask(4096);
  nlmsghdr* message = ask.begin_table_message(NFT_MSG_GETCHAIN, NLM_F_ACK);
  put_text(message, NFTA_CHAIN_TABLE, table_);
  put_text(message, NFTA_CHAIN_NAME, hook_);
  ask.end(message);
  const auto take_hook = [this](const nlmsghdr& answer) {
    hook_description_ = payload_of(answer, NFTA_CHAIN_HOOK);
  };
  if (!ask.send(socket) || !receive(socket, ask.sequence(), take_hook)) return false;

  Messages dump(4096);
  message = dump.begin_table_message(NFT_MSG_GETRULE, NLM_F_DUMP);
  put_text(message, NFTA_RULE_TABLE, table_);
  put_text(message, NFTA_RULE_CHAIN, kOurChain);
  dump.end(message);
  const auto take_rule = [this](const nlmsghdr& answer) {
    rules_.push_back({payload_of(answer, NFTA_RULE_EXPRESSIONS), 0});
  };
  if (!dump.send(socket) || !receive(socket, dump.sequence(), take_rule)) return false;
  if (rules_.size() != chain.rules.size() || hook_description_.empty()) return false;
  for (std::size_t i = 0; i < rules_.size(); ++i) rules_[i].protocol = protocol_of(chain.rules[i]);
  return true;
}

bool ChainSnapshot::restore() const {
  if (!complete_) return false;
  const Socket socket = open_socket();
  if (!socket) return false;
  std::size_t room = 8192;
  for (const Rule& rule : rules_) room += rule.expressions.size() + 256;
  Messages batch(room);
  batch.end(batch.begin(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));

  nlmsghdr* message = batch.begin_table_message(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
  put_text(message, NFTA_TABLE_NAME, table_);
  batch.end(message);
  message = batch.begin_table_message(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  put_text(message, NFTA_CHAIN_TABLE, table_);
  put_text(message, NFTA_CHAIN_NAME, hook_);
  put_nested(message, NFTA_CHAIN_HOOK, hook_description_);
  put_text(message, NFTA_CHAIN_TYPE, kBaseChainType);
  batch.end(message);
  message = batch.begin_table_message(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  put_text(message, NFTA_CHAIN_TABLE, table_);
  put_text(message, NFTA_CHAIN_NAME, kOurChain);
  batch.end(message);

  for (const Rule& rule : rules_) {
    message = batch.begin_table_message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    put_text(message, NFTA_RULE_TABLE, table_);
    put_text(message, NFTA_RULE_CHAIN, kOurChain);
    put_nested(message, NFTA_RULE_EXPRESSIONS, rule.expressions);
    if (rule.protocol != 0) {
      nlattr* compat = mnl_attr_nest_start(message, NFTA_RULE_COMPAT);
      mnl_attr_put_u32(message, NFTA_RULE_COMPAT_PROTO, htonl(rule.protocol));
      mnl_attr_put_u32(message, NFTA_RULE_COMPAT_FLAGS, 0);
      mnl_attr_nest_end(message, compat);
    }
    batch.end(message);
  }
  message = batch.begin_table_message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK);
  put_text(message, NFTA_RULE_TABLE, table_);
  put_text(message, NFTA_RULE_CHAIN, hook_);
  put_jump(message);
  batch.end(message);
  const std::uint32_t last = batch.sequence();
  batch.end(batch.begin(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  return batch.send(socket) && receive(socket, last, [](const nlmsghdr&) {});
}

}  // namespace lvsd
