#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""DR: IP options go along untouched, and the ports behind them are found."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
for options in (IPOption(b"\x01\x01\x01\x01"), IPOption(b"\x94\x04\x00\x00")):
    packet = case.from_client(udp(CLIENT, 4000, 53, b"query", options=[options]))
    case.to_server(forwarded(packet), RS1)
case.write()
