# SPDX-License-Identifier: GPL-2.0-or-later
"""Destinations whose link-layer address is unknown, changes, or lies."""
import socket
import time
from collections import Counter

import pytest

from capture import Capture
from daemon import configuration, service
from lab import ADDRESS, MAC, SERVERS, VIP, Lab, wait_for
import servers
from scapy.layers.inet import TCP
from traffic import IP, UdpClient, curl, ip_frames, udp_ask

RIPS = [ADDRESS[server] for server in SERVERS]
METHODS = ("dr", "tun", "nat")


@pytest.fixture
def lab():
    """One for each test: these leave neighbour tables in disorder."""
    with Lab() as made:
        servers.start_all(made)
        yield made


def echo(method, *rows):
    return service(f"echo-{method}", f"{VIP[method]}:5353/udp", method, *rows)


@pytest.mark.parametrize("method", METHODS)
def test_a_dead_destination_costs_the_others_nothing(lab, lvsd, method):
    """rs3 does not even answer ARP. A third of the new connections goes there and is lost; none of
    the others so much as repeats a packet."""
    lab.ip("rs3", "link set eth0 down")
    lvsd(configuration(service("web", f"{VIP[method]}:80/tcp", method, *RIPS)))
    served = Counter()
    with Capture(lab, "client", ["eth0"]) as wire:
        children = []
        for number in range(30):
            out = lab.path(f"answer{number}")
            children.append((lab.start("client", ["curl", "--silent", "--max-time", "3", "--output",
                                                  out, f"http://{VIP[method]}/"]), out))
        for child, out in children:
            status = child.wait(10)
            lab.children.remove(child)
            served[open(out, encoding="ascii").read().strip() if status == 0 else "nobody"] += 1
    assert served == {"rs1": 10, "rs2": 10, "nobody": 10}
    syns, answered = Counter(), set()
    for frame, packet in ip_frames(wire.frames):
        if frame.outgoing and packet[TCP].flags == "S":
            syns[packet[TCP].sport] += 1
        elif not frame.outgoing and packet[TCP].flags == "SA":
            answered.add(packet[TCP].dport)
    assert len(answered) == 20
    assert all(syns[port] == 1 for port in answered), "a connection to a live server had to retry"


@pytest.mark.parametrize("method", METHODS)
def test_packets_wait_for_arp(lab, lvsd, method):
    """The first packet to a destination that nobody has spoken to yet is not lost."""
    lvsd(configuration(echo(method, *RIPS)))
    lab.ip("director", "neigh flush dev be")
    with Capture(lab, "client", ["eth0"]) as wire:
        answers = {udp_ask(lab, VIP[method])[0] for _ in SERVERS}
    assert answers == set(SERVERS)
    assert len([1 for frame, _ in ip_frames(wire.frames, outgoing=True)]) == 3


@pytest.mark.parametrize("method", METHODS)
def test_a_change_in_the_kernels_table_takes_effect_within_a_second(lab, lvsd, method):
    """The table says that rs1's address is at rs2's card. rs2 holds rs1's address, too, so it can
    tell: the answers' name changes."""
    lvsd(configuration(echo(method, RIPS[0])))
    lab.sysctl("rs2", "net/ipv4/conf/all/arp_ignore", 8)  # it never answers ARP for it
    lab.ip("rs2", f"addr add {RIPS[0]}/32 dev lo", f"rule add from {RIPS[0]} lookup 100")
    assert udp_ask(lab, VIP[method])[0] == "rs1"
    lab.ip("director", f"neigh replace {RIPS[0]} lladdr {MAC['rs2', 'eth0']} dev be nud permanent")
    wait_for(lambda: udp_ask(lab, VIP[method])[0] == "rs2", "the change", timeout=1.0)


def test_a_silent_change_of_mac_is_found_within_15_seconds(lab, lvsd):
    """rs1's card is exchanged, and nobody says so. All three methods use it meanwhile."""
    lvsd(configuration(*(echo(method, RIPS[0]) for method in METHODS)))
    clients = {method: UdpClient(lab, VIP[method]) for method in METHODS}
    for client in clients.values():
        assert client.ask()[0] == "rs1"
    lab.sysctl("rs1", "net/ipv4/conf/all/arp_notify", 0)
    lab.ip("rs1", "link set eth0 address 02:00:00:00:02:99")
    began = time.monotonic()
    back = {}

    def all_back():
        for method, client in clients.items():
            try:
                if method not in back and client.ask(timeout=0.1)[0] == "rs1":
                    back[method] = time.monotonic() - began
            except socket.timeout:
                pass
        return len(back) == len(METHODS)
    wait_for(all_back, lambda: f"answers; so far {back}", timeout=15.0)
    assert min(back.values()) > 0.1, "the change was not silent: the test shows nothing"


def test_a_destination_that_comes_back_is_used_again(lab, lvsd):
    lab.ip("rs3", "link set eth0 down")
    lvsd(configuration(echo("dr", RIPS[2])))
    with pytest.raises(socket.timeout):
        udp_ask(lab, VIP["dr"], timeout=1.0)
    lab.ip("rs3", "link set eth0 up", "route add default via 10.0.2.254")

    def answers():
        try:
            return udp_ask(lab, VIP["dr"], timeout=0.3)[0] == "rs3"
        except socket.timeout:
            return False
    wait_for(answers, "rs3", timeout=5.0)


def test_a_route_change_takes_effect(lab, lvsd):
    """rs4 is behind the router; without that route nothing goes there, with it all does."""
    servers.start_udp_echo(lab, "rs4")
    servers.start_tunnel_end(lab, "rs4")
    lvsd(configuration(echo("tun", ADDRESS["rs4"])))
    assert udp_ask(lab, VIP["tun"])[0] == "rs4"
    lab.ip("director", "route del 10.0.4.0/24")

    def unreachable():
        try:
            udp_ask(lab, VIP["tun"], timeout=0.2)
            return False
        except (socket.timeout, OSError):
            return True
    wait_for(unreachable, "the route's end to be noticed", timeout=1.0)
    lab.ip("director", "route add 10.0.4.0/24 via 10.0.2.254")
    wait_for(lambda: not unreachable(), "the new route", timeout=2.0)


def test_nat_replies_find_the_client_behind_a_gateway(lab, lvsd):
    """10.1.0.0/16 is routed by way of 10.0.1.2, also for what the director sends back."""
    lvsd(configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", *RIPS)))
    with Capture(lab, "director", ["cl"]) as wire:
        assert curl(lab, f"http://{VIP['nat']}/", "--interface", "10.1.2.3") == "rs1\n"
    back = [packet for _, packet in ip_frames(wire.frames, outgoing=True)]
    assert {packet[IP].dst for packet in back} == {"10.1.2.3"}
    assert {packet.dst for packet in back} == {MAC["client", "eth0"]}
