# SPDX-License-Identifier: GPL-2.0-or-later
"""What the live director did, `lvsctl replay` does again from the capture, byte for byte."""
import os

import pytest

from capture import Capture
from daemon import configuration, replay, service
from lab import ADDRESS, MAC, SERVERS, VIP, namespaces, processes_in, wait_for
from scapy.layers.inet import ICMP
from scapy.utils import RawPcapReader
from traffic import CLIENT, IP, UDP, Ether, UdpClient, curl, ip_frames, trimmed, udp_ask

RIPS = [ADDRESS[server] for server in SERVERS]
METHODS = ("dr", "tun", "nat")
CLOSED = 9999


@pytest.fixture(scope="module", autouse=True)
def one_cpu(lab):
    """Two CPUs that send through one interface have a frame's time taken, the frame captured and the
    frame queued in three orders (a connection's last ACK by one, the next one's SYN by the other);
    a single one has them in one order."""
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})  # what is started from here on inherits it
        for space in namespaces(lab.prefix):
            for pid in processes_in(space):
                for thread in os.listdir(f"/proc/{pid}/task"):
                    os.sched_setaffinity(int(thread), {min(before)})
        yield
    finally:
        os.sched_setaffinity(0, before)


def text():
    weighted = list(zip(RIPS, (3, 2, 1)))
    web = [service(f"web-{m}", f"{VIP[m]}:80/tcp", m, *weighted, scheduler=s)
           for m, s in zip(METHODS, ("wrr", "wlc", "lc"))]
    echo = [service(f"echo-{m}", f"{VIP[m]}:5353/udp", m, *weighted, scheduler=s)
            for m, s in zip(METHODS, ("rr", "sh", "wrr"))]
    none = service("none", f"{VIP['nat']}:{CLOSED}/udp", "nat", RIPS[0])
    # With a queue of their own, packets that open connections would go behind those that came later.
    return configuration(*web, *echo, none, director={"overload": "drop"})


def make_traffic(lab):
    """A bit of everything: connections, datagrams from many clients, ICMP errors both ways, packets
    that are refused."""
    for method in METHODS:
        curl(lab, f"http://{VIP[method]}/?[1-8]", "--header", "Connection: close")
        for last in range(1, 9):
            udp_ask(lab, VIP[method], source=f"10.1.0.{last}")
    with UdpClient(lab, VIP["nat"], CLOSED) as client, pytest.raises(ConnectionRefusedError):
        client.ask()
    to_director = Ether(dst=MAC["director", "cl"], src=MAC["client", "eth0"])
    ip = {"src": CLIENT, "dst": VIP["tun"]}
    for packet in (IP(**ip, ttl=1) / UDP(sport=4001, dport=5353) / b"expired",
                   IP(**ip, flags="DF", id=99) / UDP(sport=4002, dport=5353) / bytes(1470),
                   IP(src=CLIENT, dst=VIP["nat"]) / UDP(sport=4003, dport=5353) / b"nobody waits"):
        lab.send_frame("client", "eth0", to_director / packet)
        with UdpClient(lab, VIP["dr"]) as client:
            client.ask()  # the director has handled what was sent before


def make_traffic_and_wait(lab, wire):
    make_traffic(lab)
    wait_for(lambda: sum(ICMP in packet for _, packet in ip_frames(wire.frames)) >= 5,
             "all ICMP errors")


def make_many_connections(lab, _):
    """Several at once, each of some packets: what opens one meets what belongs to others."""
    for method in METHODS:
        curl(lab, f"http://{VIP[method]}/?[1-60]", "--header", "Connection: close", "--parallel",
             "--parallel-max", "12", timeout=20)


def capture(lab, lvsd, config=None, traffic=make_traffic_and_wait):
    daemon = lvsd(config or text())
    network = lab.path("network.yaml")
    for address in RIPS:
        lab.run("director", ["ping", "-c", "1", "-W", "2", address])
    lab.run("director", ["ping", "-c", "1", "-W", "2", CLIENT])
    with open(network, "w", encoding="utf-8") as file:
        file.write(daemon.ctl("network"))
    with Capture(lab, "director", ["cl", "be"]) as wire:
        traffic(lab, wire)
    path = lab.path("live.pcapng")
    wire.write(path)
    return daemon, network, wire, path


def test_replay_repeats_what_the_live_director_emitted(lab, lvsd):
    daemon, network, wire, path = capture(lab, lvsd)
    out = lab.path("replayed.pcap")
    status, printed = replay("-c", daemon.file, "--in", path, "--out", out, "--network", network)
    assert status == 0, printed

    def emitted(frames):
        """By interface, in order. The id of a tunnel packet or an ICMP error may be the kernel's."""
        by_mac = {"02:00:00:00:01:01": [], "02:00:00:00:02:01": []}
        for frame in frames:
            ip = IP(trimmed(frame[IP]))
            if ip.proto == 4 or (ip.proto == 1 and ip.tos == 0xC0):
                ip.id = 0
                del ip.chksum
            by_mac[frame.src].append((frame.dst, bytes(ip)))
        return by_mac
    live = emitted(frame for _, frame in ip_frames(wire.frames, outgoing=True))
    again = emitted([Ether(data) for data, _ in RawPcapReader(out)])
    for mac, frames in live.items():
        assert len(frames) > 30
        assert [dst for dst, _ in again[mac]] == [dst for dst, _ in frames], "other destinations"
        assert again[mac] == frames


def test_replay_finds_the_live_output_as_expected(lab, lvsd):
    daemon, network, _, path = capture(lab, lvsd)
    words = ("-c", daemon.file, "--in", path, "--network", network, "--expect", path,
             "--ignore", "made.ip.id")
    status, printed = replay(*words)
    assert status == 0, printed
    daemon.write(configuration(service("web-dr", f"{VIP['dr']}:80/tcp", "dr", *RIPS[:2])))
    status, printed = replay(*words)
    assert status == 1 and "eth.dst" in printed, printed


def test_replay_is_the_same_twice(lab, lvsd):
    daemon, network, _, path = capture(lab, lvsd)
    outs = [lab.path(f"out{number}.pcap") for number in (1, 2)]
    printed = {replay("-c", daemon.file, "--in", path, "--out", out, "--network", network)
               for out in outs}
    assert len({p.replace(outs[0], "").replace(outs[1], "") for _, p in printed}) == 1
    first, second = (open(out, "rb").read() for out in outs)
    assert first == second and len(first) > 1000


def test_conversations_may_come_in_another_order(lab, lvsd):
    """With a queue of its own, what opens a connection is served later than the capture has it. Who
    gets it must not depend on that: by the client's address."""
    web = [service(f"web-{m}", f"{VIP[m]}:80/tcp", m, *RIPS, scheduler="sh") for m in METHODS]
    daemon, network, wire, path = capture(lab, lvsd, configuration(*web), make_many_connections)
    assert len(wire.frames) > 1000
    status, printed = replay("-c", daemon.file, "--in", path, "--network", network, "--expect", path,
                             "--ignore", "made.ip.id", "--ignore", "order")
    assert status == 0, printed
