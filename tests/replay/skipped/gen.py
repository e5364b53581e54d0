#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the director would never be handed is skipped, and counted by kind."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
syn = tcp(CLIENT, 4000, 80)
case.frame(Ether(src=ROUTER, dst="ff:ff:ff:ff:ff:ff") / ARP(psrc="10.0.1.2", pdst=CL_IP))
case.frame(Ether(src=ROUTER, dst=CL) / Dot1Q(vlan=7, type=0x0800) / Raw(bytes(syn)))
case.frame(Ether(src=ROUTER, dst="02:00:00:00:01:77", type=0x0800) / Raw(bytes(syn)))
case.frame(Ether(src=ROUTER, dst="01:00:5e:00:00:01", type=0x0800) / Raw(bytes(syn)))
case.frame(Ether(src=BE, dst=MACS[RS1], type=0x0800) / Raw(bytes(forwarded(syn))))
case.frame(Ether(src=ROUTER, dst=CL, type=0x88CC) / Raw(b"lldp"))
case.frame(b"short")
case.from_client(bytes(syn) + bytes(20))  # link-layer padding does not count
case.to_server(forwarded(syn), RS1)
case.write()
