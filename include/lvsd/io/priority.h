// SPDX-License-Identifier: GPL-2.0-or-later
// How the calling thread shares its CPU with others.
#pragma once

namespace lvsd {

// For a thread that runs for microseconds and often: slices of 0.1 ms, the shortest there are, in
// place of some milliseconds. Since Linux 6.12 a thread that wakes goes before one of longer
// slices (EEVDF); it gets no more of the CPU than before, but its part at once. A kernel that does
// not know this, or a sandbox that forbids it, leaves the thread as it is.
void go_first();

}  // namespace lvsd
