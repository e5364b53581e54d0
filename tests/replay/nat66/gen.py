#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""NAT of IPv6: ports and addresses both ways, behind extension headers, in ICMPv6 errors of both
sides, and in fragments; sums from scapy."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab6 import *  # noqa: E402, F403

case = Case()

def request(flags, payload=b"", n=1, server=RS61, **more):
    packet = case.from_client(tcp6("fd00:c::%d" % n, 4000, 80, flags, payload=payload, **more))
    case.to_server(translated6(packet, dest=server, dport=8080), server)
    return packet


def reply(flags, payload=b""):
    packet = case.from_server(tcp6(RS61, 8080, 4000, flags, dest=CLIENT6, payload=payload), RS61)
    case.to_client(translated6(packet, source=VIP6, sport=80))
    return packet


request("S", fl=0x12345)
reply("SA")
sent = request("PA", b"GET / HTTP/1.0\r\n\r\n", tc=0xB9)
answer = reply("PA", b"HTTP/1.0 200 OK\r\n\r\nodd")
# Options that every hop reads, and some for the last one.
request("S", n=2, server=RS62, options=[IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0\0\0\0")])])
request("A", n=2, server=RS62, options=[IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(12))])])

# A router near the client says that our reply is too big for it: the real server has to know.
error = case.from_client(error6(ICMPv6PacketTooBig(mtu=1300), translated6(answer, source=VIP6, sport=80),
                                source=ROUTER6, dest=VIP6))
case.to_server(requoted6(error, dest=RS61, inner_src=RS61, inner_sport=8080), RS61)
# The real server has closed the port: the client knows the virtual address only.
error = case.from_server(error6(ICMPv6DestUnreach(code=4), translated6(sent, dest=RS61, dport=8080),
                                source=RS61, dest=CLIENT6), RS61)
case.to_client(requoted6(error, source=VIP6, inner_dst=VIP6, inner_dport=80))
# A damaged error is not made right.
broken = bytearray(bytes(error))
broken[42] ^= 0x55
case.from_server(bytes(broken), RS61)

# Fragments follow their first, also when it comes last.
whole = udp6(CLIENT6, 4001, 53, bytes(range(256)) * 8)
def pieces(packet, number):
    header = IPv6(src=packet.src, dst=packet.dst, hlim=packet.hlim)
    return [IPv6(bytes(piece)) for piece in
            fragment6(header / IPv6ExtHdrFragment(id=number) / packet[UDP], 1280)]


arriving = pieces(whole, 77)
leaving = pieces(translated6(whole, dest=RS61), 77)
for piece in arriving:
    case.from_client(piece)
for piece in leaving:
    case.to_server(piece, RS61)
again = [piece.copy() for piece in arriving]
for piece in again:
    piece[IPv6ExtHdrFragment].id = 78
for piece in reversed(again):
    case.from_client(piece)
for piece in [leaving[0]] + leaving[:0:-1]:
    later = piece.copy()
    later[IPv6ExtHdrFragment].id = 78
    case.to_server(later, RS61)
case.write()
