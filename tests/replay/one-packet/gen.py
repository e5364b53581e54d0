#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One-packet scheduling: each datagram of one client goes to the next server, and the reply of a
NAT server belongs to no connection, so that it is left to the host."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
for n in range(3):
    question = case.from_client(udp(CLIENT, 4000, 53, b"question %d" % n))
    case.to_server(translated(question, dest=RS1, dport=5353), RS1)
    case.from_server(udp(RS1, 5353, 4000, b"answer", dest=CLIENT))
    question = case.from_client(udp(CLIENT, 4000, 53, b"question"))
    case.to_server(forwarded(question), RS2)

# With schedule_icmp an error about such a datagram is one packet, too: no connection comes of it.
question = case.from_client(udp(CLIENT, 4000, 53, b"question"))
case.to_server(translated(question, dest=RS1, dport=5353), RS1)
error = case.from_client(router_error(3, 3, udp(VIP, 53, 4000, dest=CLIENT)))
case.to_server(forwarded(IP(bytes(error))), RS2)
question = case.from_client(udp(CLIENT, 4000, 53, b"question"))
case.to_server(translated(question, dest=RS1, dport=5353), RS1)
case.write()
