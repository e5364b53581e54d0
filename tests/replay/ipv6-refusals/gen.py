#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""IPv6 that goes no further is answered: a hop limit used up, too big, no destination; what a
router says about our tunnel is learned from. What cannot be IPv6 is dropped."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab6 import *  # noqa: E402, F403

case = Case()
syn = case.from_client(tcp6(CLIENT6, 4000, 80, hlim=2))
case.to_server(forwarded(syn), RS61)
last = case.from_client(tcp6(CLIENT6, 4000, 80, "A", hlim=1))
case.to_client(error6(ICMPv6TimeExceeded(code=0), last))
nobody = case.from_client(udp6(CLIENT6, 4001, 82))
case.to_client(error6(ICMPv6DestUnreach(code=4), nobody))

large = case.from_client(tcp6(CLIENT6, 4000, 81))
case.to_server(in_ip(large, RS62), RS62)


def sized(size):
    return tcp6(CLIENT6, 4000, 81, "A", payload=(bytes(range(256)) * 6)[:size - 60])


fits = case.from_client(sized(1460))
case.to_server(in_ip(fits, RS62), RS62)
large = case.from_client(sized(1461))
case.to_client(error6(ICMPv6PacketTooBig(mtu=1460), forwarded(large)))
# A router behind us takes 1400 bytes: learned from, and left to our own stack, too.
case.from_server(error6(ICMPv6PacketTooBig(mtu=1400), in_ip(fits, RS62), source="fd00:2::50",
                        dest=BE_IP6), RS61)
again = case.from_client(sized(1460))
case.to_client(error6(ICMPv6PacketTooBig(mtu=1360), forwarded(again)))

# Cut short, an IPv4 address in disguise, an endless chain of headers, an error about an error.
case.from_client(bytes(syn)[:50])
case.from_client(IPv6(bytes(tcp6("::ffff:10.1.0.1", 4000, 80))))
case.from_client(IPv6(src=CLIENT6, dst=VIP6, nh=60) / Raw(bytes([60, 0, 1, 4, 0, 0, 0, 0]) * 40))
case.from_client(IPv6(src=CLIENT6, dst=VIP6, nh=60) / Raw(bytes([60, 9, 1, 4, 0, 0, 0, 0])))
case.write()
