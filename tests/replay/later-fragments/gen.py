#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A first fragment has its ports and goes on; later ones are a named drop for now."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
pieces = fragment(udp(CLIENT, 4000, 53, b"f" * 2000), fragsize=1480)
case.from_client(pieces[0])
case.to_server(forwarded(IP(bytes(pieces[0]))), RS1)
case.from_client(pieces[1])
pieces = fragment(udp(RS1, 54, 4000, b"f" * 2000, dest=CLIENT), fragsize=1480)
case.from_server(pieces[1])  # from a NAT destination
pieces = fragment(udp(CLIENT, 4000, 53, b"f" * 2000, dest=CL_IP), fragsize=1480)
case.from_client(pieces[1])  # to the director itself: the stack's
case.write()
