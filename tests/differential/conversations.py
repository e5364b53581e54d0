# SPDX-License-Identifier: GPL-2.0-or-later
"""Conversations of a client with a service: in order, and with everything that goes wrong."""
import fragments
import packets

# Who says what: C the client, S the server (seen by the director in NAT only), + for data.
TCP_LIVES = (
    "C:S S:SA C:A C:PA+ S:A S:PA+ C:A C:FA S:A S:FA C:A",
    "C:S S:SA C:A C:PA+ S:PA+ S:FA C:A C:FA S:A",
    "C:S S:SA C:A C:PA+ S:A C:R",
    "C:S S:SA C:A C:PA+ S:RA C:A",
    "C:S S:RA",
    "C:S S:RA C:S S:RA",
    "C:S C:S C:S S:SA S:SA C:A",
    "C:S S:SA C:A C:PA+ C:PA+ S:A S:PA+ S:PA+ C:A",
    "C:S S:SA C:A C:FA S:FA C:A S:A C:S S:SA C:A",
    "C:S S:SA C:R C:S S:SA C:A",
    "C:S S:SA C:A C:S S:A C:A",
    "C:A",
    "C:FA C:R",
    "C:SA C:A",
    "C:S S:SA C:A C:RA C:S S:SA",
    "C:S S:S C:SA S:A",
    "C:S C:FA C:A S:SA",
)
UDP_LIVES = ("C:+ S:+", "C:+ C:+ S:+ S:+ C:+", "C:+", "C:+ S:+ C:+ S:+ C:+ S:+", "S:+ C:+ S:+")
# SCTP's chunks, by type; two in one packet with a comma.
SCTP_LIVES = (
    "C:1 S:2 C:10 S:11 C:0+ S:3 S:0+ C:3 C:7 S:8 C:14",
    "C:1 S:2 C:10,0 S:11,3 C:0+ S:6",
    "C:1 S:6", "C:1 C:1 S:2 C:6", "C:0+", "C:6", "C:1 S:2 C:10,6 C:1",
    "C:1 S:2 C:10 S:11 S:7 C:8 S:14 C:1 S:2", "C:1 S:2 C:10 C:4 S:5 C:9 C:13 S:12 C:99",
)
ODD_FLAGS = ("", "U", "SF", "SR", "SRA", "FPU", "SA", "RA", "FR", "PA", "SAF", "EC", "SEC")
LENGTHS = (0, 1, 100, 1200, 1240, 1241, 1252, 1260, 1340, 1352, 1360, 1440, 1452, 1460, 1460)


class Conversation:
    def __init__(self, generator, client, client_port, service, service_port):
        self.generator, self.random = generator, generator.random
        self.client, self.service = (client, client_port), service
        self.virtual = (service.vip, service_port)
        lives = {"udp": UDP_LIVES, "sctp": SCTP_LIVES, "tcp": TCP_LIVES}[service.protocol]
        self.life = self.random.choice(lives).split()
        self.sequence = self.random.randrange(2**32)

    def chance(self, probability):
        return self.random.random() < probability

    def go_on(self):
        """One step; whether there is another."""
        if not self.life:
            return False
        if self.chance(0.06) and len(self.life) > 1:  # the network reorders
            self.life[0], self.life[1] = self.life[1], self.life[0]
        step = self.life[0]
        if not self.chance(0.05):  # else it will be sent again
            del self.life[0]
        if self.chance(0.03):  # lost before the director
            return bool(self.life)
        who, _, what = step.partition(":")
        self.say(who, what.rstrip("+"), "+" in what)
        return bool(self.life)

    def say(self, who, flags, with_data):
        if self.service.protocol == "tcp" and self.odd(0.04):
            flags = self.random.choice(ODD_FLAGS)
        if who == "C":
            self.send(self.client, self.virtual, flags, with_data, None)
            return
        servers = [one for one in self.service.destinations if one.method == "nat"]
        if len(servers) > 3 or self.chance(0.3):  # else all say it: one of them is the right one
            servers = servers[:1] if not servers else [self.random.choice(servers)]
        header = self.header()
        length = self.length(with_data)
        if self.generator.server_mtu:  # what is longer does not get through to the director
            length = min(length, self.generator.server_mtu - 80)
        for one in servers:
            self.send((one.address, one.port or self.virtual[1]), self.client, flags, with_data,
                      one.address, header, length)

    def odd(self, probability):
        return "odd" in self.generator.features and self.chance(probability)

    def header(self):
        header = {"ident": self.generator.next_identification()}
        if self.odd(0.05):
            header["ttl"] = self.random.choice((1, 1, 2, 255))
        if self.odd(0.1):
            header["tos"] = self.random.choice((1, 2, 3, 0x10, 0xB8, 0xFF))
        header["df"] = self.chance(0.5)
        return header

    def length(self, with_data):
        if not with_data:
            return 0
        if "large" not in self.generator.features or self.chance(0.6):
            return self.random.choice((1, 2, 10, 101))
        length = self.random.choice(LENGTHS)
        return length if self.service.family() == 4 else min(length, 1440)  # no more fits a link

    def send(self, source, destination, flags, with_data, server, header=None, length=None):
        header = header or self.header()
        length = self.length(with_data) if length is None else length
        self.sequence += length + 1
        packet = packets.segment(self.service.protocol, source, destination, flags=flags,
                                 seq=self.sequence, ack=1 if "A" in flags else 0,
                                 data=bytes(i & 0xFF for i in range(length)), **header)
        packet, note = self.mangle(packet)
        frame = packets.from_server(packet, server) if server else packets.from_client(packet)
        what = ("server " if server else "client ") + flags + note
        if not note and self.comes_in_fragments(packet, header):
            for piece in fragments.cut(frame, self.random):
                self.generator.frame(piece, what + " in fragments")
        else:
            self.generator.frame(frame, what)
        if not server and self.opens(flags):
            self.generator.after_opening((source, destination, self.service.protocol))

    def comes_in_fragments(self, packet, header):
        """Not of a tunnel's, where kernel and lvsd cut at different places, nor of SCTP, whose
        checksum covers the ports, nor what is answered by an error, which quotes it. Nor of a
        service by mark: rules that look at ports mark the first one only."""
        return "fragments" in self.generator.features and len(packet) > 120 and \
            not self.service.mark and self.service.family() == 4 and self.service.protocol != "sctp" and \
            not header["df"] and "ttl" not in header and \
            all(one.method != "tun" for one in self.service.destinations) and self.chance(0.5)

    def opens(self, flags):
        return "1" in flags.split(",") if self.service.protocol == "sctp" else "S" in flags

    def mangle(self, packet):
        protocol = self.service.protocol
        if self.odd(0.02):
            return packets.spoil(packet, protocol), " bad sum"
        if protocol == "udp" and self.odd(0.05):
            at = packets.header_length(packet) + 6
            if packet[0] >> 4 == 4:
                return packet[:at] + b"\0\0" + packet[at + 2:], " no sum"
        if "cut" in self.generator.features and self.chance(0.03):
            return packets.cut(packet, self.random.choice((4, 7, 8, 12, 19))), " cut short"
        return packet, ""
