#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""DR: IP options go along untouched but for record-route, which the director fills in as any router
does, and the ports behind them are found. The sender of malformed ones is told which byte is wrong."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
for options in (IPOption(b"\x01\x01\x01\x01"), IPOption(b"\x94\x04\x00\x00")):
    packet = case.from_client(udp(CLIENT, 4000, 53, b"query", options=[options]))
    case.to_server(forwarded(packet), RS1)
for empty, filled in ((b"\x07\x07\x04\0\0\0\0", b"\x07\x07\x08\x0a\0\x03\x64"),  # 10.0.3.100
                      (b"\x01\x07\x0b\x08\x01\x02\x03\x04\0\0\0\0",
                       b"\x01\x07\x0b\x0c\x01\x02\x03\x04\x0a\0\x03\x64"),
                      (b"\x07\x07\x08\x01\x02\x03\x04", b"\x07\x07\x08\x01\x02\x03\x04")):  # full
    packet = case.from_client(udp(CLIENT, 4000, 53, b"query", options=[IPOption(empty)]))
    case.to_server(forwarded(udp(CLIENT, 4000, 53, b"query", options=[IPOption(filled)])), RS1)
for options, wrong in ((b"\x07\x0f\x04\0\0\0\0", 20),   # longer than the header
                       (b"\x07\x07\x02\0\0\0\0", 22)):  # points at itself
    packet = case.from_client(udp(CLIENT, 4000, 53, b"query", options=[IPOption(options)]))
    case.to_client(icmp_error(12, 0, packet, ptr=wrong))
case.write()
