#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections end when the capture's clock says so: then the next packet is scheduled anew."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
def query(server):
    packet = case.from_client(udp(CLIENT, 4000, 53))
    case.to_server(forwarded(packet), server)


def segment(flags, server, port=4000):
    packet = case.from_client(tcp(CLIENT, port, 80, flags))
    if server:
        case.to_server(forwarded(packet), server)


query(RS1)
case.wait(4)
query(RS1)  # refreshed
case.wait(4)
query(RS1)
case.wait(7)
query(RS2)  # 5 s were over
segment("S", RS1)
segment("A", RS1)
case.wait(55)
segment("A", RS1)
case.wait(65)
segment("A", None)  # idle for more than 60 s: forgotten, and an ACK begins nothing
segment("S", RS2)
segment("A", RS2)
segment("FA", RS2)
case.wait(5)
segment("A", RS2)
case.wait(12)
segment("A", None)
segment("S", RS3, 4001)  # never answered: SYN_RECV, 60 s
case.wait(62)
segment("A", None, 4001)
case.write()
