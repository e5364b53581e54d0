// SPDX-License-Identifier: GPL-2.0-or-later
// Runs another program to its end: no shell, arguments as a vector, input from memory, output
// captured, a time limit. Used for the packet filter's own tools (iptables, ipset, nft), whose
// behaviour differs too much between versions to speak their netlink dialects instead.
//
// The child gets three descriptors and nothing else of ours, default signals, the C locale and a
// fixed PATH. Its input is an in-memory file: whoever does not read it cannot block or kill us, and
// /dev/stdin, which nft opens by name, works.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/net/result.h"

namespace lvsd {

struct ProcessResult {
  int status = 0;  // exit status, or 128 + signal
  std::string output;
  std::string errors;
};

inline constexpr std::chrono::milliseconds kProcessTimeout{10'000};

// `argv[0]` is looked up in PATH, then in the sbin directories that an unprivileged PATH lacks. An
// Error means that the program could not be run or did not end in time (it is killed then).
Result<ProcessResult, Error> run_process(const std::vector<std::string>& argv,
                                         std::string_view input = {},
                                         std::chrono::milliseconds timeout = kProcessTimeout);

// The same where anything but success is an error: its output, or a sentence that has the program's
// name, exit status and what it complained about.
Result<std::string, Error> run_tool(const std::vector<std::string>& argv,
                                    std::string_view input = {});

// Where `name` would be run from; empty where it is nowhere.
std::string find_program(std::string_view name);

}  // namespace lvsd
