// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/send_batch.h"

#include <cerrno>

namespace lvsd {

void count_send_error(int error, SendCounters& counters) {
  switch (error) {
    case ENOBUFS:
    case ENOMEM:
    case EAGAIN:
      ++counters.no_buffer;
      break;
    case ENETDOWN:
    case ENODEV:
    case ENXIO:
      ++counters.link_down;
      break;
    case EMSGSIZE:
      ++counters.too_big;
      break;
    default:
      ++counters.refused;
      break;
  }
}

// sendmmsg stops at a message that fails and reports the error only if that was the first one: the
// next call, which starts with it, gets the error.
void send_batch(int fd, std::span<mmsghdr> messages, SendCounters& counters) {
  while (!messages.empty()) {
    const int sent =
        sendmmsg(fd, messages.data(), static_cast<unsigned>(messages.size()), MSG_DONTWAIT);
    if (sent > 0) {
      counters.sent += static_cast<std::uint64_t>(sent);
      messages = messages.subspan(static_cast<std::size_t>(sent));
    } else if (errno != EINTR) {
      count_send_error(errno, counters);
      messages = messages.subspan(1);
    }
  }
}

}  // namespace lvsd
