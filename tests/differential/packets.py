# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets of clients, servers and routers on the way, made by scapy, as the frames that arrive."""
import logging

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: E402
from scapy.layers.inet6 import IPv6, ICMPv6Unknown  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402
from scapy.layers.sctp import SCTP  # noqa: E402
from scapy.packet import Raw  # noqa: E402

CL, BE = "02:00:00:00:01:01", "02:00:00:00:02:01"  # the director's interfaces
ROUTER = "02:00:00:00:01:02"  # which clients are behind
SERVER_MAC = "02:00:00:00:02:"  # and .11 to .13 of a server's address; .2 is a router's
V4, V6 = 4, 6


def family(address):
    return V6 if ":" in address else V4


def last(address):
    """The last two digits of 10.0.2.11 and of fd00:2::11."""
    return address.replace("::", ".").rpartition(".")[2][-2:].rjust(2, "0")


def from_client(packet):
    return bytes(Ether(src=ROUTER, dst=CL, type=ether_type(packet)) / Raw(packet))


def from_server(packet, server):
    return bytes(Ether(src=SERVER_MAC + last(server), dst=BE, type=ether_type(packet)) / Raw(packet))


def ether_type(packet):
    return 0x86DD if packet[0] >> 4 == 6 else 0x0800


def ip(source, destination, ttl=64, tos=0, df=False, ident=1, **more):
    """An IP header of the addresses' family, of IPv4's fields what IPv6 has."""
    if family(source) == V6:
        return IPv6(src=source, dst=destination, hlim=ttl, tc=tos, **(
            {"nh": more["proto"]} if "proto" in more else {}))
    return IP(src=source, dst=destination, ttl=ttl, tos=tos, id=ident,
              flags="DF" if df else 0, **more)


def tcp(source, destination, flags="S", data=b"", seq=1000, ack=0, **header):
    """`source` and `destination` are (address, port)."""
    segment = TCP(sport=source[1], dport=destination[1], flags=flags, seq=seq % 2**32,
                  ack=ack % 2**32, window=64240)
    return bytes(ip(source[0], destination[0], **header) / segment / Raw(data))


def udp(source, destination, data=b"x", checksum=None, **header):
    datagram = UDP(sport=source[1], dport=destination[1], chksum=checksum)
    return bytes(ip(source[0], destination[0], **header) / datagram / Raw(data))


def sctp(source, destination, chunks="0", data=b"", **header):
    """`chunks` are types; the last one has the data."""
    body = b""
    for kind in chunks.split(","):
        content = data.ljust((len(data) + 3) // 4 * 4, b"\0") if kind == "0" else bytes(16)
        body += bytes([int(kind), 3]) + (4 + len(content)).to_bytes(2, "big") + content
    return bytes(ip(source[0], destination[0], proto=132, **header) /
                 SCTP(sport=source[1], dport=destination[1], tag=99) / Raw(body))


def segment(protocol, source, destination, **more):
    if protocol == "udp":
        for word in ("flags", "seq", "ack"):
            more.pop(word, None)
        return udp(source, destination, **more)
    if protocol == "sctp":
        more = {name: more[name] for name in more if name not in ("seq", "ack", "flags")} | \
            {"chunks": more.get("flags", "0")}
        if not more["chunks"][0].isdigit():
            more["chunks"] = "0"
        return sctp(source, destination, **more)
    return tcp(source, destination, **more)


def icmp_error(source, destination, kind, code, quoted, mtu=0, quoted_bytes=28, **header):
    """An ICMP error that quotes this much of a packet."""
    if family(source) == V6:
        body = mtu.to_bytes(4, "big") + quoted[:quoted_bytes]
        return bytes(ip(source, destination, **header) / ICMPv6Unknown(type=kind, code=code) /
                     Raw(body))
    error = ICMP(type=kind, code=code, nexthopmtu=mtu) if kind == 3 else ICMP(type=kind, code=code)
    return bytes(ip(source, destination, **header) / error / Raw(quoted[:quoted_bytes]))


def echo(source, destination, ident=7):
    if family(source) == V6:
        body = ident.to_bytes(2, "big") + b"\0\1echo"
        return bytes(ip(source, destination) / ICMPv6Unknown(type=128, code=0) / Raw(body))
    return bytes(ip(source, destination) / ICMP(type=8, id=ident) / Raw(b"echo"))


def in_tunnel(packet, source, destination, ttl=63):
    """The packet inside an IP-in-IP header, as a router on the tunnel's way sees it."""
    return bytes(ip(source, destination, ttl=ttl, proto=4) / Raw(packet))


def header_length(packet):
    return 40 if packet[0] >> 4 == 6 else (packet[0] & 15) * 4


def spoil(packet, protocol):
    """The packet with a wrong checksum of TCP or UDP."""
    at = header_length(packet) + {"tcp": 16, "udp": 6, "sctp": 8}[protocol]
    wrong = bytearray(packet)
    wrong[at] ^= 0x55
    return bytes(wrong)


def cut(packet, length):
    """The packet with no more than this behind its IP header, and a header that says so."""
    header = header_length(packet)
    short = packet[:header + length]
    if packet[0] >> 4 == 6:
        return short[:4] + (len(short) - 40).to_bytes(2, "big") + short[6:]
    again = IP(short[:header])
    again.len, again.chksum = len(short), None
    return bytes(again) + short[header:]
