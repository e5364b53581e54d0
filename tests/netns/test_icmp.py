# SPDX-License-Identifier: GPL-2.0-or-later
"""ICMP errors that the director makes, and those that it passes on, each as its receiver sees it."""
import errno
import os
import socket

import pytest

import servers
from capture import Capture
from daemon import configuration, service
from lab import ADDRESS, MAC, VIP, Lab, wait_for
from scapy.layers.inet import ICMP
from traffic import (CLIENT, IP, UDP, Ether, IPerror, UDPerror, UdpClient, assert_checksums, curl,
                     ip_frames)

RS1 = ADDRESS["rs1"]
METHODS = ("dr", "tun", "nat")
IP_MTU_DISCOVER, IP_PMTUDISC_DO = 10, 2  # linux/in.h; Python has no names for them
CLOSED = 9999  # a UDP port on which no real server listens


@pytest.fixture
def lab():
    """One for each test: path MTUs that a kernel learned would help the next test."""
    with Lab() as made:
        servers.start_all(made)
        yield made


def upload(lab, method, size=1_000_000):
    source = lab.path("upload")
    with open(source, "wb") as file:
        file.write(os.urandom(size))
    curl(lab, f"http://{VIP[method]}/upload/copy", "--fail", "--upload-file", source, timeout=20)
    return source


def path_mtu(lab, address):
    words = lab.run("client", ["ip", "route", "get", address]).split()
    return int(words[words.index("mtu") + 1]) if "mtu" in words else None


def icmp_errors(frames, **wanted):
    return [packet for _, packet in ip_frames(frames, **wanted)
            if ICMP in packet and packet[ICMP].type in (3, 11)]


def test_tunnel_overhead_is_told_to_the_client(lab, lvsd):
    """Every link takes 1500 bytes, the tunnel 20 of them: with oversize: icmp, the client learns
    1480."""
    lvsd(configuration(service("web", f"{VIP['tun']}:80/tcp", "tun", RS1, oversize="icmp")))
    with Capture(lab, "client", ["eth0"]) as wire:
        source = upload(lab, "tun")
    with open(source, "rb") as sent, open(lab.path("rs1", "upload", "copy"), "rb") as stored:
        assert sent.read() == stored.read()
    assert path_mtu(lab, VIP["tun"]) == 1480
    told = icmp_errors(wire.frames, outgoing=False)
    assert told and told[0][ICMP].code == 4 and told[0][ICMP].nexthopmtu == 1480
    assert_checksums(told[0][IP])
    assert told[0][IPerror].dst == VIP["tun"] and told[0][IPerror].src == CLIENT


def test_a_split_tunnel_tells_nobody(lab, lvsd):
    """By default what does not fit is cut into segments that do: no ICMP is needed."""
    lvsd(configuration(service("web", f"{VIP['tun']}:80/tcp", "tun", RS1)))
    with Capture(lab, "client", ["eth0"]) as wire, Capture(lab, "rs1", ["eth0"]) as far:
        source = upload(lab, "tun")
    with open(source, "rb") as sent, open(lab.path("rs1", "upload", "copy"), "rb") as stored:
        assert sent.read() == stored.read()
    assert path_mtu(lab, VIP["tun"]) is None
    assert not icmp_errors(wire.frames, outgoing=False)
    outer = [packet for _, packet in ip_frames(far.frames, outgoing=False) if packet[IP].proto == 4]
    assert len(outer) > 1300 and max(len(packet[IP]) for packet in outer) == 1500
    for packet in outer:
        assert packet[IP].frag == 0 and not packet[IP].flags.MF
        assert_checksums(packet[IP])


def test_a_narrow_path_behind_the_tunnel_is_told_to_the_client(lab, lvsd):
    """The router's far link takes 1400 bytes. It tells the director, whose packet it was; the
    director tells the client what is left of it: 1380."""
    for space, device in (("router", "far"), ("rs4", "eth0")):
        lab.ip(space, f"link set {device} mtu 1400")
    servers.start_nginx(lab, "rs4")
    servers.start_tunnel_end(lab, "rs4")
    # What rs4 receives is larger than its link, so its own segments set no limit here.
    lab.ip("rs4", "route change default via 10.0.4.254 advmss 1460")
    lvsd(configuration(service("web", f"{VIP['tun']}:80/tcp", "tun", ADDRESS["rs4"])))
    source = upload(lab, "tun")
    with open(source, "rb") as sent, open(lab.path("rs4", "upload", "copy"), "rb") as stored:
        assert sent.read() == stored.read()
    assert path_mtu(lab, VIP["tun"]) == 1380


def test_datagrams_learn_what_a_narrow_tunnel_path_takes(lab, lvsd):
    """As above with UDP and DF: what is too large is refused, what the client is told fits."""
    for space, device in (("router", "far"), ("rs4", "eth0")):
        lab.ip(space, f"link set {device} mtu 1400")
    servers.start_udp_echo(lab, "rs4")
    servers.start_tunnel_end(lab, "rs4")
    lvsd(configuration(service("echo", f"{VIP['tun']}:5353/udp", "tun", ADDRESS["rs4"])))
    sizes = []
    with UdpClient(lab, VIP["tun"]) as client:
        client.socket.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
        for _ in range(60):
            size = (path_mtu(lab, VIP["tun"]) or 1500) - 28
            try:
                client.ask(os.urandom(size), timeout=0.5)
                sizes.append(size)
            except OSError as refused:  # too large for what is known by now, or never answered
                assert refused.errno in (errno.EMSGSIZE, None) or isinstance(refused, TimeoutError)
    assert path_mtu(lab, VIP["tun"]) == 1380
    assert len(sizes) >= 50 and set(sizes) == {1380 - 28}


@pytest.mark.parametrize("method", ("dr", "nat"))
def test_a_narrow_server_network_is_told_to_the_client(lab, lvsd, method):
    lab.ip("director", "link set be mtu 1300")
    lvsd(configuration(service("web", f"{VIP[method]}:80/tcp", method, RS1)))
    upload(lab, method)
    assert path_mtu(lab, VIP[method]) == 1300


@pytest.mark.parametrize("method", METHODS)
def test_a_closed_port_of_a_server_is_told_to_the_client(lab, lvsd, method):
    lvsd(configuration(service("none", f"{VIP[method]}:{CLOSED}/udp", method, RS1)))
    with Capture(lab, "client", ["eth0"]) as wire:
        with UdpClient(lab, VIP[method], CLOSED) as client, pytest.raises(ConnectionRefusedError):
            client.ask()
    told = icmp_errors(wire.frames, outgoing=False)
    assert len(told) == 1
    assert (told[0][ICMP].type, told[0][ICMP].code) == (3, 3)
    assert (told[0][IPerror].src, told[0][IPerror].dst) == (CLIENT, VIP[method])
    assert told[0][UDPerror].dport == CLOSED
    assert told[0][IP].src == VIP[method]
    assert_checksums(told[0][IP])


def test_a_mapped_port_is_mapped_back_in_the_quoted_packet(lab, lvsd):
    lvsd(configuration(service("none", f"{VIP['nat']}:{CLOSED}/udp", "nat", f"{RS1}:7777")))
    with UdpClient(lab, VIP["nat"], CLOSED) as client, pytest.raises(ConnectionRefusedError):
        client.ask()


def test_no_destination_is_told_as_port_unreachable(lab, lvsd):
    """All weights are 0: there is a service, but nobody to serve."""
    lvsd(configuration(service("quiet", f"{VIP['dr']}:5353/udp", "dr", (RS1, 0))))
    with UdpClient(lab, VIP["dr"]) as client, pytest.raises(ConnectionRefusedError):
        client.ask()


def test_the_clients_errors_reach_the_real_server(lab, lvsd):
    """Nobody waits for the answer any more: the client's port unreachable arrives at the server, about
    the packet as the server sent it."""
    lvsd(configuration(service("echo", f"{VIP['nat']}:5353/udp", "nat", RS1)))
    packet = IP(src=CLIENT, dst=VIP["nat"]) / UDP(sport=4444, dport=5353) / b"no socket here"
    frame = Ether(dst=MAC["director", "cl"], src=MAC["client", "eth0"]) / packet
    with Capture(lab, "rs1", ["eth0"]) as wire:
        lab.send_frame("client", "eth0", frame)
        wait_for(lambda: icmp_errors(wire.frames, outgoing=False), "the error at rs1")
    told = icmp_errors(wire.frames, outgoing=False)[0]
    assert (told[ICMP].type, told[ICMP].code) == (3, 3)
    assert (told[IP].src, told[IP].dst) == (CLIENT, RS1)
    assert (told[IPerror].src, told[IPerror].dst) == (RS1, CLIENT)
    assert (told[UDPerror].sport, told[UDPerror].dport) == (5353, 4444)
    assert_checksums(told[IP])


@pytest.mark.parametrize("method", METHODS)
def test_an_expired_ttl_is_told_to_the_client(lab, lvsd, method):
    lvsd(configuration(service("echo", f"{VIP[method]}:5353/udp", method, RS1)))
    packet = IP(src=CLIENT, dst=VIP[method], ttl=1) / UDP(sport=4445, dport=5353) / b"last hop"
    frame = Ether(dst=MAC["director", "cl"], src=MAC["client", "eth0"]) / packet
    with Capture(lab, "client", ["eth0"]) as wire:
        lab.send_frame("client", "eth0", frame)
        wait_for(lambda: icmp_errors(wire.frames, outgoing=False), "time exceeded")
    told = icmp_errors(wire.frames, outgoing=False)[0]
    assert (told[ICMP].type, told[ICMP].code) == (11, 0)
    assert (told[IPerror].dst, told[UDPerror].sport) == (VIP[method], 4445)
    assert_checksums(told[IP])


def test_bulk_over_a_path_that_narrows_under_way(lab, lvsd):
    """The path's MTU falls while an upload runs: the upload goes on."""
    lvsd(configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", RS1)))
    source = lab.path("upload")
    with open(source, "wb") as file:
        file.write(os.urandom(4_000_000))
    log = lab.path("narrow.log")
    open(log, "w", encoding="ascii").close()
    child = lab.start("client", ["curl", "--silent", "--show-error", "--fail", "--limit-rate", "4M",
                                 "--max-time", "20", "--upload-file", source,
                                 f"http://{VIP['nat']}/upload/copy"], log=log)
    wait_for(lambda: "ESTAB" in lab.run("client", ["ss", "-tn"]), "the upload to begin")
    lab.ip("director", "link set be mtu 1400")
    assert child.wait(25) == 0, servers.read(log)
    lab.children.remove(child)
    assert path_mtu(lab, VIP["nat"]) == 1400


def test_an_unknown_udp_port_of_the_vip_is_the_hosts_business(lab, lvsd):
    lvsd(configuration(service("echo", f"{VIP['dr']}:5353/udp", "dr", RS1)))
    with UdpClient(lab, VIP["dr"], 5354) as client, pytest.raises(ConnectionRefusedError):
        client.ask()
    with UdpClient(lab, VIP["dr"], 5353) as client:
        assert client.ask()[0] == "rs1"
