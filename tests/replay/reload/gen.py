#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Reload under way: a removed destination keeps its connection and gets no new one, an added one
gets its share; a removed service's connections go on; a weight of 0 quiesces."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
def client_packet(n, server, flags="S", port=80):
    packet = case.from_client(tcp(client(n), 4000, port, flags))
    case.to_server(forwarded(packet), server)


def query(n, server):
    packet = case.from_client(udp(client(n), 4000, 53))
    case.to_server(forwarded(packet), server)


client_packet(1, RS1)
client_packet(2, RS2)
query(1, RS1)
case.wait(1)  # +1.0: removed.yaml
client_packet(1, RS1, "A")  # its destination was removed: it goes on
client_packet(2, RS2, "A")
client_packet(3, RS3)  # rr goes on behind RS2, which it picked last
client_packet(4, RS2)
client_packet(5, RS3)
query(1, RS1)  # the service is gone, its connection is not
case.from_client(udp(client(2), 4000, 53))  # a new one finds nothing
case.wait(1)  # +2.0: quiesced.yaml
client_packet(5, RS3, "A")
client_packet(6, RS2)
client_packet(7, RS2)
case.write()
