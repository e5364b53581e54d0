#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux cooked captures say which packets arrived and which were sent."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
import struct  # noqa: E402

syn = tcp(CLIENT, 4000, 80)
for kind, protocol in ((0, 0x0800), (4, 0x0800), (3, 0x0800), (1, 0x0800), (0, 0x0806), (0, 0x88CC)):
    header = struct.pack(">HHH8sH", kind, 1, 6, bytes.fromhex("0200000001020000"), protocol)
    case.frame(header + bytes(syn))
case.to_server(forwarded(syn), RS1)
case.write(link_type=113)
