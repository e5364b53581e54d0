# SPDX-License-Identifier: GPL-2.0-or-later
"""The laboratory of the replay cases: who is who, and what a director must do, said with scapy.

A case's gen.py writes in.pcap (what arrives at the director) and expected.pcap (what it must emit).
Both come from scapy and from the rules below alone, never from lvsd, so that bytes and checksums
have an independent judge. Everything is fixed: the same gen.py writes the same bytes.

    clients 10.1.0.x -- router 10.0.1.2 -- cl [director] be -- real servers 10.0.2.11, .12, .13
                              10.0.3.100 is the virtual address

IP ids that the director chooses are 0 here; cases with such packets run with --ignore made.ip.id.
"""
import logging
import os
import struct
import sys

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption, IPOption_RR, fragment  # noqa: E402
from scapy.layers.l2 import ARP, Dot1Q, Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402

VIP = "10.0.3.100"
CLIENT = "10.1.0.1"
RS1, RS2, RS3 = "10.0.2.11", "10.0.2.12", "10.0.2.13"
CL_IP, BE_IP = "10.0.1.1", "10.0.2.1"
CL, BE = "02:00:00:00:01:01", "02:00:00:00:02:01"  # the director's interfaces
ROUTER = "02:00:00:00:01:02"
MACS = {RS1: "02:00:00:00:02:11", RS2: "02:00:00:00:02:12", RS3: "02:00:00:00:02:13"}


# The same machines in IPv6.
VIP6, CLIENT6, ROUTER6 = "fd00:3::100", "fd00:c::1", "fd00:c::fe"
RS61, RS62, RS63 = "fd00:2::11", "fd00:2::12", "fd00:2::13"
BE_IP6 = "fd00:2::1"
MACS.update({RS61: MACS[RS1], RS62: MACS[RS2], RS63: MACS[RS3]})


def client(n):
    return "10.1.0.%d" % n


def ethertype(packet):
    return 0x86DD if bytes(packet)[0] >> 4 == 6 else 0x0800


class Case:
    """Collects both captures; write() puts them beside gen.py, or where its argument says."""

    def __init__(self, start=1000.0):
        self.clock = int(start * 10**9)
        self.arrived, self.emitted = [], []

    def wait(self, seconds):
        self.clock += round(seconds * 10**9)

    # What arrives, 10 ms after the packet before it. Packets may be scapy's or plain bytes.
    def from_client(self, packet, **more):
        self.frame(Ether(src=ROUTER, dst=CL, type=ethertype(packet)) / Raw(bytes(packet)), **more)
        return packet

    def from_server(self, packet, server=RS1, **more):
        self.frame(Ether(src=MACS[server], dst=BE, type=ethertype(packet)) / Raw(bytes(packet)), **more)
        return packet

    def frame(self, frame, snap=None):
        self.clock += 10**7
        data = bytes(frame)
        self.arrived.append((self.clock, data[:snap], len(data)))

    # What must leave.
    def to_server(self, packet, server):
        self.leaves(Ether(src=BE, dst=MACS[server], type=ethertype(packet)) / Raw(bytes(packet)))

    def to_client(self, packet):
        self.leaves(Ether(src=CL, dst=ROUTER, type=ethertype(packet)) / Raw(bytes(packet)))

    def leaves(self, frame, snap=None):
        data = bytes(frame)
        self.emitted.append((self.clock, data[:snap], len(data)))

    def write(self, link_type=1):
        place = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(sys.argv[0]))
        write_pcap(os.path.join(place, "in.pcap"), self.arrived, link_type)
        write_pcap(os.path.join(place, "expected.pcap"), self.emitted)


    def write_live(self):
        """Both directions in one pcapng of both interfaces, as captured live at the director."""
        place = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(sys.argv[0]))
        both = sorted(self.arrived + self.emitted, key=lambda frame: frame[0])
        for name in ("in.pcap", "expected.pcap"):
            write_pcapng(os.path.join(place, name), both)


def write_pcapng(path, frames):
    """Interface 0 is cl, 1 is be; times in nanoseconds (if_tsresol 9)."""
    def block(kind, body):
        body += bytes(-len(body) % 4)
        size = struct.pack("<I", len(body) + 12)
        return struct.pack("<I", kind) + size + body + size

    interface = struct.pack("<HHI", 1, 0, 262144) + struct.pack("<HHBxxxHH", 9, 1, 9, 0, 0)
    with open(path, "wb") as out:
        out.write(block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        out.write(block(1, interface) * 2)
        for time, data, length in frames:
            number = 0 if CL[:-3] in (data[:5].hex(":"), data[6:11].hex(":")) else 1
            out.write(block(6, struct.pack("<IIIII", number, time >> 32, time & 0xFFFFFFFF,
                                           len(data), length) + data))


def write_pcap(path, frames, link_type=1):
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link_type))
        for time, data, length in frames:
            out.write(struct.pack("<IIII", time // 10**9, time % 10**9, len(data), length) + data)


# Packets as clients and servers send them.
def tcp(source, sport, dport, flags="S", dest=VIP, seq=1000, payload=b"", df=False, **ip):
    ack = 0 if flags == "S" else 501
    return IP(bytes(IP(src=source, dst=dest, id=ip.pop("id", 1), flags="DF" if df else 0, **ip)
                    / TCP(sport=sport, dport=dport, flags=flags, seq=seq, ack=ack) / payload))


def udp(source, sport, dport, payload=b"ping", dest=VIP, df=False, **ip):
    chksum = {"chksum": ip.pop("chksum")} if "chksum" in ip else {}
    return IP(bytes(IP(src=source, dst=dest, id=ip.pop("id", 1), flags="DF" if df else 0, **ip)
                    / UDP(sport=sport, dport=dport, **chksum) / payload))


# What the director makes of them (the methods of IPVS).
def forwarded(packet):
    """One hop further: TTL less one, and the header's sum with it."""
    out = packet.copy()
    out.ttl -= 1
    del out.chksum
    return IP(bytes(out))


def translated(packet, source=None, dest=None, sport=None, dport=None):
    """NAT: addresses and ports replaced, all sums computed from nothing by scapy."""
    out = forwarded(packet)
    out.src, out.dst = source or out.src, dest or out.dst
    upper = out[TCP] if TCP in out else out[UDP]
    upper.sport, upper.dport = sport or upper.sport, dport or upper.dport
    del out.chksum
    del upper.chksum
    return IP(bytes(out))


def tunnelled(packet, server):
    """IPIP: DSCP, ECN (CE becomes ECT(0)), DF and TTL of the outer header are the inner one's."""
    inner = forwarded(packet)
    tos = inner.tos if inner.tos & 3 != 3 else inner.tos & ~3 | 2
    return IP(bytes(IP(src=BE_IP, dst=server, proto=4, ttl=inner.ttl, tos=tos, id=0,
                       flags="DF" if inner.flags.DF else 0) / Raw(bytes(inner))))


def icmp_error(kind, code, about, source=VIP, dest=None, mtu=0, **icmp):
    """An ICMP error as the director makes it: precedence 6, TTL 64, 576 bytes at most."""
    header = IP(src=source, dst=dest or about.src, tos=0xC0, ttl=64, id=0)
    return header / ICMP(type=kind, code=code, nexthopmtu=mtu, **icmp) / Raw(bytes(about)[:548])


def router_error(kind, code, about, source="10.1.0.254", dest=VIP, mtu=0, quote=None, **icmp):
    """An ICMP error as a router on the way sends it, quoting `quote` bytes."""
    header = IP(src=source, dst=dest, id=7, ttl=60)
    unused = {"nexthopmtu": mtu} if mtu else {}
    return header / ICMP(type=kind, code=code, **unused, **icmp) / Raw(bytes(about)[:quote])


def requoted(error, source=None, dest=None, **change):
    """NAT of an ICMP error: the quoted packet's addresses and ports; its own transport sum stays."""
    out = IP(bytes(error))
    quoted = bytearray(bytes(out[ICMP].payload))
    inner_length = (quoted[0] & 15) * 4
    def put(offset, data):
        quoted[offset:offset + len(data)] = data
    def address(text):
        return bytes(int(part) for part in text.split("."))
    if "inner_src" in change:
        put(12, address(change["inner_src"]))
    if "inner_dst" in change:
        put(16, address(change["inner_dst"]))
    if "inner_sport" in change:
        put(inner_length, struct.pack(">H", change["inner_sport"]))
    if "inner_dport" in change:
        put(inner_length + 2, struct.pack(">H", change["inner_dport"]))
    put(10, b"\0\0")
    words = struct.unpack(">%dH" % (inner_length // 2), bytes(quoted[:inner_length]))
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    put(10, struct.pack(">H", 0xFFFF - total))
    header = out[ICMP].copy()
    header.remove_payload()
    del header.chksum
    ip = IP(src=source or out.src, dst=dest or out.dst, id=out.id, ttl=out.ttl - 1, tos=out.tos,
            flags=out.flags)
    return IP(bytes(ip / header / Raw(bytes(quoted))))
