// SPDX-License-Identifier: GPL-2.0-or-later
// Who may do what on the control socket. The file's mode lets root and the group lvsd connect; what
// a client may ask goes by the credentials that the kernel has of it (SO_PEERCRED, SO_PEERGROUPS),
// as they were when it connected: the group lvsd reads, root and the group lvsd-admin change, too.
// Where a group does not exist, that is root's alone.
#pragma once

#include <sys/types.h>

#include <optional>
#include <span>

#include "lvsd/net/result.h"

namespace lvsd {

struct ControlGroups {
  std::optional<gid_t> readers, admins;
  static ControlGroups look_up();
};

struct Peer {
  uid_t user = 0;
  bool may_read = false, may_change = false;
};
// `own`: the user that the daemon runs as, who may everything.
Peer judge_peer(uid_t user, std::span<const gid_t> groups, uid_t own, const ControlGroups& known);
// Of a connected socket; nothing may be asked where the kernel does not tell.
Peer peer_of(int socket, const ControlGroups& known);

// Makes this process a member of the group of readers, without which it could not give them the
// socket once its capabilities are gone. To be called before that; false where it may not.
bool join_readers();

}  // namespace lvsd
