#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Real servers as clients of their own NAT service, with hairpin: they go on as the director, from a
port that says whose connection it is, to another server or to themselves; answers, fragments and ICMP
errors of either side find back. Other clients, and services without it, are as ever."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
next_port = {RS1: 61000, RS2: 61001}  # the two servers are clients of different workers


def own_port(asking):
    next_port[asking] += 2
    return next_port[asking] - 2


class Asking:
    """A real server's connection to the virtual address, which `server` gets."""

    def __init__(self, asking, port, server):
        self.asking, self.port, self.server, self.own = asking, port, server, own_port(asking)
        self.request("S")
        self.answer("SA")
        self.request("A")

    def request(self, flags="PA", payload=b""):
        packet = tcp(self.asking, self.port, 80, flags, payload=payload)
        case.to_server(translated(case.from_server(packet, self.asking), source=BE_IP, sport=self.own,
                                  dest=self.server, dport=8080), self.server)

    def answer(self, flags="PA", payload=b""):
        packet = tcp(self.server, 8080, self.own, flags, dest=BE_IP, payload=payload)
        case.to_server(translated(case.from_server(packet, self.server), source=VIP, sport=80,
                                  dest=self.asking, dport=self.port), self.asking)

    def errors(self):
        """About the request, from a router on its way; about the answer, from the one who asked."""
        seen = tcp(BE_IP, self.own, 8080, "PA", dest=self.server)
        error = router_error(11, 0, seen, source="10.0.2.50", dest=BE_IP)
        case.to_server(requoted(case.from_server(error), source=VIP, dest=self.asking,
                                inner_src=self.asking, inner_sport=self.port, inner_dst=VIP,
                                inner_dport=80), self.asking)
        got = tcp(VIP, 80, self.port, "PA", dest=self.asking)
        error = router_error(3, 3, got, source=self.asking)
        case.to_server(requoted(case.from_server(error, self.asking), source=BE_IP, dest=self.server,
                                inner_src=self.server, inner_sport=8080, inner_dst=BE_IP,
                                inner_dport=self.own), self.server)


itself = Asking(RS1, 4000, RS1)
itself.request(payload=b"who is there?")
itself.answer(payload=b"you")
other = Asking(RS1, 4001, RS2)
back = Asking(RS2, 4000, RS1)
same = Asking(RS2, 4001, RS2)
for one in (itself, other, back, same):
    one.answer(payload=b"more")
    one.errors()

# A client from elsewhere keeps its address, though its port is one of those.
syn = case.from_client(tcp(CLIENT, 61000, 80))
case.to_server(translated(syn, dest=RS1, dport=8080), RS1)
answer = case.from_server(tcp(RS1, 8080, 61000, "SA", dest=CLIENT), RS1)
case.to_client(translated(answer, source=VIP, sport=80))
# So does a real server where the service says nothing.
syn = case.from_server(tcp(RS1, 4002, 81), RS1)
case.to_server(translated(syn, dest=RS2, dport=8080), RS2)
# Nobody's: the director's own.
case.from_server(tcp(RS1, 8080, 61501, "SA", dest=BE_IP), RS1)

# UDP, and a request in fragments.
question = udp(RS1, 5000, 53, b"q" * 2000)
own = own_port(RS1)
for piece in fragment(question, fragsize=1480):
    case.from_server(piece, RS1)
for piece in fragment(translated(question, source=BE_IP, sport=own, dest=RS2), fragsize=1480):
    case.to_server(piece, RS2)
answer = case.from_server(udp(RS2, 53, own, dest=BE_IP), RS2)
case.to_server(translated(answer, source=VIP, dest=RS1, dport=5000), RS1)
case.write()
