# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets for tests of lvsctl that need none of scapy."""
import struct


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total & 0xffff) + (total >> 16)
    return ~((total & 0xffff) + (total >> 16)) & 0xffff


def tcp(source, destination, flags, client=bytes([10, 1, 0, 1]), virtual=bytes([10, 0, 3, 100])):
    """From 10.1.0.1 to 10.0.3.100, without payload."""
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, client, virtual)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    segment = struct.pack("!HHIIBBHHH", source, destination, 1, 0, 0x50, flags, 1000, 0, 0)
    pseudo = client + virtual + struct.pack("!BBH", 0, 6, 20)
    return head + segment[:16] + struct.pack("!H", checksum(pseudo + segment)) + segment[18:]


def raw_capture(packets):
    """(microseconds, IP packet) as a capture of link type 101, raw IP."""
    records = [struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101)]
    for time, packet in packets:
        records.append(struct.pack("<IIII", 1000 + time // 10**6, time % 10**6, len(packet),
                                   len(packet)) + packet)
    return b"".join(records)
