#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A service whose destinations are all quiesced, or that has none: port unreachable."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
for packet in (tcp(CLIENT, 4000, 80), tcp(CLIENT, 4000, 80, payload=b"z" * 600, df=True), udp(CLIENT, 4000, 53)):
    case.from_client(packet)
    case.to_client(icmp_error(3, 3, packet))
case.from_client(tcp(CLIENT, 4000, 80, "A"))  # nothing to schedule: the stack's
case.write()
