// SPDX-License-Identifier: GPL-2.0-or-later
// The words of an FTP control connection that name addresses (RFC 959 PORT, PASV and 227; RFC 2428
// EPRT, EPSV and 229; reference section 7.2 and 7.3).
//
// One segment is read by itself: a command or answer that is cut over two segments is not
// recognized, as in the kernel. Other than there, every line of a segment is looked at, so that
// commands sent together are all seen, and numbers are held to their range.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lvsd/model/service.h"

namespace lvsd {

// What the client has asked for and the server has not answered yet.
enum class FtpMode : std::uint8_t { active, passive, extended_passive };

struct FtpCommand {
  FtpMode mode = FtpMode::active;
  Endpoint client;  // of PORT and EPRT: where the client expects the data connection
};

// The last command of interest in what a client sends. EPSV and EPRT must name the family of the
// connection; `EPSV ALL` is not one, as it announces nothing.
std::optional<FtpCommand> read_ftp_command(std::string_view segment, bool v4);

// Where a server waits for a passive data connection. Text [begin, end) of the segment says it and
// is what NAT replaces.
struct FtpAnswer {
  std::optional<IpAddress> address;  // a 229 need not name it
  Port port;
  std::size_t begin = 0, end = 0;
};

// The 227 (mode passive, IPv4 only) or 229 (extended_passive) in what a server sends.
std::optional<FtpAnswer> read_ftp_answer(std::string_view segment, FtpMode mode, bool v4);

// What to write instead: 192,0,2,10,117,48 or |||30000|.
std::string ftp_answer_text(FtpMode mode, const Endpoint& endpoint);

}  // namespace lvsd
