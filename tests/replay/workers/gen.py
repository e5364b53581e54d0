#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Four workers: whatever belongs to a client meets the one that has it, in both directions, as ICMP
error and as fragment; least connections are counted across them, and so is what a path takes."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
CLIENTS = range(1, 17)
SERVERS = (RS1, RS2)

for n in CLIENTS:
    server = SERVERS[(n - 1) % 2]
    syn = case.from_client(tcp(client(n), 4000, 80))
    case.to_server(translated(syn, dest=server, dport=8080), server)
for n in CLIENTS:
    server = SERVERS[(n - 1) % 2]
    answer = case.from_server(tcp(server, 8080, 4000, "SA", dest=client(n), df=True), server)
    case.to_client(translated(answer, source=VIP, sport=80))
    error = case.from_client(router_error(3, 4, tcp(VIP, 80, 4000, "SA", dest=client(n)), mtu=1300))
    case.to_server(requoted(error, dest=server, inner_src=server, inner_sport=8080), server)
    seen = translated(tcp(client(n), 4000, 80), dest=server, dport=8080)
    error = case.from_server(router_error(11, 0, seen, source="10.0.2.50", dest=client(n)), server)
    case.to_client(requoted(error, source=VIP, inner_dst=VIP, inner_dport=80))
# The path to RS3 takes less, says a router to the director, quoting nothing of the client's packet.
for n in CLIENTS:
    syn = case.from_client(tcp(client(n), 4001, 81))
    case.to_server(tunnelled(syn, RS3), RS3)
outer = tunnelled(tcp(client(1), 4001, 81), RS3)
case.from_server(router_error(3, 4, outer, source="10.0.2.50", dest=BE_IP, mtu=1400, quote=28), RS3)
for n in CLIENTS:
    large = case.from_client(tcp(client(n), 4001, 81, "PA", payload=bytes(1400), df=True))
    case.to_client(icmp_error(3, 4, forwarded(large), mtu=1380))
case.write()
