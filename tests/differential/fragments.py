# SPDX-License-Identifier: GPL-2.0-or-later
"""Datagrams in fragments. The kernel puts them together and sends them whole, or cut as the way out
asks for; lvsd sends the fragments as they came. So that the two can be compared, what the kernel sent
is cut again as the datagram came: `as_lvsd_sends`."""
import struct

MORE, OFFSET = 0x2000, 0x1FFF
ETHERNET = 14


class Ip:
    """An Ethernet frame's IPv4 packet, as far as fragments are concerned."""

    def __init__(self, frame):
        self.link, packet = frame[:ETHERNET], frame[ETHERNET:]
        length, self.ident, flags = struct.unpack_from(">HHH", packet, 2)
        self.header = packet[:(packet[0] & 15) * 4]
        self.body = packet[len(self.header):length]
        self.more, self.offset = bool(flags & MORE), (flags & OFFSET) * 8
        self.key = (self.link, self.ident, packet[9], packet[12:20])

    def is_fragment(self):
        return self.more or self.offset > 0

    def piece(self, start, end):
        """These bytes of the body as a frame, a fragment where it is not all."""
        flags = (start // 8) | (MORE if end < len(self.body) else 0)
        body = self.body[start:end]
        header = bytearray(self.header)
        struct.pack_into(">HHH", header, 2, len(header) + len(body), self.ident, flags)
        header[10:12] = b"\0\0"
        total = sum(struct.unpack(">%dH" % (len(header) // 2), header))
        total = (total & 0xFFFF) + (total >> 16)
        header[10:12] = struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF)
        return self.link + bytes(header) + body


def parse(frame):
    """None if it is no IPv4."""
    return Ip(frame) if frame[12:14] == b"\x08\x00" and frame[ETHERNET] >> 4 == 4 else None


def cut(frame, random):
    """The frames of its fragments, in some order of arrival."""
    packet = parse(frame)
    size = random.choice((24, 64, 200, 400))
    ends = list(range(size, len(packet.body), size))[:7] + [len(packet.body)]
    pieces = [packet.piece(start, end) for start, end in zip([0] + ends, ends)]
    if random.random() < 0.5:
        random.shuffle(pieces)
    return pieces


def in_scene(scene):
    """{identification: [(start, end)]} of its datagrams that come in fragments, in the order in which
    lvsd sends them: the first one when it comes, with those that came before it behind it."""
    arrived = {}
    for step in scene.steps:
        packet = parse(step.data) if step.kind == "frame" else None
        if packet and packet.is_fragment():
            span = (packet.offset, packet.offset + len(packet.body))
            arrived.setdefault((packet.ident, packet.key[2], packet.link), []).append(span)
    cuts = {}
    for (ident, protocol, _), spans in arrived.items():
        first = [span for span in spans if span[0] == 0]
        cuts[ident, protocol] = first + [span for span in spans if span[0] > 0]
    return cuts


def as_lvsd_sends(frames, cuts):
    """(time, frame) of the kernel's, with each datagram that came in fragments cut as it came."""
    sent, waiting = [], {}
    for time, frame in frames:
        packet, as_sent = parse(frame), [(time, frame)]
        if packet and packet.is_fragment():
            held = waiting.setdefault(packet.key, {})
            held[packet.offset] = (packet, as_sent[0])
            packet = joined({offset: each for offset, (each, _) in held.items()})
            if packet is None:
                continue
            as_sent = [each for _, each in held.values()]
            del waiting[packet.key]
        spans = cuts.get((packet.ident, packet.key[2])) if packet else None
        if spans and max(end for _, end in spans) == len(packet.body):
            as_sent = [(time, packet.piece(*span)) for span in spans]
        sent += as_sent
    return sent


def joined(held):
    """The datagram of {offset: fragment}, if all are there."""
    body, at = b"", 0
    while at in held:
        body += held[at].body
        if not held[at].more:
            whole = held[0]
            whole.body = body
            return whole
        at = len(body)
    return None


def write_pcap(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for time, frame in frames:
            micro = round(time * 10**6)
            file.write(struct.pack("<IIII", micro // 10**6, micro % 10**6, len(frame), len(frame)) +
                       frame)
