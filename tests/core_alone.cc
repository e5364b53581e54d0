// SPDX-License-Identifier: GPL-2.0-or-later
// The whole core and nothing else: links only as long as the core needs no library.
int main() { return 0; }
