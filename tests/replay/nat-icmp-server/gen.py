#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""NAT: ICMP errors from a real server or a router near it reach the client as errors about the
packet that the client sent."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
syn = case.from_client(tcp(CLIENT, 4000, 80))
case.to_server(translated(syn, dest=RS1, dport=8080), RS1)
query = case.from_client(udp(CLIENT, 4001, 53))
case.to_server(translated(query, dest=RS2, dport=5353), RS2)
seen = translated(query, dest=RS2, dport=5353)
error = case.from_server(IP(src=RS2, dst=CLIENT, tos=0xC0, id=9) / ICMP(type=3, code=3) / Raw(bytes(seen)), RS2)
case.to_client(requoted(error, source=VIP, inner_dst=VIP, inner_dport=53))
seen = translated(syn, dest=RS1, dport=8080)
error = case.from_server(router_error(3, 4, seen, source=RS1, dest=CLIENT, mtu=1400, quote=28))
case.to_client(requoted(error, source=VIP, inner_dst=VIP, inner_dport=80))
error = case.from_server(router_error(11, 0, seen, source="10.0.2.50", dest=CLIENT))
case.to_client(requoted(error, source=VIP, inner_dst=VIP, inner_dport=80))
case.from_server(router_error(3, 1, seen, source=RS1, dest=CLIENT, chksum=0x1234))  # damaged
other = tcp(CLIENT, 4999, 8080, dest=RS1)
case.from_server(router_error(3, 1, other, source=RS1, dest=CLIENT))  # nobody's
case.write()
