#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""NAT: UDP both ways; a sum of 0 is filled in, and a sum that comes to 0 is sent as 0xffff."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
def exchange(n, payload, **ip):
    packet = case.from_client(udp(client(n), 4000, 53, payload, **ip))
    case.to_server(translated(packet, dest=RS1, dport=5353), RS1)
    packet = case.from_server(udp(RS1, 5353, 4000, payload[::-1], dest=client(n), **ip))
    case.to_client(translated(packet, source=VIP, sport=53))


exchange(1, b"question")
exchange(2, b"odd")
exchange(3, b"")
exchange(4, b"question", chksum=0)
exchange(5, b"odd", chksum=0)
# A payload whose sum comes to 0 behind the translation, and one before it.
for n, dport, dest in ((6, 5353, RS1), (7, 53, VIP)):
    probe = udp(client(n), 4000, dport, b"\0\0", dest=dest)
    exchange(n, probe[UDP].chksum.to_bytes(2, "big"))
case.write()
