# SPDX-License-Identifier: GPL-2.0-or-later
"""What exactly changes on the way: each packet as the client sent it, beside the packet as the real
server got it, and back. scapy computes every expected checksum."""
import pytest

from capture import Capture
from daemon import configuration, service
from lab import ADDRESS, MAC, SERVERS, VIP, wait_for
from traffic import (CLIENT, IP, UDP, Ether, assert_checksums, curl, ip_frames, trimmed, udp_ask,
                     with_ttl_less_one)

RIP = ADDRESS["rs1"]
SERVER_MAC, DIRECTOR_MAC = MAC["rs1", "eth0"], MAC["director", "be"]


@pytest.fixture
def exchange(lab, lvsd):
    """Runs HTTP and UDP through one method to rs1; the IPv4 frames that the client sent, that the
    server received, that the server sent, and that the client received."""
    def run(method, port=80, udp_payload=b"hello", checksum=True):
        suffix = f":{port}" if method == "nat" else ""
        lvsd(configuration(service("web", f"{VIP[method]}:80/tcp", method, RIP + suffix),
                           service("echo", f"{VIP[method]}:5353/udp", method, RIP)))
        with Capture(lab, "client", ["eth0"]) as client, Capture(lab, "rs1", ["eth0"]) as server:
            assert curl(lab, f"http://{VIP[method]}/") == "rs1\n"
            assert udp_ask(lab, VIP[method], payload=udp_payload, checksum=checksum)[0] == "rs1"
        return [[Ether(frame.data) for frame, _ in ip_frames(capture.frames, outgoing=outgoing)]
                for capture, outgoing in ((client, True), (server, False), (server, True),
                                          (client, False))]
    return run



def test_dr_changes_macs_and_ttl_alone(exchange):
    sent, received, _, _ = exchange("dr")
    assert len(sent) >= 7  # a whole HTTP exchange and a datagram
    assert [trimmed(frame[IP]) for frame in received] == [with_ttl_less_one(f[IP]) for f in sent]
    for frame in received:
        assert (frame.src, frame.dst) == (DIRECTOR_MAC, SERVER_MAC)


def test_dr_and_tun_replies_do_not_pass_the_director(exchange):
    _, _, answered, got = exchange("dr")
    assert [trimmed(frame[IP]) for frame in got] == [with_ttl_less_one(f[IP]) for f in answered]
    assert {frame.src for frame in got} == {MAC["router", "cl"]}


def test_tun_wraps_and_changes_ttl_alone(exchange):
    sent, received, _, _ = exchange("tun")
    assert len(received) == len(sent) >= 7
    for before, after in zip(sent, received):
        outer = after[IP]
        assert_checksums(IP(trimmed(outer)[:20]))
        assert (after.src, after.dst) == (DIRECTOR_MAC, SERVER_MAC)
        assert (outer.src, outer.dst, outer.proto) == ("10.0.2.1", RIP, 4)
        assert outer.ihl == 5 and outer.len == 20 + before[IP].len
        assert (outer.tos, outer.ttl) == (before[IP].tos, before[IP].ttl - 1)
        assert ("DF" in outer.flags) == ("DF" in before[IP].flags)
        assert trimmed(outer)[20:] == with_ttl_less_one(before[IP])


def nat_expected(frame, source=None, destination=None, sport=None, dport=None):
    """The packet with these fields replaced and a TTL less one; checksums by scapy."""
    copy = IP(with_ttl_less_one(frame[IP]))
    copy.src, copy.dst = source or copy.src, destination or copy.dst
    copy.payload.sport, copy.payload.dport = sport or copy.payload.sport, dport or copy.payload.dport
    del copy.chksum, copy.payload.chksum
    return bytes(copy)


def test_nat_changes_addresses_and_ports_both_ways(exchange):
    sent, received, answered, got = exchange("nat", port=8080)
    ports = {80: 8080, 5353: 5353}
    assert len(sent) >= 7
    assert [trimmed(frame[IP]) for frame in received] == \
        [nat_expected(f, destination=RIP, dport=ports[f[IP].payload.dport]) for f in sent]
    back = {8080: 80, 5353: 5353}
    assert [trimmed(frame[IP]) for frame in got] == \
        [nat_expected(f, source=VIP["nat"], sport=back[f[IP].payload.sport]) for f in answered]
    assert {frame[IP].src for frame in got} == {VIP["nat"]}, "the client sees the VIP alone"
    assert {frame[IP].src for frame in received} == {CLIENT}, "the server sees the client"


def test_nat_completes_udp_checksum_zero(exchange):
    """IPVS's rule (reference 6.5): a datagram without checksum leaves with a full one."""
    sent, received, answered, got = exchange("nat", udp_payload=b"nocheck", checksum=False)

    def datagram(frames):
        return next(frame for frame in frames if UDP in frame)
    assert datagram(sent)[UDP].chksum == 0 and datagram(answered)[UDP].chksum == 0
    for frame in (datagram(received), datagram(got)):
        assert frame[UDP].chksum != 0
        assert_checksums(frame[IP])


@pytest.mark.parametrize("method", ("dr", "tun"))
def test_udp_checksum_zero_stays(exchange, method):
    sent, received, _, _ = exchange(method, udp_payload=b"nocheck", checksum=False)
    assert [frame[UDP].chksum for frame in sent if UDP in frame] == [0]
    assert [frame[UDP].chksum for frame in received if UDP in frame] == [0]


@pytest.mark.parametrize("method", ("dr", "tun", "nat"))
def test_odd_packets(lab, lvsd, method):
    """IP options, ECN, a short frame with padding, and a long payload of odd length, by hand."""
    lvsd(configuration(service("echo", f"{VIP[method]}:5353/udp", method, RIP)))
    ip = {"src": CLIENT, "dst": VIP[method]}
    packets = [IP(**ip, tos=0x2A, ttl=9, id=4711) / UDP(sport=4001, dport=5353) / b"x",
               IP(**ip, options=[b"\x94\x04\x00\x00"]) / UDP(sport=4002, dport=5353) / b"alert",
               IP(**ip, flags="DF", id=0) / UDP(sport=4003, dport=5353) / (b"odd" * 421)]
    expected = []
    skip = 20 if method == "tun" else 0

    def datagrams(frames):  # nobody waits for the answers: the client's ICMP errors come here, too
        packets = [trimmed(frame[IP])[skip:] for _, frame in ip_frames(frames, outgoing=False)]
        return [packet for packet in packets if IP(packet).proto == 17]
    with Capture(lab, "rs1", ["eth0"]) as wire:
        for packet in packets:
            packet = IP(bytes(packet))
            expected.append(nat_expected({IP: packet}, destination=RIP) if method == "nat"
                            else with_ttl_less_one(packet))
            frame = Ether(dst=MAC["director", "cl"], src=MAC["client", "eth0"]) / packet
            lab.send_frame("client", "eth0", bytes(frame).ljust(60, b"\0"))
        wait_for(lambda: len(datagrams(wire.frames)) >= 3, "three packets")
    assert datagrams(wire.frames) == expected


def test_all_three_servers_get_whole_packets(lab, lvsd):
    """Every frame on every wire of the director has right checksums, whatever the method."""
    rips = [ADDRESS[server] for server in SERVERS]
    lvsd(configuration(*(service(f"web-{m}", f"{VIP[m]}:80/tcp", m, *rips) for m in VIP)))
    with Capture(lab, "director", ["cl", "be"]) as wire:
        for method in VIP:
            curl(lab, f"http://{VIP[method]}/?[1-3]", "--header", "Connection: close")
    frames = [frame for _, frame in ip_frames(wire.frames)]
    assert len(frames) > 60
    for frame in frames:
        assert_checksums(frame[IP])
