# SPDX-License-Identifier: GPL-2.0-or-later
"""Real clients and servers through DR, TUN and NAT."""
from collections import Counter

import pytest

import servers
from daemon import configuration, service
from lab import ADDRESS, SERVERS, VIP, LabError
from traffic import CLIENT, UdpClient, curl, curl_many, headers, iperf3, udp_ask

METHODS = ("dr", "tun", "nat")
RIPS = [ADDRESS[server] for server in SERVERS]
WEIGHTED = list(zip(RIPS, (3, 2, 1)))


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


def test_http_is_served_by_weight(lab, lvsd, method):
    lvsd(configuration(service("web", f"{VIP[method]}:80/tcp", method, *WEIGHTED, scheduler="wrr")))
    assert curl_many(lab, VIP[method], 60) == {"rs1": 30, "rs2": 20, "rs3": 10}
    assert lab.sysctl("director", "net/ipv4/ip_forward") == "0"


def test_the_server_sees_the_client(lab, lvsd, method):
    lvsd(configuration(service("web", f"{VIP[method]}:80/tcp", method, *RIPS)))
    seen = headers(lab, f"http://{VIP[method]}/")
    assert seen["x-client"].rpartition(":")[0] == CLIENT
    assert seen["x-local"].rpartition(":")[0] == (RIPS[0] if method == "nat" else VIP[method])


def test_udp_goes_round(lab, lvsd, method):
    lvsd(configuration(service("echo", f"{VIP[method]}:5353/udp", method, *RIPS)))
    served = Counter()
    for _ in range(12):
        with UdpClient(lab, VIP[method]) as client:
            name, address, port = client.ask()
            assert (address, port) == client.socket.getsockname()
            assert client.ask()[0] == name, "a second datagram belongs to the same connection"
        served[name] += 1
    assert served == {"rs1": 4, "rs2": 4, "rs3": 4}


def test_large_datagrams(lab, lvsd, method):
    """As large as the path takes in one piece."""
    lvsd(configuration(service("echo", f"{VIP[method]}:5353/udp", method, RIPS[0])))
    size = 1500 - 20 - 8 - (20 if method == "tun" else 0)
    answer = len("rs1 10.0.1.2 65535 ")
    assert udp_ask(lab, VIP[method], payload=b"x" * (size - answer))[0] == "rs1"


def test_bulk_tcp_and_udp(lab, lvsd, method):
    """iperf3: TCP up and down, and UDP at 20 Mbit/s with next to no loss."""
    listen = VIP[method] + ":5201"
    lvsd(configuration(service("bulk", listen + "/tcp", method, RIPS[0]),
                       service("bulk-udp", listen + "/udp", method, RIPS[0])))
    server = servers.start_iperf3(lab, "rs1", RIPS[0] if method == "nat" else VIP[method])
    try:
        up = iperf3(lab, VIP[method], seconds=1)
        assert up["sum_received"]["bytes"] > 1_000_000
        down = iperf3(lab, VIP[method], "--reverse", seconds=1)
        assert down["sum_received"]["bytes"] > 1_000_000
        datagrams = iperf3(lab, VIP[method], "--udp", "--bitrate", "20M", "--length", "1200",
                           seconds=1)
        assert datagrams["sum"]["packets"] > 1000
        assert datagrams["sum"]["lost_percent"] < 2
    finally:
        lab.stop(server)


def test_nat_maps_ports(lab, lvsd):
    lvsd(configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", f"{RIPS[1]}:8080")))
    seen = headers(lab, f"http://{VIP['nat']}/")
    assert seen["x-local"] == f"{RIPS[1]}:8080"
    assert seen["x-client"].rpartition(":")[0] == CLIENT


def test_methods_side_by_side_in_one_service(lab, lvsd):
    """A destination may be reached by another method than its service's."""
    text = configuration({"name": "web", "listen": f"{VIP['dr']}:80/tcp", "method": "dr",
                          "scheduler": "rr", "destinations": [
                              {"address": RIPS[0]}, {"address": RIPS[1] + ":8080", "method": "nat"}]})
    lvsd(text)
    assert curl_many(lab, VIP["dr"], 10) == {"rs1": 5, "rs2": 5}


def test_tunnel_to_a_server_behind_a_router(lab, lvsd):
    servers.start_nginx(lab, "rs4")
    servers.start_tunnel_end(lab, "rs4")
    lvsd(configuration(service("web", f"{VIP['tun']}:80/tcp", "tun", ADDRESS["rs4"])))
    assert curl_many(lab, VIP["tun"], 5) == {"rs4": 5}


def test_what_is_not_a_service_is_left_to_the_host(lab, lvsd):
    lvsd(configuration(service("web", f"{VIP['dr']}:80/tcp", "dr", *RIPS)))
    with pytest.raises(LabError, match="exit status 7"):  # curl: refused
        curl(lab, f"http://{VIP['dr']}:81/")
    assert "1 received" in lab.run("client", ["ping", "-c", "1", "-W", "2", VIP["dr"]])


def test_many_clients(lab, lvsd):
    """sh sends a client always to the same server, and clients to all of them."""
    lvsd(configuration(service("echo", f"{VIP['dr']}:5353/udp", "dr", *RIPS, scheduler="sh")))
    names = {}
    for _ in range(2):
        for last in range(1, 31):
            source = f"10.1.0.{last}"
            name, address, _ = udp_ask(lab, VIP["dr"], source=source)
            assert address == source
            assert names.setdefault(source, name) == name
    assert set(names.values()) == set(SERVERS)


def test_announced_in_the_clients_network(lab, lvsd):
    """A VIP that belongs to a network of the director's is put there and announced."""
    from capture import Capture
    with Capture(lab, "client", ["eth0"]) as wire:
        daemon = lvsd(configuration(service("web", "10.0.1.100:80/tcp", "nat", *RIPS)))
        assert curl_many(lab, "10.0.1.100", 6) == {"rs1": 2, "rs2": 2, "rs3": 2}
    gratuitous = [frame for frame in wire.frames if frame.data[12:14] == b"\x08\x06" and
                  frame.data[28:32] == frame.data[38:42] == bytes([10, 0, 1, 100])]
    assert gratuitous, "no gratuitous ARP seen"
    assert gratuitous[0].data[:6] == b"\xff" * 6
    assert "10.0.1.100/32" in lab.run("director", ["ip", "-o", "addr", "show", "dev", "cl"])
    daemon.stop()
    assert "10.0.1.100" not in lab.run("director", ["ip", "-o", "addr"])
