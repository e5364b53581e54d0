# SPDX-License-Identifier: GPL-2.0-or-later
"""What lab.py says of IPv4, of IPv6; and all tunnels, whichever family is inside or outside."""
from lab import *  # noqa: F401, F403
from lab import BE_IP, BE_IP6, IP, TCP, UDP, VIP6, Raw, struct
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6PacketTooBig,  # noqa: F401
                                ICMPv6TimeExceeded, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                IPv6ExtHdrHopByHop, PadN, fragment6)
from scapy.layers.l2 import GRE


def tcp6(source, sport, dport, flags="S", dest=VIP6, seq=1000, payload=b"", options=(), **ip):
    ack = 0 if flags == "S" else 501
    packet = IPv6(src=source, dst=dest, hlim=ip.pop("hlim", 64), **ip)
    for option in options:
        packet = packet / option
    return IPv6(bytes(packet / TCP(sport=sport, dport=dport, flags=flags, seq=seq, ack=ack)
                      / payload))


def udp6(source, sport, dport, payload=b"ping", dest=VIP6, **ip):
    return IPv6(bytes(IPv6(src=source, dst=dest, hlim=ip.pop("hlim", 64), **ip)
                      / UDP(sport=sport, dport=dport) / payload))


def forwarded(packet):
    """One hop further."""
    out = packet.copy()
    if out.version == 6:
        out.hlim -= 1
    else:
        out.ttl -= 1
        del out.chksum
    return type(packet)(bytes(out))


def translated6(packet, source=None, dest=None, sport=None, dport=None):
    """NAT66: addresses and ports replaced, the sum computed from nothing by scapy."""
    out = forwarded(packet)
    out.src, out.dst = source or out.src, dest or out.dst
    upper = out[TCP] if TCP in out else out[UDP]
    upper.sport, upper.dport = sport or upper.sport, dport or upper.dport
    del upper.chksum
    return IPv6(bytes(out))


def error6(kind, about, source=VIP6, dest=None, hlim=64):
    """An ICMPv6 error as the director makes it: hop limit 64, 1280 bytes at most."""
    return IPv6(bytes(IPv6(src=source, dst=dest or about.src, hlim=hlim) / kind
                      / Raw(bytes(about)[:1232])))


def requoted6(error, source=None, dest=None, inner_src=None, inner_dst=None, inner_sport=None,
              inner_dport=None):
    """NAT of an ICMPv6 error: the quoted packet's addresses and ports; its own sum stays."""
    out = IPv6(bytes(error))
    quoted = bytearray(bytes(out.payload)[8:])
    if inner_src:
        quoted[8:24] = bytes(IPv6(src=inner_src))[8:24]
    if inner_dst:
        quoted[24:40] = bytes(IPv6(dst=inner_dst))[24:40]
    if inner_sport:
        quoted[40:42] = struct.pack(">H", inner_sport)
    if inner_dport:
        quoted[42:44] = struct.pack(">H", inner_dport)
    message = out.payload.copy()
    message.remove_payload()
    message.cksum = None
    return IPv6(bytes(IPv6(src=source or out.src, dst=dest or out.dst, hlim=out.hlim - 1)
                      / message / Raw(bytes(quoted))))


def outer(inner, server, protocol, payload):
    """The outer header of any family: DSCP, ECN and hop limit from the inner one, DF between IPv4."""
    tos = inner.tc if inner.version == 6 else inner.tos
    ttl = inner.hlim if inner.version == 6 else inner.ttl
    tos = tos if tos & 3 != 3 else tos & ~3 | 2
    if ":" in server:
        header = IPv6(src=BE_IP6, dst=server, nh=protocol, tc=tos, hlim=ttl)
        return IPv6(bytes(header / payload))
    df = "DF" if inner.version == 4 and inner.flags.DF else 0
    header = IP(src=BE_IP, dst=server, proto=protocol, tos=tos, ttl=ttl, id=0, flags=df)
    return IP(bytes(header / payload))


def in_ip(packet, server):
    inner = forwarded(packet)
    return outer(inner, server, 4 if inner.version == 4 else 41, Raw(bytes(inner)))


def in_gre(packet, server, checksum=False):
    inner = forwarded(packet)
    proto = 0x0800 if inner.version == 4 else 0x86DD
    gre = GRE(proto=proto, chksum_present=int(checksum)) / Raw(bytes(inner))
    return outer(inner, server, 47, gre)


def in_gue(packet, server, checksum=False, port=6080, sport=0):
    inner = forwarded(packet)
    header = struct.pack(">BBH", 0, 4 if inner.version == 4 else 41, 0)
    udp = UDP(sport=sport, dport=port, **({} if checksum else {"chksum": 0}))
    return outer(inner, server, 17, udp / Raw(header + bytes(inner)))
