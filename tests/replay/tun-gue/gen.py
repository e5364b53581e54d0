#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""GUE: UDP with or without a sum, the remote one being a plain one for packets whose own sum is
finished; what a router says about it is told to the client; too large and cut
anyway, there with GRE."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab6 import *  # noqa: E402, F403

case = Case()
syn = case.from_client(tcp(client(1), 4000, 80, df=True))
case.to_server(in_gue(syn, RS1), RS1)
syn = case.from_client(tcp(client(1), 4000, 81))
case.to_server(in_gue(syn, RS2, checksum=True, port=6081), RS2)
odd = case.from_client(tcp(client(1), 4000, 81, "PA", payload=b"odd"))
case.to_server(in_gue(odd, RS2, checksum=True, port=6081), RS2)
syn = case.from_client(tcp6(CLIENT6, 4000, 82))
case.to_server(in_gue(syn, RS63, checksum=True), RS63)


def sized(size, port=80):
    return tcp(client(1), 4000, port, "A", df=True, payload=(bytes(range(256)) * 6)[:size - 40])


fits = case.from_client(sized(1468))
case.to_server(in_gue(fits, RS1), RS1)
large = case.from_client(sized(1469))
case.to_client(icmp_error(3, 4, forwarded(large), mtu=1468))
# A router quotes our UDP packet with all that says whose it is; only 20 are taken off, as the
# kernel does, and the next packet tells the client the rest.
case.from_server(router_error(3, 4, in_gue(fits, RS1), source="10.0.2.50", dest=BE_IP, mtu=1400,
                              quote=80))
case.to_client(icmp_error(3, 4, bytes(forwarded(fits))[:48], dest=client(1), mtu=1380))
again = case.from_client(sized(1380))
case.to_client(icmp_error(3, 4, forwarded(again), mtu=1368))
small = case.from_client(sized(1368))
case.to_server(in_gue(small, RS1), RS1)
# The same of another UDP packet of ours is no business of the tunnel's.
other = IP(src=BE_IP, dst=RS2) / UDP(sport=40000, dport=6080) / Raw(bytes(8))
case.from_server(router_error(3, 4, other, source="10.0.2.50", dest=BE_IP, mtu=600))
case.to_server(in_gue(case.from_client(sized(1468, 81)), RS2, checksum=True, port=6081), RS2)

# With oversize: fragment, DF counts for nothing.
syn = case.from_client(tcp(client(1), 4000, 83, df=True))
tunnel = in_gre(syn, RS3)
tunnel.flags = 0
del tunnel.chksum
case.to_server(tunnel, RS3)
whole = case.from_client(sized(1500, 83))
tunnel = in_gre(whole, RS3)
tunnel.flags = 0
del tunnel.chksum
for piece in fragment(IP(bytes(tunnel)), fragsize=1480):
    case.to_server(piece, RS3)
case.write()
