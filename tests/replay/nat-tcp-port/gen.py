#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""NAT: 80 becomes 8080 on the way in and 80 again on the way out; sums from scapy."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
def exchange(n, server):
    def request(flags, payload=b""):
        packet = case.from_client(tcp(client(n), 4000, 80, flags, payload=payload))
        case.to_server(translated(packet, dest=server, dport=8080), server)

    def reply(flags, payload=b""):
        packet = case.from_server(tcp(server, 8080, 4000, flags, dest=client(n), payload=payload, df=True), server)
        case.to_client(translated(packet, source=VIP, sport=80))

    request("S")
    reply("SA")
    request("A")
    request("PA", b"GET / HTTP/1.0\r\n\r\n")
    reply("PA", b"HTTP/1.0 200 OK\r\n\r\nodd")
    reply("FA")
    request("FA")
    reply("A")


exchange(1, RS1)
exchange(2, RS2)
exchange(3, RS1)
# A damaged sum stays damaged: an incremental update hides nothing.
damaged = tcp(client(4), 4000, 80)
wrong = damaged[TCP].chksum ^ 0x1300
damaged[TCP].chksum = wrong
case.from_client(damaged)
right = tcp(client(4), 4000, 80)
out = translated(right, dest=RS2, dport=8080)
# One's complement arithmetic: new = wrong + (translated - right).
total = wrong + out[TCP].chksum + (0xFFFF - right[TCP].chksum)
while total >> 16:
    total = (total & 0xFFFF) + (total >> 16)
out[TCP].chksum = total
case.to_server(out, RS2)
case.write()
