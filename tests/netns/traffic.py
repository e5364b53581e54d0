# SPDX-License-Identifier: GPL-2.0-or-later
"""The client's side, and an independent judge of packets: scapy."""
import json
import socket
from collections import Counter

from scapy.layers.inet import IP, UDP, IPerror, TCPerror, UDPerror
from scapy.layers.l2 import Ether

from lab import ADDRESS, LabError

SO_NO_CHECK = 11  # socket(7), asm-generic/socket.h
CLIENT = ADDRESS["client"]


def curl(lab, url, *options, timeout=5, check=True):
    return lab.run("client", ["curl", "--silent", "--show-error", "--max-time", str(timeout),
                              *options, url], check=check, timeout=timeout + 30)


def curl_many(lab, host, count, source=CLIENT, timeout=30):
    """One connection each; how often each server answered. After a load from one address, shares are
    asked for from another: a port of an ended connection still belongs to that one's server, where
    the director sees only the client's side of it (DR, TUN; reference 2.7)."""
    return Counter(curl(lab, f"http://{host}/?[1-{count}]", "--header", "Connection: close",
                        "--interface", source, timeout=timeout).split())


def headers(lab, url):
    """The response's headers, by lower-case name."""
    lines = curl(lab, url, "--dump-header", "-", "--output", "/dev/null").splitlines()
    return {name.lower(): value.strip() for name, _, value in
            (line.partition(":") for line in lines if ":" in line)}


class UdpClient:
    """A connected socket of the client: takes answers from that address and port alone."""

    def __init__(self, lab, address, port=5353, source=None, checksum=True):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = lab.socket("client", family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 0 if checksum else 1)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((address, port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, payload=b"hello", timeout=2.0):
        """What the echo server answers: (its name, the client's address and port as it saw them)."""
        self.socket.settimeout(timeout)
        self.socket.send(payload)
        name, address, port, echo = self.socket.recv(65535).split(b" ", 3)
        assert echo == payload
        return name.decode(), address.decode(), int(port)


def udp_ask(lab, address, port=5353, payload=b"hello", timeout=2.0, **keywords):
    with UdpClient(lab, address, port, **keywords) as client:
        return client.ask(payload, timeout)


def iperf3(lab, address, *options, seconds=2):
    out = lab.run("client", ["iperf3", "--client", address, "--time", str(seconds), "--json",
                             "--connect-timeout", "3000", *options], timeout=seconds + 30)
    report = json.loads(out)
    if "error" in report:
        raise LabError(f"iperf3: {report['error']}")
    return report["end"]


# ---- frames --------------------------------------------------------------------------------------
def ip_frames(frames, **wanted):
    """The IPv4 frames among them, dissected; `device` and `outgoing` narrow them down."""
    for frame in frames:
        if frame.data[12:14] != b"\x08\x00":
            continue
        if all(getattr(frame, name) == value for name, value in wanted.items()):
            yield frame, Ether(frame.data)


def trimmed(ip):
    """The IP packet's bytes, without the padding of a short Ethernet frame."""
    data = bytes(ip.original or ip)
    return data[:int.from_bytes(data[2:4], "big")]


def rebuilt(ip):
    """The same packet with every checksum computed anew by scapy, and UDP's zero left alone."""
    copy = IP(trimmed(ip))
    layer = copy
    while layer:
        keep_zero = isinstance(layer, UDP) and layer.chksum == 0
        if "chksum" in layer.fields and not keep_zero and \
                not isinstance(layer, (IPerror, TCPerror, UDPerror)):
            del layer.chksum
        layer = layer.payload
    return bytes(copy)


def assert_checksums(ip):
    assert rebuilt(ip) == trimmed(ip), f"wrong checksum in {ip.summary()}"


def with_ttl_less_one(ip):
    """What a router makes of the packet, according to scapy."""
    copy = IP(trimmed(ip))
    copy.ttl -= 1
    del copy.chksum
    return bytes(copy)
