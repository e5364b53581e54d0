#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A TTL of 1 ends here, in both directions of NAT; 2 is the least that is forwarded."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
for port in (80, 81, 82):
    packet = case.from_client(tcp(CLIENT, 4000, port, ttl=1))
    case.to_client(icmp_error(11, 0, packet))
packet = case.from_client(tcp(CLIENT, 4001, 80, ttl=2))
case.to_server(forwarded(packet), RS1)
packet = case.from_client(tcp(CLIENT, 4001, 81, ttl=2))
case.to_server(translated(packet, dest=RS2, dport=8080), RS2)
packet = case.from_client(tcp(CLIENT, 4001, 82, ttl=2))
case.to_server(tunnelled(packet, RS3), RS3)
packet = case.from_server(tcp(RS2, 8080, 4001, "SA", dest=CLIENT, ttl=2), RS2)
case.to_client(translated(packet, source=VIP, sport=81))
packet = case.from_server(tcp(RS2, 8080, 4001, "SA", dest=CLIENT, ttl=1), RS2)
case.leaves(Ether(src=BE, dst=MACS[RS2], type=0x0800) / icmp_error(11, 0, packet, source=BE_IP))
case.write()
