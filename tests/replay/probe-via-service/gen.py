#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks with `via: service`: to a real server's address they come, to the virtual one they go; the
answer is left to the host. A client meets nothing of it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403


def check(case, server, port, flags="S", **more):
    """As it leaves the prober's socket, and as the director has to make it."""
    case.from_client(tcp(BE_IP, port, 80, flags, dest=server, **more))
    return tcp(BE_IP, port, 80, flags, **more)


case = Case()
case.to_server(forwarded(check(case, RS1, 40001)), RS1)
case.from_server(tcp(VIP, 80, 40001, "SA", dest=BE_IP))
case.to_server(tunnelled(check(case, RS2, 40002), RS2), RS2)
check(case, RS2, 40001)  # another server's port: sent again later
check(case, RS3, 40003)  # of no destination
case.from_server(tcp(VIP, 80, 40002, "SA", dest=BE_IP), RS2)
case.to_server(forwarded(check(case, RS1, 40001, "A", seq=1001)), RS1)
case.to_server(forwarded(check(case, RS1, 40001, "RA", seq=1001)), RS1)
case.to_server(tunnelled(check(case, RS2, 40001), RS2), RS2)  # now it is free
case.to_server(forwarded(case.from_client(tcp(CLIENT, 1001, 80))), RS1)  # the first of its kind
case.write()
