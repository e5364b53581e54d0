# SPDX-License-Identifier: GPL-2.0-or-later
"""Real IPv6 clients and servers through DR, TUN and NAT; each packet judged by scapy."""
import hashlib
import os
from collections import Counter

import pytest
from scapy.layers.inet6 import ICMPv6ND_NA, IPv6
from scapy.layers.l2 import Ether

import servers
from capture import Capture
from daemon import configuration, service
from lab import ADDRESS6, MAC, SERVERS, VIP6, LabError, wait_for
from test_lifecycle import traces
from traffic import UdpClient, curl, curl_many, headers

METHODS = ("dr", "tun", "nat")
RIPS = [ADDRESS6[server] for server in SERVERS]
WEIGHTED = list(zip(RIPS, (3, 2, 1)))
CLIENT = ADDRESS6["client"]
SIZE = 3_000_000


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


@pytest.fixture(params=("early", "late"))
def stage(request):
    return {"capture": {"stage": request.param}}


@pytest.fixture(scope="module", autouse=True)
def tunnel_ends(lab):
    for server in SERVERS:
        servers.start_any_tunnel_end(lab, server, [VIP6["tun"]])


def web(method, *rows, **more):
    return service("web", f"[{VIP6[method]}]:80/tcp", method, *rows, **more)


def many(lab, method, count, **keywords):
    return curl_many(lab, f"[{VIP6[method]}]", count, CLIENT, **keywords)


def test_http_is_served_by_weight(lab, lvsd, method, stage):
    lvsd(configuration(web(method, *WEIGHTED, scheduler="wrr"), director=stage))
    assert many(lab, method, 30) == {"rs1": 15, "rs2": 10, "rs3": 5}
    assert lab.sysctl("director", "net/ipv6/conf/all/forwarding") == "0"


def test_the_server_sees_the_client(lab, lvsd, method):
    lvsd(configuration(web(method, *RIPS)))
    seen = headers(lab, f"http://[{VIP6[method]}]/")
    assert seen["x-client"].rpartition(":")[0] == f"[{CLIENT}]".strip("[]")
    assert seen["x-local"].rpartition(":")[0] == (RIPS[0] if method == "nat" else VIP6[method])


def test_nat_maps_ports(lab, lvsd):
    lvsd(configuration(web("nat", f"[{RIPS[1]}]:8080")))
    assert headers(lab, f"http://[{VIP6['nat']}]/")["x-local"] == f"{RIPS[1]}:8080"


def test_udp_goes_round(lab, lvsd, method):
    lvsd(configuration(service("echo", f"[{VIP6[method]}]:5353/udp", method, *RIPS)))
    served = Counter()
    for _ in range(6):
        with UdpClient(lab, VIP6[method]) as client:
            name, address, port = client.ask()
            assert (address, port) == client.socket.getsockname()[:2]
            assert client.ask()[0] == name, "a second datagram belongs to the same connection"
        served[name] += 1
    assert served == {"rs1": 2, "rs2": 2, "rs3": 2}


def test_both_versions_of_ip_side_by_side(lab, lvsd):
    lvsd(configuration(web("dr", *RIPS), service("web4", "10.0.3.100:80/tcp", "dr", "10.0.2.11")))
    assert many(lab, "dr", 3) == {"rs1": 1, "rs2": 1, "rs3": 1}
    assert curl_many(lab, "10.0.3.100", 2) == {"rs1": 2}


def test_files_arrive_intact(lab, lvsd, method):
    lvsd(configuration(web(method, RIPS[0])))
    original = os.urandom(SIZE)
    for name in (lab.path("files", "v6"), lab.path("v6-original")):
        with open(name, "wb") as file:
            file.write(original)
    fetched = lab.path("v6-fetched")
    curl(lab, f"http://[{VIP6[method]}]/files/v6", "--fail", "--output", fetched, timeout=60)
    curl(lab, f"http://[{VIP6[method]}]/upload/v6", "--fail", "--upload-file",
         lab.path("v6-original"), timeout=60)
    for copy in (fetched, lab.path("rs1", "upload", "v6")):
        with open(copy, "rb") as file:
            assert hashlib.sha256(file.read()).digest() == hashlib.sha256(original).digest()
        os.unlink(copy)


# ---- frames --------------------------------------------------------------------------------------
def packets(frames, protocol=6, **wanted):
    """IPv6 packets of one next header, with their frames."""
    for frame in frames:
        if frame.data[12:14] != b"\x86\xdd" or frame.data[20] != protocol:
            continue
        if all(getattr(frame, name) == value for name, value in wanted.items()):
            yield frame, IPv6(frame.data[14:])


def assert_checksum(ip):
    """What scapy makes of the same packet, its checksum computed anew."""
    copy = IPv6(bytes(ip))
    layer = copy
    while layer:
        if "chksum" in layer.fields:
            del layer.chksum
        layer = layer.payload
    assert bytes(copy) == bytes(ip), f"wrong checksum in {ip.summary()}"


@pytest.mark.parametrize("plain", ("dr", "nat"))
def test_forwarded_frames(lab, lvsd, plain):
    lvsd(configuration(web(plain, *RIPS[:1])))
    with Capture(lab, "director", ["cl", "be"]) as wire:
        assert many(lab, plain, 2) == {"rs1": 2}
    requests = [ip for _, ip in packets(wire.frames, device="cl", outgoing=False)
                if ip.dst == VIP6[plain]]
    sent = [(Ether(frame.data), ip)
            for frame, ip in packets(wire.frames, device="be", outgoing=True)]
    assert len(requests) == len(sent) > 0
    for before, (frame, after) in zip(requests, sent):
        assert (frame.src, frame.dst) == (MAC["director", "be"], MAC["rs1", "eth0"])
        assert after.hlim == before.hlim - 1
        assert after.dst == (RIPS[0] if plain == "nat" else VIP6[plain])
        assert_checksum(after)
        before.hlim, before.dst = after.hlim, after.dst
        if plain == "dr":
            assert bytes(before) == bytes(after)
    if plain == "dr":
        return
    replies = [ip for _, ip in packets(wire.frames, device="cl", outgoing=True)]
    assert replies
    for ip in replies:
        assert (ip.src, ip.dst) == (VIP6["nat"], CLIENT)
        assert_checksum(ip)


def test_tunnelled_frames(lab, lvsd):
    lvsd(configuration(web("tun", RIPS[0])))
    with Capture(lab, "director", ["be"]) as wire:
        assert many(lab, "tun", 2) == {"rs1": 2}
    tunnelled = list(packets(wire.frames, 41, outgoing=True))
    assert tunnelled
    for _, outer in tunnelled:
        assert (outer.src, outer.dst) == (ADDRESS6["director"], RIPS[0])
        inner = outer.payload
        assert (inner.src, inner.dst) == (CLIENT, VIP6["tun"])
        assert_checksum(inner)


# ---- the director's own stack --------------------------------------------------------------------
def test_what_is_not_a_service_is_left_to_the_host(lab, lvsd):
    lvsd(configuration(web("dr", *RIPS)))
    with pytest.raises(LabError, match="exit status 7"):  # curl: refused
        curl(lab, f"http://[{VIP6['dr']}]:81/")
    assert "1 received" in lab.run("client", ["ping", "-c", "1", "-W", "2", VIP6["dr"]])


def test_stop_leaves_nothing(lab, lvsd, stage):
    before = traces(lab)
    daemon = lvsd(configuration(*(service(f"web-{m}", f"[{VIP6[m]}]:80/tcp", m, *RIPS)
                                  for m in METHODS), director=stage))
    assert VIP6["dr"] in traces(lab)["addresses"]
    assert many(lab, "nat", 3) == {"rs1": 1, "rs2": 1, "rs3": 1}
    assert daemon.stop() == 0
    assert traces(lab) == before


def test_ipv6_comes_and_goes_with_a_reload(lab, lvsd):
    only_v4 = service("web4", "10.0.3.100:80/tcp", "dr", "10.0.2.11")
    daemon = lvsd(configuration(only_v4))
    assert "ip6 lvsd" not in traces(lab)["rules"]
    daemon.reload(configuration(only_v4, web("nat", *RIPS)))
    assert many(lab, "nat", 3) == {"rs1": 1, "rs2": 1, "rs3": 1}
    assert curl_many(lab, "10.0.3.100", 2) == {"rs1": 2}
    daemon.reload(configuration(only_v4))
    wait_for(lambda: VIP6["nat"] not in traces(lab)["addresses"] or daemon.ctl("list"), "the reload")
    assert curl_many(lab, "10.0.3.100", 2) == {"rs1": 2}


def test_announced_in_the_clients_network(lab, lvsd):
    """Put on the interface without duplicate address detection, and told to all nodes."""
    vip = "fd00:1::100"
    with Capture(lab, "client", ["eth0"]) as wire:
        daemon = lvsd(configuration(service("web", f"[{vip}]:80/tcp", "nat", *RIPS)))
        assert curl_many(lab, f"[{vip}]", 3, CLIENT) == {"rs1": 1, "rs2": 1, "rs3": 1}
    told = [ip for _, ip in packets(wire.frames, 58)
            if ICMPv6ND_NA in ip and ip[ICMPv6ND_NA].tgt == vip and ip.dst == "ff02::1"]
    assert told, "no unsolicited neighbour advertisement seen"
    assert (told[0][ICMPv6ND_NA].O, told[0][ICMPv6ND_NA].S, told[0].hlim) == (1, 0, 255)
    assert_checksum(told[0])
    there = lab.run("director", ["ip", "-o", "addr", "show", "dev", "cl"])
    assert f"{vip}/128" in there and "tentative" not in there
    daemon.stop()
    assert vip not in lab.run("director", ["ip", "-o", "addr"])


def test_a_client_on_the_director_is_served_through_nat(lab, lvsd, stage):
    lvsd(configuration(web("nat", *RIPS), director=stage))
    for options in ([], ["--interface", ADDRESS6["director"]]):
        answer = lab.run("director", ["curl", "--silent", "--max-time", "2", *options,
                                      f"http://[{VIP6['nat']}]/"], check=False)
        assert answer.strip() in SERVERS
