#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""DR and NAT on a real server network of MTU 1300: answered with DF, cut without it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
packet = case.from_client(tcp(CLIENT, 4000, 80, "S", payload=b"x" * 1360, df=True))
case.to_client(icmp_error(3, 4, forwarded(packet), mtu=1300))
packet = case.from_client(tcp(CLIENT, 4001, 80, "S", payload=b"x" * 1360))
for piece in fragment(forwarded(packet), fragsize=1280):
    case.to_server(piece, RS1)
packet = case.from_client(udp(CLIENT, 4002, 53, b"y" * 1372, df=True))
case.to_client(icmp_error(3, 4, forwarded(packet), mtu=1300))
packet = case.from_client(udp(CLIENT, 4003, 53, b"y" * 1372))
for piece in fragment(translated(packet, dest=RS1), fragsize=1280):
    case.to_server(piece, RS1)
case.write()
