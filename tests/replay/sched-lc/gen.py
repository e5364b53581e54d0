#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""lc: the fewest connections, weights but on or off."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
for n, server in enumerate([RS1, RS2, RS1, RS2, RS1], 1):
    packet = case.from_client(tcp(client(n), 4000, 80))
    case.to_server(forwarded(packet), server)
case.write()
