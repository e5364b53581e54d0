// SPDX-License-Identifier: GPL-2.0-or-later
// The FTP helper (reference section 7): what it knows of a control connection beyond the connection
// table. Only control connections over which a client has asked for passive mode have an entry.
#pragma once

#include <optional>
#include <unordered_map>

#include "lvsd/director/connection_table.h"
#include "lvsd/forward/ftp_text.h"
#include "lvsd/forward/tcp_stream.h"

namespace lvsd {

struct FtpControl {
  FtpMode waiting = FtpMode::active;  // whether an answer with an address is due
  // The latest answer, by the original sequence number of its address: sent again, it is rewritten
  // again. The kernel's helper lets the repetition pass as it is.
  struct Answered {
    FtpMode mode;
    std::uint32_t position;
  };
  std::optional<Answered> answered;
  SequenceShift shift;  // of what the server sends
};
using FtpControls = std::unordered_map<ConnectionId, FtpControl>;

// Of a data connection that is announced: port 0 of a client stands for any.
struct DataEndpoints {
  Port client, virtual_port, destination;
};

}  // namespace lvsd
