#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A capture taken where the kernel had joined segments: a packet larger than the link takes. What
leaves are its segments, no larger than the client's MSS and what the way takes; and a single segment
that is too large for its tunnel is cut likewise."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
DATA = bytes(range(256)) * 20


def syn(sport, dport, mss):
    return IP(bytes(IP(src=CLIENT, dst=VIP, id=1, flags="DF")
                    / TCP(sport=sport, dport=dport, flags="S", seq=999, options=[("MSS", mss)])))


def joined(sport, dport, payload, flags="PA", checksum=None):
    packet = tcp(CLIENT, sport, dport, flags, payload=payload, df=True, id=100)
    if checksum is not None:  # that of the pseudo header, as a card would be given it
        packet[TCP].chksum = checksum
    return packet


def segments(sport, dport, payload, size):
    for number, start in enumerate(range(0, len(payload), size)):
        last = start + size >= len(payload)
        yield tcp(CLIENT, sport, dport, "PA" if last else "A", seq=1000 + start, df=True,
                  payload=payload[start:start + size], id=100 + number)


case.to_server(forwarded(case.from_client(syn(4000, 80, 1200))), RS1)
case.from_client(joined(4000, 80, DATA[:4000], checksum=0x1234))
for segment in segments(4000, 80, DATA[:4000], 1200):
    case.to_server(forwarded(segment), RS1)

case.to_server(tunnelled(case.from_client(syn(4001, 81, 1460)), RS2), RS2)
case.from_client(joined(4001, 81, DATA[:5000]))
for segment in segments(4001, 81, DATA[:5000], 1440):
    case.to_server(tunnelled(segment, RS2), RS2)
case.from_client(joined(4001, 81, DATA[:1460]))  # one segment, 20 bytes too large for the tunnel
for segment in segments(4001, 81, DATA[:1460], 1440):
    case.to_server(tunnelled(segment, RS2), RS2)

case.to_server(translated(case.from_client(syn(4002, 82, 1460)), dest=RS3, dport=8080), RS3)
case.from_client(joined(4002, 82, DATA[:3000]))
for segment in segments(4002, 82, DATA[:3000], 1460):
    case.to_server(translated(segment, dest=RS3, dport=8080), RS3)

case.write()
