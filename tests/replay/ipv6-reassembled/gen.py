#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""IPv6 datagrams as the kernel hands them over where something uses conntrack: put together, larger
than their link. They are cut again, around a tunnel the outer packet; what the link can have carried
is refused."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab6 import *  # noqa: E402, F403

case = Case()
DATA = bytes(range(256)) * 16
numbers = iter(range(1, 10))


def pieces(packet, mtu=1500):
    """Cut by scapy, with the next number of the director's."""
    header = IPv6(src=packet.src, dst=packet.dst, hlim=packet.hlim, tc=packet.tc)
    whole = header / IPv6ExtHdrFragment(id=next(numbers), nh=packet.nh) / Raw(bytes(packet.payload))
    return [IPv6(bytes(piece)) for piece in fragment6(whole, mtu)]


def request(port, size):
    return case.from_client(udp6(CLIENT6, 4000, port, DATA[:size - 48]))


for piece in pieces(translated6(request(53, 4000), dest=RS61)):
    case.to_server(piece, RS61)
reply = case.from_server(udp6(RS61, 53, 4000, DATA[:3000], dest=CLIENT6), RS61)
for piece in pieces(translated6(reply, source=VIP6)):
    case.to_client(piece)
for piece in pieces(forwarded(request(54, 1501))):
    case.to_server(piece, RS62)
for piece in pieces(in_ip(request(55, 3000), RS63)):
    case.to_server(piece, RS63)
large = request(55, 1500)
case.to_client(error6(ICMPv6PacketTooBig(mtu=1460), forwarded(large)))
case.write()
