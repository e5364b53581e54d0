#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets for a destination that nobody has resolved wait, and leave when its MAC is known; those
for one that never answers are dropped, and cost the others nothing."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
first = case.from_client(tcp(client(1), 4000, 80))  # RS1: not resolved, known at +1
second = case.from_client(tcp(client(2), 4000, 80))  # RS2 is there
case.to_server(forwarded(second), RS2)
case.from_client(tcp(client(3), 4000, 80))  # RS3: never
again = case.from_client(tcp(client(1), 4000, 80))
case.to_server(forwarded(first), RS1)  # at +1, both in order
case.to_server(forwarded(again), RS1)
case.wait(2)
fourth = case.from_client(tcp(client(1), 4000, 80, "A"))
case.to_server(forwarded(fourth), RS1)
case.wait(3)
fifth = case.from_client(tcp(client(2), 4000, 80, "A"))
case.to_server(forwarded(fifth), RS2)
case.from_client(tcp(client(3), 4000, 80, "A"))  # waits when the capture ends
case.write()
