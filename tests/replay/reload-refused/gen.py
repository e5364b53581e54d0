#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A file that is refused changes nothing, is reported with its place, and makes the status 1."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
for n, server in ((1, RS1), (2, RS2)):
    packet = case.from_client(tcp(client(n), 4000, 80))
    case.to_server(forwarded(packet), server)
case.wait(1)
for n, server in ((3, RS1), (4, RS2)):
    packet = case.from_client(tcp(client(n), 4000, 80))
    case.to_server(forwarded(packet), server)
case.write()
