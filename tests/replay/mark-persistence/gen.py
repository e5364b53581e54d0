#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A persistent service by mark: ports and protocols share a client's destination, and so does the
client's network; a minute later nobody remembers."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
case.to_server(forwarded(case.from_client(udp("10.1.0.1", 1001, 443))), RS1)
case.to_server(forwarded(case.from_client(udp("10.1.1.1", 1001, 443))), RS2)
case.to_server(forwarded(case.from_client(tcp("10.1.0.1", 1002, 80))), RS1)
case.to_server(forwarded(case.from_client(tcp("10.1.0.2", 1002, 443))), RS1)
case.to_server(forwarded(case.from_client(tcp("10.1.1.1", 1003, 80))), RS2)
case.from_client(tcp("10.1.0.1", 1004, 8080))  # not marked: the host's own
case.to_server(forwarded(case.from_client(tcp("10.1.1.1", 1003, 80, "A", seq=1001))), RS2)
case.to_server(forwarded(case.from_client(tcp("10.1.1.1", 1003, 80, "R", seq=1001))), RS2)
case.wait(70)  # the second network's connections are gone, and its template
case.to_server(forwarded(case.from_client(udp("10.1.2.1", 1001, 443))), RS1)
case.to_server(forwarded(case.from_client(udp("10.1.3.1", 1001, 443))), RS2)
case.to_server(forwarded(case.from_client(udp("10.1.1.1", 1005, 443))), RS1)
case.to_server(forwarded(case.from_client(tcp("10.1.0.3", 1006, 80))), RS1)  # still has connections
case.write()
