# SPDX-License-Identifier: GPL-2.0-or-later
"""FTP's control connection and its data connections through NAT, said with scapy."""
from lab6 import *  # noqa: F401, F403


def segment(source, dest, sport, dport, flags, seq, ack, payload, options=()):
    ip = IPv6(src=source, dst=dest) if ":" in source else IP(src=source, dst=dest, id=1)
    return type(ip)(bytes(ip / TCP(sport=sport, dport=dport, flags=flags, seq=seq, ack=ack,
                                   options=list(options)) / payload))


def hop(packet):
    """One hop further, all sums from nothing."""
    out = forwarded(packet)
    del out[TCP].chksum
    return type(packet)(bytes(out))


class Control:
    """Numbers as the client sees them are `grown` ahead of the server's."""

    def __init__(self, case, client, vip, server, port, cport):
        self.case = case
        self.ends = client, vip, server
        self.port, self.cport = port, cport
        self.cseq, self.sseq, self.grown = 5000, 9000, 0
        self.client("S")
        self.server("SA")
        self.cseq, self.sseq = 5001, 9001
        self.client("A")

    def client(self, flags="PA", words=b"", sack=()):
        client, vip, server = self.ends
        def block(by):
            return [("SAck", tuple(edge + by for edge in sack))] if sack else []
        ack = 0 if flags == "S" else self.sseq
        seen = ack + self.grown if ack else 0
        self.case.from_client(segment(client, vip, self.cport, 21, flags, self.cseq, seen, words,
                                      block(self.grown)))
        self.case.to_server(hop(segment(client, server, self.cport, self.port, flags, self.cseq,
                                        ack, words, block(0))), server)
        self.cseq += len(words)

    def server(self, flags="PA", words=b"", becomes=None, again=False):
        client, vip, server = self.ends
        self.case.from_server(segment(server, client, self.port, self.cport, flags, self.sseq,
                                      self.cseq, words), server)
        self.case.to_client(hop(segment(vip, client, 21, self.cport, flags, self.sseq + self.grown,
                                        self.cseq, becomes or words)))
        if not again:
            self.sseq += len(words)
            self.grown += len(becomes or words) - len(words)

    def passive(self, port, cport):
        """The client's SYN, and what the server says to it."""
        client, vip, server = self.ends
        self.case.from_client(segment(client, vip, cport, port, "S", 1, 0, b""))
        self.case.to_server(hop(segment(client, server, cport, port, "S", 1, 0, b"")), server)
        self.case.from_server(segment(server, client, port, cport, "SA", 7, 2, b""), server)
        self.case.to_client(hop(segment(vip, client, port, cport, "SA", 7, 2, b"")))

    def active(self, cport):
        client, vip, server = self.ends
        self.case.from_server(segment(server, client, self.port - 1, cport, "S", 1, 0, b""), server)
        self.case.to_client(hop(segment(vip, client, 20, cport, "S", 1, 0, b"")))
        self.case.from_client(segment(client, vip, cport, 20, "SA", 7, 2, b""))
        answer = segment(client, server, cport, self.port - 1, "SA", 7, 2, b"")
        self.case.to_server(hop(answer), server)
