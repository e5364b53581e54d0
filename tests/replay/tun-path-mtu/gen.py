#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""TUN and the size of packets: DF and too large is answered, without DF the tunnel packet is cut;
what a router reports about the tunnel is learned and told to the client."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
syn = case.from_client(tcp(CLIENT, 4000, 80))
case.to_server(tunnelled(syn, RS1), RS1)


def sized(size, **ip):
    return tcp(CLIENT, 4000, 80, "A", payload=(bytes(range(256)) * 6)[:size - 40], **ip)


large = case.from_client(sized(1500, df=True))  # 20 more than the tunnel takes
case.to_client(icmp_error(3, 4, forwarded(large), mtu=1480))
fits = case.from_client(sized(1480, df=True))
case.to_server(tunnelled(fits, RS1), RS1)

cut = case.from_client(udp(CLIENT, 4001, 53, (bytes(range(256)) * 6)[:1472]))
for piece in fragment(tunnelled(cut, RS1), fragsize=1480):
    case.to_server(piece, RS1)

# A router behind us takes 1400 bytes only: it quotes our tunnel packet, and the client is told.
case.from_server(router_error(3, 4, tunnelled(fits, RS1), source="10.0.2.50", dest=BE_IP, mtu=1400, quote=68))
case.to_client(icmp_error(3, 4, bytes(forwarded(fits))[:48], dest=CLIENT, mtu=1380))
again = case.from_client(sized(1480, df=True))
case.to_client(icmp_error(3, 4, forwarded(again), mtu=1380))
small = case.from_client(sized(1380, df=True))
case.to_server(tunnelled(small, RS1), RS1)

# The path is the address's: a NAT service's packets to it are no larger, as in the kernel.
masked = case.from_client(tcp(CLIENT, 4002, 8080, "S"))
case.to_server(translated(masked, dest=RS1, dport=8080), RS1)
wide = case.from_client(tcp(CLIENT, 4002, 8080, "A", payload=bytes(1401 - 40), df=True))
case.to_client(icmp_error(3, 4, forwarded(wide), mtu=1400))
case.write()
