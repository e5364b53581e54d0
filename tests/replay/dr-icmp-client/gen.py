#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""DR: an ICMP error from the client's side goes to the real server as it is."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
def sent(packet, server):
    case.to_server(forwarded(packet), server)


syn = case.from_client(tcp(CLIENT, 4000, 80))
sent(syn, RS1)
query = case.from_client(udp(CLIENT, 4001, 53))
sent(query, RS2)
answer = tcp(VIP, 80, 4000, "SA", dest=CLIENT)  # as the router saw it, coming from the real server
reply = udp(VIP, 53, 4001, dest=CLIENT)
for kind, code, quote, more in ((3, 4, 28, {"mtu": 1300}), (11, 0, None, {}), (4, 0, None, {})):
    sent(IP(bytes(case.from_client(router_error(kind, code, answer, quote=quote, **more)))), RS1)
sent(IP(bytes(case.from_client(router_error(3, 3, reply)))), RS2)
case.from_client(router_error(3, 1, tcp(VIP, 80, 4999, "SA", dest=CLIENT)))  # nobody's
case.from_client(router_error(12, 0, answer))
case.write()
