#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""TUN: the packet less one TTL inside a new header that takes DF, DSCP, ECN and TTL from it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
for n, server, ip in ((1, RS1, {}), (2, RS2, {"df": True}), (3, RS3, {"tos": 0xB9}),
                      (4, RS1, {"tos": 3}), (5, RS2, {"ttl": 2})):
    packet = case.from_client(tcp(client(n), 4000, 80, **ip))
    case.to_server(tunnelled(packet, server), server)
    packet = case.from_client(tcp(client(n), 4000, 80, "PA", payload=b"hello", **ip))
    case.to_server(tunnelled(packet, server), server)
case.write()
