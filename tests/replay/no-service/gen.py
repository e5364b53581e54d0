#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing listens, or no connection can begin so: all of it is the local stack's."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
case.from_client(tcp(CLIENT, 4000, 81))
case.from_client(udp(CLIENT, 4000, 80))
case.from_client(tcp(CLIENT, 4000, 80, dest=CL_IP))
case.from_client(tcp(CLIENT, 4000, 80, "A"))  # nobody's: no SYN
case.from_client(tcp(CLIENT, 4000, 80, "R"))
case.from_client(tcp(CLIENT, 4000, 80, "SR"))
case.from_client(tcp(CLIENT, 20, 80))  # ftp-data
case.from_client(IP(src=CLIENT, dst=VIP, id=1, proto=99) / Raw(b"unknown protocol"))
case.from_client(IP(src=CLIENT, dst=VIP, id=1) / ICMP(type=8, id=1, seq=1) / Raw(b"ping"))
case.write()
