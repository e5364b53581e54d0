# SPDX-License-Identifier: GPL-2.0-or-later
"""udp_echo.py NAME PORT: answers each datagram with `NAME CLIENT-ADDRESS CLIENT-PORT PAYLOAD`, from
the address that it was sent to. A payload that begins with "nocheck" is answered with UDP checksum 0."""
import socket
import struct
import sys

SO_NO_CHECK = 11  # socket(7), asm-generic/socket.h
IP_PKTINFO = 8    # ip(7)


def main(name, port):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    server.bind(("0.0.0.0", port))
    while True:
        payload, ancillary, _, client = server.recvmsg(65535, 256)
        local = next(struct.unpack("=I4s4s", data)[1] for level, kind, data in ancillary
                     if level == socket.IPPROTO_IP and kind == IP_PKTINFO)
        answer = f"{name} {client[0]} {client[1]} ".encode() + payload
        server.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, int(payload.startswith(b"nocheck")))
        control = struct.pack("=I4s4s", 0, local, b"\0" * 4)
        server.sendmsg([answer], [(socket.IPPROTO_IP, IP_PKTINFO, control)], 0, client)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
