// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/peer.h"

#include <grp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace lvsd {
namespace {

constexpr const char* kReaders = "lvsd";
constexpr const char* kAdmins = "lvsd-admin";
constexpr std::size_t kMostGroups = 65536;  // NGROUPS_MAX

std::optional<gid_t> group(const char* name) {
  const struct group* const found = ::getgrnam(name);  // at start and from one thread only
  return found == nullptr ? std::nullopt : std::optional(found->gr_gid);
}

bool among(std::span<const gid_t> groups, const std::optional<gid_t>& wanted) {
  return wanted && std::find(groups.begin(), groups.end(), *wanted) != groups.end();
}

std::vector<gid_t> groups_of(int socket, gid_t first) {
  std::vector<gid_t> groups(kMostGroups);
  auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) size = 0;
  groups.resize(size / sizeof(gid_t));
  groups.push_back(first);
  return groups;
}

}  // namespace

ControlGroups ControlGroups::look_up() { return {group(kReaders), group(kAdmins)}; }

Peer judge_peer(uid_t user, std::span<const gid_t> groups, uid_t own, const ControlGroups& known) {
  Peer peer{.user = user};
  peer.may_change = user == 0 || user == own || among(groups, known.admins);
  peer.may_read = peer.may_change || among(groups, known.readers);
  return peer;
}

Peer peer_of(int socket, const ControlGroups& known) {
  struct ucred credentials {};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return {.user = static_cast<uid_t>(-1)};
  }
  return judge_peer(credentials.uid, groups_of(socket, credentials.gid), ::geteuid(), known);
}

bool join_readers() {
  const auto readers = group(kReaders);
  if (!readers) return true;
  std::vector<gid_t> groups(kMostGroups);
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
  if (among(groups, readers) || ::getegid() == *readers) return true;
  groups.push_back(*readers);
  return ::setgroups(groups.size(), groups.data()) == 0;
}

}  // namespace lvsd
