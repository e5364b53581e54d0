#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One-packet scheduling: each datagram of one client goes to the next server, and the reply of a
NAT server belongs to no connection, so that it is left to the host. Fragments follow their first."""
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

# A datagram in fragments is one, too, and so are those that come before their first.
for server, changed in ((RS2, {}), (RS1, {"dest": RS1, "dport": 5353})):
    datagram = udp(CLIENT, 4000, 53, b"f" * 2000, id=2 if changed else 1)
    came = fragment(datagram, fragsize=800)
    left = fragment(translated(datagram, **changed), fragsize=800)
    order = (0, 1, 2) if changed else (2, 0, 1)
    for i in order:
        case.from_client(came[i])
    for i in (0, 1, 2) if changed else (0, 2, 1):
        case.to_server(left[i], server)
question = case.from_client(udp(CLIENT, 4000, 53, b"question"))
case.to_server(forwarded(question), RS2)
case.write()
