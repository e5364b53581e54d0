// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/table_watch.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace lvsd {
namespace {

// Tables, chains, rules, sets and set members all carry the table's name as attribute 1.
static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 &&
              NFTA_SET_TABLE == 1 && NFTA_SET_ELEM_LIST_TABLE == 1);

bool carries_table(int message) {
  switch (message) {
    case NFT_MSG_NEWTABLE:
    case NFT_MSG_DELTABLE:
    case NFT_MSG_NEWCHAIN:
    case NFT_MSG_DELCHAIN:
    case NFT_MSG_NEWRULE:
    case NFT_MSG_DELRULE:
    case NFT_MSG_NEWSET:
    case NFT_MSG_DELSET:
    case NFT_MSG_NEWSETELEM:
    case NFT_MSG_DELSETELEM:
      return true;
    default:  // the generation that ends each transaction, objects, flow tables
      return false;
  }
}

// The table that a message is about; empty where it is about none.
std::string_view table_of(const nlmsghdr& message) {
  if ((message.nlmsg_type >> 8U) != NFNL_SUBSYS_NFTABLES) return {};
  if (!carries_table(message.nlmsg_type & 0xffU)) return {};
  const auto* attribute =
      static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(&message, sizeof(nfgenmsg)));
  const char* tail = static_cast<const char*>(mnl_nlmsg_get_payload_tail(&message));
  for (; mnl_attr_ok(attribute, static_cast<int>(tail - reinterpret_cast<const char*>(attribute)));
       attribute = mnl_attr_next(attribute)) {
    if (mnl_attr_get_type(attribute) != NFTA_TABLE_NAME) continue;
    if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0) return {};
    return mnl_attr_get_str(attribute);
  }
  return {};
}

}  // namespace

TableWatch::TableWatch(std::vector<std::string> tables) : tables_(std::move(tables)) {
  FileDescriptor opened(
      socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER));
  const sockaddr_nl address{.nl_family = AF_NETLINK, .nl_pad = 0, .nl_pid = 0, .nl_groups = 0};
  const int group = NFNLGRP_NFTABLES;
  if (!opened.valid() ||
      bind(opened.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      setsockopt(opened.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) != 0) {
    return;
  }
  fd_ = std::move(opened);
}

TableChange TableWatch::drain() {
  TableChange worst = TableChange::none;
  alignas(nlmsghdr) std::array<char, 65536> buffer;
  while (fd_.valid()) {
    const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == ENOBUFS) {
      worst = std::max(worst, TableChange::changed);  // who knows what it was
      continue;
    }
    if (got <= 0) break;
    int left = static_cast<int>(got);
    for (auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
         mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      if (std::find(tables_.begin(), tables_.end(), table_of(*message)) == tables_.end()) continue;
      const bool deleted = (message->nlmsg_type & 0xffU) == NFT_MSG_DELTABLE;
      worst = std::max(worst, deleted ? TableChange::deleted : TableChange::changed);
    }
  }
  return worst;
}

}  // namespace lvsd
