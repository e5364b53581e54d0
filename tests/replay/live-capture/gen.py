#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A capture of both interfaces, taken live at the director, is input and expectation in one; what
others sent, ARP, the kernel's multicast and the kernel's choice of ids do not count."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
for n in (1, 2):
    syn = case.from_client(tcp(client(n), 4000, 80))
    case.to_server(translated(syn, dest=RS1, dport=8080), RS1)
    case.frame(Ether(src=BE, dst="ff:ff:ff:ff:ff:ff") / ARP(psrc=BE_IP, pdst=RS2))
    case.frame(Ether(src=CL, dst="01:00:5e:00:00:16") / IP(src=CL_IP, dst="224.0.0.22", proto=2))
    reply = case.from_server(tcp(RS1, 8080, 4000, "SA", dest=client(n)))
    case.to_client(translated(reply, source=VIP, sport=80))
    syn = case.from_client(tcp(client(n), 4000, 81))
    outer = tunnelled(syn, RS2)
    outer.id = 4711 * n
    del outer.chksum
    case.to_server(outer, RS2)
    case.frame(Ether(src=MACS[RS2], dst="02:00:00:00:02:99", type=0x0800) / Raw(bytes(syn)))
case.write_live()
