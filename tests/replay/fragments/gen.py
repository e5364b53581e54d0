#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fragments follow the first of their datagram, early ones wait for it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
pieces = fragment(udp(CLIENT, 4000, 53, b"f" * 2000), fragsize=1480)
case.from_client(pieces[0])
case.to_server(forwarded(IP(bytes(pieces[0]))), RS1)
case.from_client(pieces[1])
case.to_server(forwarded(IP(bytes(pieces[1]))), RS1)
pieces = fragment(udp(CLIENT, 4001, 53, b"g" * 2000), fragsize=1480)
for piece in pieces:
    piece.id = 2
case.from_client(pieces[1])  # before its first: waits for it
case.from_client(pieces[0])
case.to_server(forwarded(IP(bytes(pieces[0]))), RS2)
case.to_server(forwarded(IP(bytes(pieces[1]))), RS2)
pieces = fragment(udp(RS1, 54, 4000, b"f" * 2000, dest=CLIENT), fragsize=1480)
case.from_server(pieces[1])  # from a NAT destination; its first never comes
pieces = fragment(udp(CLIENT, 4000, 53, b"f" * 2000, dest=CL_IP), fragsize=1480)
case.from_client(pieces[1])  # to the director itself: the stack's
case.write()
