#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A drain: first a destination gets nothing new but what its persistent clients bring, then, at its
end, each TCP connection is reset at its client's next packet, to the client by the number that it
expects and to the server in the client's name; UDP moves, or is told that nobody is there."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()


def request(n, server, flags="S", port=80, **more):
    packet = case.from_client(tcp(client(n), 4000, port, flags, **more))
    if port == 80:
        packet = translated(packet, dest=server, dport=8080)
    elif port == 443:
        packet = tunnelled(packet, server)
    else:
        packet = forwarded(packet)
    case.to_server(packet, server)


def datagram(n, server, port=53):
    packet = case.from_client(udp(client(n), 4000, port))
    case.to_server(forwarded(packet), server)


def ends(n, server, port=80, flags="A", ip_options=False, **more):
    """The client's packet ends its connection: both ends are told."""
    packet = case.from_client(tcp(client(n), 4000, port, flags, **more))
    ack = packet[TCP].ack if "A" in flags else 0
    reset = IP(bytes(IP(src=VIP, dst=client(n), id=0, flags="DF", ttl=64)
                     / TCP(sport=port, dport=4000, seq=ack, flags="R", window=0)))
    case.to_client(reset)
    told = IP(src=client(n), dst=VIP, id=packet.id) / TCP(
        sport=4000, dport=port, seq=packet[TCP].seq, ack=packet[TCP].ack, flags="RA", window=0)
    told = IP(bytes(told))
    if port == 80:
        case.to_server(translated(told, dest=server, dport=8080), server)
    elif port == 443:
        case.to_server(tunnelled(told, server), server)
    else:
        case.to_server(forwarded(told), server)


for port in (80, 443, 25):  # nat, tun and dr; each client n of them on RS1 or RS2
    request(1, RS1, port=port)
    request(2, RS2, port=port)
    request(1, RS1, "A", port=port)
datagram(1, RS1)
datagram(1, RS1, 54)
request(9, RS1, port=993)  # persistent clients
request(8, RS1, port=995)
case.wait(1)  # +1: drain.yaml
request(1, RS1, "PA", payload=b"goes on", seq=1001)
request(3, RS2)
request(4, RS2)
request(2, RS2, "A")
datagram(1, RS1)
packet = case.from_client(tcp(client(9), 4001, 993))  # remembered: clients: keep
case.to_server(forwarded(packet), RS1)
packet = case.from_client(tcp(client(8), 4001, 995))  # forgotten: clients: move
case.to_server(forwarded(packet), RS2)
case.wait(1)  # +2: ended.yaml
request(2, RS2, "A")
ends(1, RS1, flags="PA", payload=b"too late", seq=1008)
ends(1, RS1, port=443)
ends(1, RS1, port=25)
ends(1, RS1, port=25)  # the reset got lost: another
request(1, RS1, "R", port=25)  # the client's own goes on
# What the server had under way still finds its client.
packet = case.from_server(tcp(RS1, 8080, 4000, "PA", dest=client(1), payload=b"answer"))
case.to_client(translated(packet, source=VIP, sport=80))
request(1, RS2)  # anew, from the same port
datagram(1, RS2)  # move
packet = case.from_client(udp(client(1), 4000, 54))  # reset
case.to_client(icmp_error(3, 3, packet))
packet = case.from_client(udp(client(1), 4000, 54))
case.to_server(forwarded(packet), RS2)
packet = case.from_client(tcp(client(9), 4002, 993))
case.to_server(forwarded(packet), RS2)
case.write()
