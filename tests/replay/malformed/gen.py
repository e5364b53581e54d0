#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Each kind of damage has its own reason, and nothing leaves."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
good = bytes(tcp(CLIENT, 4000, 80))


def summed(data):
    """The packet with its IP sum put right, so that only the intended damage is there."""
    packet = IP(data)
    length = (data[0] & 15) * 4
    head = bytearray(data[:max(length, 20)])
    head[10:12] = b"\0\0"
    total = sum(int.from_bytes(head[i:i + 2], "big") for i in range(0, len(head) - 1, 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    head[10:12] = (0xFFFF - total).to_bytes(2, "big")
    del packet
    return bytes(head) + data[len(head):]


def changed(data, offset, value):
    return data[:offset] + bytes([value]) + data[offset + 1:]


case.from_client(good[:19])  # truncated_ip: not even a header
case.from_client(summed(changed(good, 3, 200)))  # truncated_ip: total length beyond the frame
case.from_client(changed(good, 0, 0x55))  # bad_ip_version
case.from_client(changed(good, 0, 0x44))  # bad_ip_length: header of 16 bytes
case.from_client(summed(changed(good, 3, 19)))  # bad_ip_length: total length below the header
case.from_client(changed(good, 10, good[10] ^ 0x39))  # bad_ip_checksum
case.from_client(summed(changed(good, 3, 32))[:32])  # truncated_transport
case.from_client(summed(changed(bytes(udp(CLIENT, 4000, 53)), 3, 24))[:24])  # truncated_transport
case.from_client(changed(good, 32, 0x40))  # bad_tcp_length: offset 16
case.from_client(changed(good, 32, 0x60))  # bad_tcp_length: beyond the packet
case.write()
