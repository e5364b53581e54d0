// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/privileges.h"

#include <cap-ng.h>
#include <sys/prctl.h>

#include <cerrno>
#include <system_error>

namespace lvsd {

Status drop_privileges() {
  if (capng_get_caps_process() != 0) return fail("cannot read this process's capabilities");
  if (capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) == 0) {
    return fail("CAP_NET_ADMIN is missing: lvsd needs it for its queue, rules and addresses");
  }
  if (capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW) == 0) {
    return fail("CAP_NET_RAW is missing: lvsd needs it for its packet and raw sockets");
  }
  // Without CAP_SETPCAP the bounding set cannot shrink; the process's own sets still do.
  const bool bounding = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;
  capng_clear(CAPNG_SELECT_BOTH);
  const auto kept = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED |
                                              CAPNG_INHERITABLE | CAPNG_BOUNDING_SET);
  capng_updatev(CAPNG_ADD, kept, CAP_NET_ADMIN, CAP_NET_RAW, -1);
  if (capng_apply(bounding ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) != 0) {
    return fail("cannot drop capabilities");
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail("cannot set no_new_privs: " + std::generic_category().message(errno));
  }
  return Done{};
}

}  // namespace lvsd
