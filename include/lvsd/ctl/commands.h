// SPDX-License-Identifier: GPL-2.0-or-later
// What a person types. Each command gets the words behind its name, prints to standard output and
// standard error, and returns lvsctl's exit status: 0 fine; 1 the answer is no (refused,
// different); 2 usage; 3 the daemon is not there.
#pragma once

#include <string>
#include <vector>

namespace lvsd::ctl {

using Words = std::vector<std::string>;

inline constexpr int kFine = 0, kNo = 1, kUsage = 2, kNoDaemon = 3;

// Offline: no daemon, no root, no network.
int replay(const Words& words);
int check(const Words& words);
int convert(const Words& words);
int explain(const Words& words);  // live without -c
int plan(const Words& words);  // live with one file; its exit status 2 says that there are changes

// Live, through the control socket.
int list(const Words& words);
int status(const Words& words);
int rules(const Words& words);
int network(const Words& words);
int reload(const Words& words);
int zero(const Words& words);
int trace(const Words& words);
int capture(const Words& words);
int drain(const Words& words);
int undrain(const Words& words);
int weight(const Words& words);
int drift(const Words& words);
int top(const Words& words);
int health(const Words& words);

// On a real server, without daemon or director.
int realserver(const Words& words);

// On the director, with packets of its own. Exit status 1: faults; 2: it could not run.
int doctor(const Words& words);

}  // namespace lvsd::ctl
