// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/owned_table.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

namespace lvsd {
namespace {

const std::string kTableName = "lvsd";
const std::string kOtherTable = "lvsd-probe";
const std::string kRaw = "raw";
// Later than the headers that we can count on.
constexpr std::uint32_t kOwner = 1U << 1U;    // NFT_TABLE_F_OWNER, Linux 5.12
constexpr std::uint32_t kPersist = 1U << 2U;  // NFT_TABLE_F_PERSIST, Linux 6.9

// Builds netlink messages one behind the other.
class Messages {
 public:
  explicit Messages(IpFamily family)
      : family_(family == IpFamily::v4 ? NFPROTO_IPV4 : NFPROTO_IPV6) {}
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
    return begin(static_cast<std::uint16_t>(number), flags, family_, 0);
  }
  void end(const nlmsghdr* header) {
    used_ += MNL_ALIGN(header->nlmsg_len);
    if ((header->nlmsg_flags & NLM_F_ACK) != 0) last_acknowledged_ = header->nlmsg_seq;
  }

  std::uint32_t last_acknowledged() const { return last_acknowledged_; }
  std::vector<char> take() {
    buffer_.resize(used_);
    return std::move(buffer_);
  }

 private:
  static constexpr std::size_t kLargestMessage = 8192;  // a rule takes about 400 bytes

  std::uint8_t family_;
  std::vector<char> buffer_;
  std::size_t used_ = 0;
  std::uint32_t sequence_ = 0;
  std::uint32_t last_acknowledged_ = 0;
};

TableSocket open_socket() {
  TableSocket socket(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
  if (socket && mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) socket.reset();
  return socket;
}

using Visit = std::function<void(const nlmsghdr&)>;

// Reads all answers: the kernel has written them before the request returns, or, of a dump, when
// the part before was read. Gives the first error, 0 where message `last` or a dump was answered
// without.
int receive(mnl_socket* socket, std::uint32_t last, const Visit& visit) {
  std::vector<char> buffer(1U << 16U);
  int error = 0;
  bool answered = false;
  for (;;) {
    const ssize_t got = recv(mnl_socket_get_fd(socket), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got <= 0) return error == 0 && !answered ? EIO : error;
    int left = static_cast<int>(got);
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
         mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      answered = answered || message->nlmsg_type == NLMSG_DONE;
      if (message->nlmsg_type == NLMSG_ERROR) {
        const auto* answer = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
        if (error == 0) error = -answer->error;
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

// The kernel refuses a message larger than the buffer less a little: about 200 KiB by default,
// which the rules of 15 workers are. The limit for users does not bind who may change rules.
void make_room(mnl_socket* socket, std::size_t bytes) {
  constexpr std::size_t kSlack = 4096;
  const int wanted = static_cast<int>(bytes + kSlack);
  ::setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof(wanted));
}

int exchange(mnl_socket* socket, Messages&& messages, const Visit& visit) {
  const std::uint32_t last = messages.last_acknowledged();
  const std::vector<char> bytes = messages.take();
  make_room(socket, bytes.size());
  if (mnl_socket_sendto(socket, bytes.data(), bytes.size()) < 0) return errno;
  return receive(socket, last, visit);
}

void begin_batch(Messages& batch) {
  batch.end(batch.begin(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

int commit(mnl_socket* socket, Messages&& batch) {
  batch.end(batch.begin(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  return exchange(socket, std::move(batch), [](const nlmsghdr&) {});
}

// The table messages alone ask for an answer: errors come in any case.
void add_table(Messages& batch, const std::string& name) {
  nlmsghdr* message = batch.begin_table_message(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK);
  put_text(message, NFTA_TABLE_NAME, name);
  mnl_attr_put_u32(message, NFTA_TABLE_FLAGS, htonl(kOwner | kPersist));
  batch.end(message);
}

void delete_table(Messages& batch, const std::string& name, unsigned flags = 0) {
  nlmsghdr* message = batch.begin_table_message(NFT_MSG_DELTABLE, NLM_F_ACK | flags);
  put_text(message, NFTA_TABLE_NAME, name);
  batch.end(message);
}

void add_chain(Messages& batch, const OwnedChain& chain) {
  nlmsghdr* message = batch.begin_table_message(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  put_text(message, NFTA_CHAIN_TABLE, kTableName);
  put_text(message, NFTA_CHAIN_NAME, chain.name);
  nlattr* hook = mnl_attr_nest_start(message, NFTA_CHAIN_HOOK);
  mnl_attr_put_u32(message, NFTA_HOOK_HOOKNUM, htonl(chain.hook));
  mnl_attr_put_u32(message, NFTA_HOOK_PRIORITY, htonl(static_cast<std::uint32_t>(chain.priority)));
  mnl_attr_nest_end(message, hook);
  put_text(message, NFTA_CHAIN_TYPE, "filter");
  batch.end(message);
}

void add_rule(Messages& batch, const std::string& chain, const CompiledRule& rule) {
  nlmsghdr* message = batch.begin_table_message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
  put_text(message, NFTA_RULE_TABLE, kTableName);
  put_text(message, NFTA_RULE_CHAIN, chain);
  put_nested(message, NFTA_RULE_EXPRESSIONS, rule.expressions);
  if (rule.protocol != 0) {
    nlattr* compat = mnl_attr_nest_start(message, NFTA_RULE_COMPAT);
    mnl_attr_put_u32(message, NFTA_RULE_COMPAT_PROTO, htonl(rule.protocol));
    mnl_attr_put_u32(message, NFTA_RULE_COMPAT_FLAGS, 0);
    mnl_attr_nest_end(message, compat);
  }
  batch.end(message);
}

std::string name_of(IpFamily family) {
  return (family == IpFamily::v4 ? "ip " : "ip6 ") + kTableName;
}

Unexpected<Error> failure(const std::string& what, int error) {
  return fail(what + ": " + std::strerror(error));
}

}  // namespace

RawTableVisit::RawTableVisit(IpFamily family) : family_(family), was_there_(true) {
  const TableSocket socket = open_socket();
  if (!socket) return;
  Messages ask(family_);
  nlmsghdr* message = ask.begin_table_message(NFT_MSG_GETTABLE, NLM_F_ACK);
  put_text(message, NFTA_TABLE_NAME, kRaw);
  ask.end(message);
  was_there_ = exchange(socket.get(), std::move(ask), [](const nlmsghdr&) {}) != ENOENT;
}

// NLM_F_NONREC has the kernel refuse where a chain or the table is not empty. Older versions of
// iptables make the built-in chains along with the table.
RawTableVisit::~RawTableVisit() {
  const TableSocket socket = was_there_ ? nullptr : open_socket();
  if (!socket) return;
  Messages alone(family_);
  begin_batch(alone);
  delete_table(alone, kRaw, NLM_F_NONREC);
  if (commit(socket.get(), std::move(alone)) == 0) return;
  Messages batch(family_);
  begin_batch(batch);
  for (const char* chain : {"PREROUTING", "OUTPUT"}) {
    nlmsghdr* message = batch.begin_table_message(NFT_MSG_DELCHAIN, NLM_F_NONREC);
    put_text(message, NFTA_CHAIN_TABLE, kRaw);
    put_text(message, NFTA_CHAIN_NAME, chain);
    batch.end(message);
  }
  delete_table(batch, kRaw, NLM_F_NONREC);
  commit(socket.get(), std::move(batch));
}

bool OwnedTable::open() {
  if (!socket_) socket_ = open_socket();
  return socket_ != nullptr;
}

bool OwnedTable::supported() {
  OwnedTable table(IpFamily::v4);
  if (!table.open()) return false;
  Messages batch(IpFamily::v4);
  begin_batch(batch);
  add_table(batch, kOtherTable);
  delete_table(batch, kOtherTable);
  return commit(table.socket_.get(), std::move(batch)) == 0;
}

Result<std::vector<CompiledRule>, Error> OwnedTable::read_chain(const std::string& chain) {
  if (!open()) return failure("nf_tables", errno);
  Messages dump(family_);
  nlmsghdr* message = dump.begin_table_message(NFT_MSG_GETRULE, NLM_F_DUMP);
  put_text(message, NFTA_RULE_TABLE, kRaw);
  put_text(message, NFTA_RULE_CHAIN, chain);
  dump.end(message);
  std::vector<CompiledRule> rules;
  const auto take_rule = [&rules](const nlmsghdr& answer) {
    rules.push_back({payload_of(answer, NFTA_RULE_EXPRESSIONS), 0});
  };
  const int error = exchange(socket_.get(), std::move(dump), take_rule);
  if (error != 0) return failure("nf_tables: reading chain " + chain, error);
  return rules;
}

// Made to be there, deleted and made again, whoever's it was: so nothing of before is left, and no
// packet sees less than one whole table.
Status OwnedTable::replace(const std::vector<OwnedChain>& chains) {
  if (!open()) return failure("nf_tables", errno);
  Messages batch(family_);
  begin_batch(batch);
  add_table(batch, kTableName);
  delete_table(batch, kTableName);
  add_table(batch, kTableName);
  for (const OwnedChain& chain : chains) {
    add_chain(batch, chain);
    for (const CompiledRule& rule : chain.rules) add_rule(batch, chain.name, rule);
  }
  const int error = commit(socket_.get(), std::move(batch));
  if (error != 0) return failure("nf_tables: table " + name_of(family_), error);
  return Done{};
}

Status OwnedTable::remove() {
  if (!open()) return Done{};
  Messages batch(family_);
  begin_batch(batch);
  add_table(batch, kTableName);
  delete_table(batch, kTableName);
  const int error = commit(socket_.get(), std::move(batch));
  socket_.reset();
  // A kernel that knows no such flags has no such table either.
  if (error == 0 || error == EOPNOTSUPP || error == EINVAL) return Done{};
  return failure("nf_tables: removing table " + name_of(family_), error);
}

}  // namespace lvsd
