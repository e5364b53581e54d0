#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets cut by the snap length are decided, but what they become is not compared."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
whole = case.from_client(tcp(CLIENT, 4000, 80))
case.to_server(forwarded(whole), RS1)
cut = tcp(CLIENT, 4000, 80, "PA", payload=b"p" * 500)
case.frame(Ether(src=ROUTER, dst=CL, type=0x0800) / Raw(bytes(cut)), snap=96)
case.leaves(Ether(src=BE, dst=MACS[RS1], type=0x0800) / Raw(bytes(forwarded(cut))), snap=96)
cut = udp(CLIENT, 4000, 53, b"q" * 500)
case.frame(Ether(src=ROUTER, dst=CL, type=0x0800) / Raw(bytes(cut)), snap=96)
case.leaves(Ether(src=BE, dst=MACS[RS2], type=0x0800) / Raw(bytes(translated(cut, dest=RS2))))
short = tcp(CLIENT, 4001, 80)
case.frame(Ether(src=ROUTER, dst=CL, type=0x0800) / Raw(bytes(short)), snap=40)  # no flags: skipped
whole = case.from_client(tcp(CLIENT, 4000, 80, "A"))
case.to_server(forwarded(whole), RS1)
case.write()
