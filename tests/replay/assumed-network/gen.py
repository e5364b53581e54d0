#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Without a network file, on raw IP: one interface, and every address has the MAC made from it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
DIRECTOR, OWN = "02:00:00:00:00:01", "192.0.2.254"
case.frame = lambda frame, **more: Case.frame(case, bytes(frame)[14:], **more)  # raw IP


def assumed(packet, address):
    mac = "02:00:" + ":".join("%02x" % int(part) for part in address.split("."))
    case.leaves(Ether(src=DIRECTOR, dst=mac, type=0x0800) / Raw(bytes(packet)))


packet = case.from_client(tcp("198.51.100.7", 4000, 80, dest="192.0.2.10"))
assumed(forwarded(packet), "10.0.0.11")
packet = case.from_client(udp("198.51.100.7", 4000, 53, dest="192.0.2.10"))
assumed(translated(packet, dest="172.16.0.2", dport=5353), "172.16.0.2")
packet = case.from_client(udp("172.16.0.2", 5353, 4000, dest="198.51.100.7"))
assumed(translated(packet, source="192.0.2.10", sport=53), "198.51.100.7")
packet = case.from_client(tcp("198.51.100.7", 4000, 81, dest="192.0.2.10", df=True))
outer = tunnelled(packet, "10.9.8.7")
outer.src = OWN
del outer.chksum
assumed(outer, "10.9.8.7")
case.from_client(bytes(outer))  # sent by the director itself
case.write(link_type=101)
