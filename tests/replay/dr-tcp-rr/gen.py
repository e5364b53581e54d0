#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""DR: whole TCP connections of four clients, shared out in turn; only MACs and TTL change."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
def connection(n, server):
    for flags, payload in (("S", b""), ("A", b""), ("PA", b"GET / HTTP/1.0\r\n\r\n"), ("FA", b""), ("A", b"")):
        packet = case.from_client(tcp(client(n), 40000 + n, 80, flags, payload=payload, id=n, df=True))
        case.to_server(forwarded(packet), server)


for n, server in ((1, RS1), (2, RS2), (3, RS3), (4, RS1)):
    connection(n, server)
case.write()
