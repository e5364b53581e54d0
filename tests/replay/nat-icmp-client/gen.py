#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""NAT: ICMP errors from the client's side about the director's answers reach the real server as
errors about its own packets; what is no error, or about nothing known, is left alone."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
syn = case.from_client(tcp(CLIENT, 4000, 80))
case.to_server(translated(syn, dest=RS1, dport=8080), RS1)
query = case.from_client(udp(CLIENT, 4001, 53))
case.to_server(translated(query, dest=RS2, dport=5353), RS2)
answer = tcp(VIP, 80, 4000, "SA", dest=CLIENT)  # as the router saw it
reply = udp(VIP, 53, 4001, dest=CLIENT)
for kind, code, quote, more in ((3, 4, 28, {"mtu": 1300}), (3, 4, None, {"mtu": 1300}), (11, 0, None, {}), (4, 0, 28, {})):
    error = case.from_client(router_error(kind, code, answer, quote=quote, **more))
    case.to_server(requoted(error, dest=RS1, inner_src=RS1, inner_sport=8080), RS1)
error = case.from_client(router_error(3, 3, reply))
case.to_server(requoted(error, dest=RS2, inner_src=RS2, inner_sport=5353), RS2)
case.from_client(router_error(12, 0, answer))  # parameter problem: not an error IPVS relates
case.from_client(router_error(5, 1, answer))  # redirect
case.from_client(router_error(3, 1, tcp(VIP, 80, 4999, "SA", dest=CLIENT)))  # nobody's
case.from_client(router_error(3, 1, answer, chksum=0x1234))  # damaged
case.from_client(router_error(3, 1, answer, quote=20))  # no ports
case.from_client(IP(src=CLIENT, dst=VIP, id=1) / ICMP(type=8, id=1, seq=1) / Raw(b"ping"))
case.write()
