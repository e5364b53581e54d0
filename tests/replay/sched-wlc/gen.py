#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""wlc with weights 2 and 1: connections stay, so a new one goes where they weigh least."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
# Active connections per weight, ties to the first: 0/2 0/1, 1/2 0/1, 1/2 1/1, 2/2 1/1, 3/2 1/1, ...
for n, server in enumerate([RS1, RS2, RS1, RS1, RS2, RS1], 1):
    packet = case.from_client(tcp(client(n), 4000, 80))
    case.to_server(forwarded(packet), server)
# Two connections of the first destination end (DR: FIN_WAIT is inactive): it gets the next two.
for n in (1, 3):
    packet = case.from_client(tcp(client(n), 4000, 80, "A"))
    case.to_server(forwarded(packet), RS1)
    packet = case.from_client(tcp(client(n), 4000, 80, "FA"))
    case.to_server(forwarded(packet), RS1)
for n, server in ((11, RS1), (12, RS1), (13, RS2)):
    packet = case.from_client(tcp(client(n), 4000, 80))
    case.to_server(forwarded(packet), server)
case.write()
