# SPDX-License-Identifier: GPL-2.0-or-later
"""udp_echo.py NAME PORT: answers each datagram, of IPv4 and IPv6, with `NAME CLIENT-ADDRESS
CLIENT-PORT PAYLOAD`, from the address that it was sent to. A payload that begins with "nocheck" is
answered, over IPv4, with UDP checksum 0."""
import select
import socket
import struct
import sys

SO_NO_CHECK = 11  # socket(7), asm-generic/socket.h
IP_PKTINFO = 8    # ip(7)


def open_v4(port):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    server.bind(("0.0.0.0", port))
    return server


def open_v6(port):
    server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    server.bind(("::", port))
    return server


def answer(server, name):
    payload, ancillary, _, client = server.recvmsg(65535, 256)
    text = f"{name} {client[0]} {client[1]} ".encode() + payload
    if server.family == socket.AF_INET:
        local = next(struct.unpack("=I4s4s", data)[1] for level, kind, data in ancillary
                     if level == socket.IPPROTO_IP and kind == IP_PKTINFO)
        server.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, int(payload.startswith(b"nocheck")))
        control = (socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=I4s4s", 0, local, b"\0" * 4))
    else:
        local = next(data[:16] for level, kind, data in ancillary
                     if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO)
        control = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, local + struct.pack("=I", 0))
    server.sendmsg([text], [control], 0, client)


def main(name, port):
    servers = [open_v4(port), open_v6(port)]
    while True:
        for server in select.select(servers, [], [])[0]:
            answer(server, name)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
