// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/chain_snapshot.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <array>
#include <functional>
#include <string>
#include <utility>

namespace lvsd {
namespace {

const std::string kOurChain(kChainName);
constexpr const char* kBaseChainType = "filter";  // of raw, security and filter alike

// What of a rule is sent back: its expressions as the kernel dumped them, and what its `-p` says,
// which the kernel does not dump but extensions insist on.
struct DumpedRule {
  std::vector<char> expressions;
  std::uint32_t protocol = 0;
};

struct DumpedChain {
  std::vector<char> hook;  // payload of NFTA_CHAIN_HOOK: hook number and priority
  std::vector<DumpedRule> rules;
};

// Builds netlink messages one behind the other.
class Messages {
 public:
  nlmsghdr* begin(std::uint16_t type, unsigned flags, std::uint8_t family, std::uint16_t resource) {
    buffer_.resize(used_ + kLargestMessage);
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

  std::uint32_t sequence() const { return sequence_; }
  std::vector<char> take() {
    buffer_.resize(used_);
    return std::move(buffer_);
  }

 private:
  static constexpr std::size_t kLargestMessage =
      8192;  // a rule of ours takes less than one of them

  std::vector<char> buffer_;
  std::size_t used_ = 0;
  std::uint32_t sequence_ = 0;
};

using Visit = std::function<void(const nlmsghdr&)>;

// Reads all answers: the kernel has written them before the request returns, or, of a dump, when
// the part before was read. True where message `last` or a dump was answered without any error.
bool receive(mnl_socket* socket, std::uint32_t last, const Visit& visit) {
  std::vector<char> buffer(1U << 16U);
  bool failed = false;
  bool answered = false;
  for (;;) {
    const ssize_t got = recv(mnl_socket_get_fd(socket), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got <= 0) return answered && !failed;
    int left = static_cast<int>(got);
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
         mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      answered = answered || message->nlmsg_type == NLMSG_DONE;
      if (message->nlmsg_type == NLMSG_ERROR) {
        const auto* answer = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
        failed = failed || answer->error != 0;
        answered = answered || answer->msg.nlmsg_seq == last;
      } else if (message->nlmsg_type >= NLMSG_MIN_TYPE) {
        visit(*message);
      }
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

bool exchange(mnl_socket* socket, Messages&& messages, const Visit& visit) {
  const std::uint32_t last = messages.sequence();
  const std::vector<char> bytes = messages.take();
  return mnl_socket_sendto(socket, bytes.data(), bytes.size()) >= 0 && receive(socket, last, visit);
}

bool read_chain(mnl_socket* socket, const IptablesChain& chain, DumpedChain& dumped) {
  Messages ask;
  nlmsghdr* message = ask.begin_table_message(NFT_MSG_GETCHAIN, NLM_F_ACK);
  put_text(message, NFTA_CHAIN_TABLE, chain.table);
  put_text(message, NFTA_CHAIN_NAME, chain.hook);
  ask.end(message);
  const auto take_hook = [&dumped](const nlmsghdr& answer) {
    dumped.hook = payload_of(answer, NFTA_CHAIN_HOOK);
  };
  if (!exchange(socket, std::move(ask), take_hook)) return false;

  Messages dump;
  message = dump.begin_table_message(NFT_MSG_GETRULE, NLM_F_DUMP);
  put_text(message, NFTA_RULE_TABLE, chain.table);
  put_text(message, NFTA_RULE_CHAIN, kOurChain);
  dump.end(message);
  const auto take_rule = [&dumped](const nlmsghdr& answer) {
    dumped.rules.push_back({payload_of(answer, NFTA_RULE_EXPRESSIONS), 0});
  };
  if (!exchange(socket, std::move(dump), take_rule)) return false;
  if (dumped.rules.size() != chain.rules.size() || dumped.hook.empty()) return false;
  for (std::size_t i = 0; i < chain.rules.size(); ++i) {
    dumped.rules[i].protocol = protocol_of(chain.rules[i]);
  }
  return true;
}

void add_chains(Messages& batch, const IptablesChain& chain, const std::vector<char>& hook) {
  nlmsghdr* message = batch.begin_table_message(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
  put_text(message, NFTA_TABLE_NAME, chain.table);
  batch.end(message);
  message = batch.begin_table_message(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  put_text(message, NFTA_CHAIN_TABLE, chain.table);
  put_text(message, NFTA_CHAIN_NAME, chain.hook);
  put_nested(message, NFTA_CHAIN_HOOK, hook);
  put_text(message, NFTA_CHAIN_TYPE, kBaseChainType);
  batch.end(message);
  message = batch.begin_table_message(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  put_text(message, NFTA_CHAIN_TABLE, chain.table);
  put_text(message, NFTA_CHAIN_NAME, kOurChain);
  batch.end(message);
}

void add_rule(Messages& batch, const std::string& table, const DumpedRule& rule) {
  nlmsghdr* message = batch.begin_table_message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
  put_text(message, NFTA_RULE_TABLE, table);
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

}  // namespace

ChainSnapshot::ChainSnapshot(const IptablesChain& chain)
    : socket_(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC)) {
  DumpedChain dumped;
  if (!socket_ || mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0 ||
      !read_chain(socket_.get(), chain, dumped)) {
    return;
  }
  Messages batch;
  batch.end(batch.begin(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  add_chains(batch, chain, dumped.hook);
  for (const DumpedRule& rule : dumped.rules) add_rule(batch, chain.table, rule);
  nlmsghdr* message =
      batch.begin_table_message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK);
  put_text(message, NFTA_RULE_TABLE, chain.table);
  put_text(message, NFTA_RULE_CHAIN, chain.hook);
  put_jump(message);
  batch.end(message);
  last_ = batch.sequence();
  batch.end(batch.begin(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  transaction_ = batch.take();
}

bool ChainSnapshot::restore() const {
  if (transaction_.empty()) return false;
  return mnl_socket_sendto(socket_.get(), transaction_.data(), transaction_.size()) >= 0 &&
         receive(socket_.get(), last_, [](const nlmsghdr&) {});
}

}  // namespace lvsd
