#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tunnels of all families: IPv4 in IPv6, IPv6 in IPv4 and in IPv6, and GRE between them."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab6 import *  # noqa: E402, F403

case = Case()
syn = case.from_client(tcp(client(1), 4000, 80, tos=0xB8))
case.to_server(in_ip(syn, RS61), RS61)
syn = case.from_client(tcp(client(2), 4000, 80, df=True))
case.to_server(in_gre(syn, RS62), RS62)

syn = case.from_client(tcp6("fd00:c::1", 4000, 80, tc=3))
case.to_server(in_ip(syn, RS1), RS1)
syn = case.from_client(tcp6("fd00:c::2", 4000, 80, fl=0x77777))
case.to_server(in_ip(syn, RS62), RS62)
syn = case.from_client(tcp6("fd00:c::3", 4000, 80))
case.to_server(in_gre(syn, RS3, checksum=True), RS3)
odd = case.from_client(tcp6("fd00:c::3", 4000, 80, "PA", payload=b"odd"))
case.to_server(in_gre(odd, RS3, checksum=True), RS3)

# Each has its own overhead: 20, 40 and 28 bytes.
def sized(n, size):
    return tcp6("fd00:c::%d" % n, 4000, 80, "A", payload=bytes(size - 60))


for n, server, room, wrap in ((1, RS1, 1480, in_ip), (2, RS62, 1460, in_ip),
                              (3, RS3, 1472, lambda p, s: in_gre(p, s, checksum=True))):
    fits = case.from_client(sized(n, room))
    case.to_server(wrap(fits, server), server)
    large = case.from_client(sized(n, room + 1))
    case.to_client(error6(ICMPv6PacketTooBig(mtu=room), forwarded(large)))

# Without DF the outer IPv6 packet is cut.
whole = case.from_client(udp(CLIENT, 4000, 53, (bytes(range(256)) * 6)[:1472]))
tunnel = in_ip(whole, RS61)
inside = bytes(tunnel.payload)
for offset in (0, 1448):
    more = offset + 1448 < len(inside)
    piece = inside[offset:offset + 1448]
    case.to_server(IPv6(src=BE_IP6, dst=RS61, hlim=63, nh=44)
                   / IPv6ExtHdrFragment(id=1, nh=4, offset=offset // 8, m=int(more))
                   / Raw(piece), RS61)
case.write()
