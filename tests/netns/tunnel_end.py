# SPDX-License-Identifier: GPL-2.0-or-later
"""tunnel_end.py --device NAME --vip ADDRESS...: the tunnel's end on a real server, where the kernel has
no driver for it: IPv4 and IPv6 in IPv4 and IPv6, GRE, and GUE on UDP port 6080. What comes out arrives
on a tun device that carries the virtual addresses. Slow: for tests of what is carried, not of how much."""
import argparse
import fcntl
import os
import select
import socket
import struct
import subprocess

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
UDP_NO_CHECK6_RX = 102  # linux/udp.h
IPIP, IPV6, GRE, GUE_PORT = 4, 41, 47, 6080
ETHER_TYPES = {0x0800: 4, 0x86DD: 6}


def open_device(name, vips):
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    lines = [f"link set {name} up mtu 1500"]
    for vip in vips:
        lines.append(f"addr add {vip}/{'128' if ':' in vip else '32'} dev {name}"
                     + (" nodad" if ":" in vip else ""))
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)
    return device


def inner_of_gre(packet):
    flags, protocol = struct.unpack_from("!HH", packet)
    # A checksum is followed by two reserved bytes; nothing else is understood here.
    if flags & ~0x8000 or protocol not in ETHER_TYPES:
        return b""
    return packet[8:] if flags & 0x8000 else packet[4:]


def inner_of_gue(packet):
    version, control, words = packet[0] >> 6, packet[0] & 0x20, packet[0] & 0x1F
    if version == 0 and not control and packet[1] in (IPIP, IPV6):
        return packet[4 + 4 * words:]
    return b""


def sources():
    """(socket, what makes the inner packet of what it receives)"""
    for family in (socket.AF_INET, socket.AF_INET6):
        # An IPv4 raw socket shows the outer header, an IPv6 one does not.
        def payload(data, v4=family == socket.AF_INET):
            return data[4 * (data[0] & 0xF):] if v4 else data
        for protocol in (IPIP, IPV6):
            yield socket.socket(family, socket.SOCK_RAW, protocol), payload
        yield (socket.socket(family, socket.SOCK_RAW, GRE),
               lambda data, payload=payload: inner_of_gre(payload(data)))
        gue = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            gue.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            gue.setsockopt(socket.IPPROTO_UDP, UDP_NO_CHECK6_RX, 1)
        gue.bind(("" if family == socket.AF_INET else "::", GUE_PORT))
        yield gue, inner_of_gue


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", required=True)
    parser.add_argument("--vip", action="append", default=[])
    arguments = parser.parse_args()
    device = open_device(arguments.device, arguments.vip)
    taken = dict(sources())
    print("ready", flush=True)
    while True:
        for source in select.select(list(taken), [], [])[0]:
            inner = taken[source](source.recv(65535))
            if len(inner) >= 20:
                os.write(device, inner)


if __name__ == "__main__":
    main()
