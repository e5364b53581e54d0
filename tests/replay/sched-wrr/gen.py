#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""wrr with weights 3, 2 and 1: the sequence AABABC, from the lowest pass on (ABC), since the kernel
is given the destinations one by one, the last of the file first: its threshold stays at 1."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
for n, server in enumerate([RS1, RS2, RS3, RS1, RS1, RS2] * 2, 1):
    packet = case.from_client(tcp(client(n), 4000, 80))
    case.to_server(forwarded(packet), server)
case.write()
