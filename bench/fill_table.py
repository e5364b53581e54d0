# SPDX-License-Identifier: GPL-2.0-or-later
"""Fills a director's table with established connections: a SYN and an ACK of each, as frames, from as many
clients as there are addresses in 10.1.0.0/16. So many at a time as its queues hold, SYNs before ACKs: they
wait in queues of their own."""
import socket
import struct
import sys
import time

from lab import MAC

PORT = 9
BURST = 1000      # half of what the queue of new connections holds
SYN, ACK = 0x02, 0x10
PATIENCE = 180.0  # seconds, for all


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def frames(vip, flags, numbers):
    """TCP checksums stay zero: who forwards looks at none, and the server drops them all."""
    head = (bytes.fromhex((MAC["director", "cl"] + MAC["client", "eth0"]).replace(":", ""))
            + b"\x08\x00")
    destination = socket.inet_aton(vip)
    for number in numbers:
        source = bytes((10, 1, number >> 8 & 0xff, number & 0xff))
        ip = (struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0x4000, 64, 6, 0) + source + destination)
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        yield head + ip + struct.pack("!HHIIBBHHH", 1024 + (number >> 16), PORT, 1, 1, 0x50, flags,
                                      8192, 0, 0)


def waiting(lab):
    with lab.inside("director"):
        with open("/proc/thread-self/net/netfilter/nfnetlink_queue", encoding="ascii") as file:
            return sum(int(line.split()[2]) for line in file)


def drain(lab, until):
    while waiting(lab):
        if time.monotonic() > until:
            raise TimeoutError("the director does not take what is to fill its table")
        time.sleep(0.0005)


def fill(lab, vip, count):
    until = time.monotonic() + PATIENCE
    with lab.socket("client", socket.AF_PACKET, socket.SOCK_RAW, 0) as out:
        out.bind(("eth0", 0))
        for first in range(0, count, BURST):
            for flags in (SYN, ACK):
                for frame in frames(vip, flags, range(first, min(first + BURST, count))):
                    out.send(frame)
                drain(lab, until)
            if first % (count // 5) < BURST:
                print(f"  {first + BURST:,} of {count:,} connections", file=sys.stderr)
