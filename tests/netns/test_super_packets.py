# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP as the kernel put it together: what the receivers get on the wire is right all the same."""
import hashlib
import os

import pytest

import servers
from capture import Capture
from daemon import configuration, service
from lab import ADDRESS, ADDRESS6, VIP, VIP6, Lab
from scapy.layers.inet import TCP
from scapy.layers.inet6 import IPv6
from traffic import IP, Ether, assert_checksums, curl, ip_frames

SIZE = 3_000_000


@pytest.fixture
def lab():
    with Lab(offloads=True) as made:
        servers.start_nginx(made, "rs1")
        servers.start_tunnel_end(made, "rs1")
        servers.start_any_tunnel_end(made, "rs1", [VIP6["tun"]])
        with open(made.path("files", "large"), "wb") as file:
            file.write(os.urandom(SIZE))
        yield made


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def there_and_back(lab, host, timeout=20):
    original, fetched = lab.path("files", "large"), lab.path("fetched")
    curl(lab, f"http://{host}/files/large", "--fail", "--output", fetched, timeout=timeout)
    assert digest(fetched) == digest(original)
    curl(lab, f"http://{host}/upload/copy", "--fail", "--upload-file", original, timeout=timeout)
    assert digest(lab.path("rs1", "upload", "copy")) == digest(original)


def assert_sum(packet):
    if IP in packet:
        assert_checksums(packet[IP])
        return
    carried = packet[TCP].underlayer.original
    anew = IPv6(carried)
    del anew[TCP].chksum
    assert bytes(anew) == carried, f"wrong checksum in {packet.summary()}"


def cut_at_the_director(lab):
    """The director's own kernel cuts and sums up, as a card does; nobody joins again."""
    for device in ("cl", "be"):
        lab.run("director", ["ethtool", "-K", device, "tso", "off", "gso", "off", "tx", "off"])
    for space in ("client", "rs1"):
        lab.run(space, ["ethtool", "-K", "eth0", "gro", "off"])


@pytest.mark.parametrize("family", (4, 6))
@pytest.mark.parametrize("method", ("dr", "tun", "nat"))
def test_segments_on_the_wire_are_right(lab, lvsd, method, family):
    vip, server = (VIP[method], ADDRESS["rs1"]) if family == 4 else (VIP6[method], ADDRESS6["rs1"])
    host = vip if family == 4 else f"[{vip}]"
    cut_at_the_director(lab)
    daemon = lvsd(configuration(service("web", f"{host}:80/tcp", method, server)))
    with Capture(lab, "rs1", ["eth0"]) as there, Capture(lab, "client", ["eth0"]) as here:
        there_and_back(lab, host)
    seen = 0
    for wire, judged in ((there, True), (here, method == "nat")):
        for frame in wire.frames if judged else ():
            packet = Ether(frame.data)
            if frame.outgoing or TCP not in packet:
                continue
            assert len(packet) - 14 <= 1500
            assert_sum(packet)
            seen += 1
    status = daemon.ctl_json("status")
    assert seen > SIZE / 1500
    assert status["status"]["packets"]["forwarded"] < seen  # so there were super-packets


def test_a_path_that_narrows_behind_the_next_hop_is_no_black_hole(lab, lvsd):
    """Replies go to a router that takes 1400 bytes to the client and tells the server so. From then
    on the server's segments are smaller; they come joined, and must not leave any larger."""
    lab.ip("director", f"route add {ADDRESS['client']}/32 via 10.0.1.254")
    lab.ip("router", f"route add {ADDRESS['client']}/32 dev cl mtu lock 1400")
    lvsd(configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", ADDRESS["rs1"])))
    with Capture(lab, "router", ["cl", "be"]) as wire:
        there_and_back(lab, VIP["nat"])
    told = [packet for _, packet in ip_frames(wire.frames, outgoing=True) if packet[IP].proto == 1]
    assert told  # else the path was not narrow
