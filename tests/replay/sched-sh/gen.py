#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sh: the client's address decides, through the kernel's table of 256 buckets."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
BUCKETS = [RS1, RS2, RS2, RS3] * 64  # weights 1, 2, 1


def bucket(address):
    number = int.from_bytes(bytes(int(part) for part in address.split(".")), "big")
    return (number * 0x61C88647 & 0xFFFFFFFF) >> 24


assert bucket("192.0.2.1") == 50 and bucket("198.51.100.7") == 171  # known answers
for n in list(range(1, 13)) + [3, 5]:
    packet = case.from_client(tcp(client(n), 4000 + n, 80))
    case.to_server(forwarded(packet), BUCKETS[bucket(client(n))])
case.write()
