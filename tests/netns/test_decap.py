# SPDX-License-Identifier: GPL-2.0-or-later
"""lvsd-decap on a real server, without a director: hand-made tunnel packets."""
import os
import signal

import pytest

import servers
from capture import Capture
from lab import ADDRESS, ADDRESS6, MAC, VIP, VIP6, Lab, LabError, wait_for
from scapy.layers.inet import ICMP, IPerror
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import GRE
from traffic import CLIENT, IP, UDP, Ether, assert_checksums, ip_frames

DIRECTOR, RS1 = ADDRESS["director"], ADDRESS["rs1"]


@pytest.fixture(scope="module")
def lab():
    with Lab() as made:
        if servers.kernel_has_tunl0(made, "rs1"):
            pytest.skip("this kernel's own tunl0 takes the packets; lvsd-decap is not used here")
        servers.start_udp_echo(made, "rs1")
        yield made


@pytest.fixture
def decap(lab):
    child = servers.start_tunnel_end(lab, "rs1")
    yield child
    lab.stop(child)


def send(lab, payload, source=DIRECTOR, protocol=4):
    frame = Ether(src=MAC["director", "be"], dst=MAC["rs1", "eth0"]) / \
        IP(src=source, dst=RS1, proto=protocol) / payload
    lab.send_frame("director", "be", frame)


def question(**fields):
    return IP(src=CLIENT, dst=VIP["tun"], **fields) / UDP(sport=4000, dport=5353) / b"hello"


def test_the_inner_packet_is_delivered_and_answered_directly(lab, decap):
    with Capture(lab, "client", ["eth0"]) as wire:
        send(lab, question())
        wait_for(lambda: list(ip_frames(wire.frames, outgoing=False)), "the answer")
    _, answer = next(ip_frames(wire.frames, outgoing=False))
    assert (answer[IP].src, answer[UDP].sport) == (VIP["tun"], 5353)
    assert bytes(answer[UDP].payload) == f"rs1 {CLIENT} 4000 hello".encode()
    assert servers.decap_counters(lab, "rs1", decap)["delivered"] == 1


def test_strangers_and_nonsense_are_refused_and_counted(lab, decap):
    send(lab, question(), source="10.0.2.12")
    send(lab, b"not a packet")
    send(lab, bytes(question())[:-1])

    def counted():
        counters = servers.decap_counters(lab, "rs1", decap)
        return counters["untrusted"] == 1 and counters["malformed-inner"] == 2 and counters
    assert wait_for(counted, "the counters")["delivered"] == 0


def test_it_takes_its_device_along(lab):
    child = servers.start_tunnel_end(lab, "rs1", device="tun-brief")
    assert VIP["tun"] in lab.run("rs1", ["ip", "-o", "addr", "show", "dev", "tun-brief"])
    assert lab.stop(child) == 0
    assert "tun-brief" not in lab.run("rs1", ["ip", "-o", "link"])


@pytest.mark.parametrize("arguments, message", [
    (["--from", DIRECTOR], "--vip is missing"),
    (["--vip", VIP["tun"]], "--from is missing"),
    (["--vip", "10.0.3.300", "--from", DIRECTOR], "10.0.3.300: not an IP address"),
    (["--vip", VIP["tun"], "--from", "everyone"], "everyone: not an IP address or prefix"),
    (["--vip", VIP["tun"], "--from", DIRECTOR, "--device", "x" * 16], "1 to 15 characters"),
    (["--vip", VIP["tun"], "--from", DIRECTOR, "--tunnel", "vxlan"], "vxlan: it is ipip, gre or gue"),
    (["--vip", VIP["tun"], "--from", DIRECTOR, "--tunnel", "gre", "--gue-port", "6080"],
     "--gue-port needs --tunnel gue"),
    (["--vips", VIP["tun"]], "unrecognised option"),
])
def test_wrong_arguments_are_explained(lab, arguments, message):
    program = os.path.join(servers.build_directory(), "lvsd-decap")
    with pytest.raises(LabError, match=f"exit status 1\n.*{message}"):
        lab.run("rs1", [program, *arguments], timeout=5)


def test_strict_reverse_path_filtering_does_not_matter(lab):
    """The larger of the device's setting and of `all` counts: loose wins over strict."""
    lab.sysctl("rs1", "net/ipv4/conf/all/rp_filter", 1)
    try:
        child = servers.start_tunnel_end(lab, "rs1")
        try:
            assert lab.sysctl("rs1", "net/ipv4/conf/tun0/rp_filter") == "2"
            with Capture(lab, "client", ["eth0"]) as wire:
                send(lab, question())
                wait_for(lambda: list(ip_frames(wire.frames, outgoing=False)), "the answer")
        finally:
            lab.stop(child)
    finally:
        lab.sysctl("rs1", "net/ipv4/conf/all/rp_filter", 0)


READ_ONLY = ["unshare", "-m", "sh", "-c", "mount --bind /proc/sys /proc/sys && "
             "mount -o remount,bind,ro /proc/sys && exec \"$@\"", "sh"]


@pytest.mark.parametrize("strict", [False, True])
def test_settings_that_cannot_be_written(lab, strict):
    """As in a container. Only where a setting would have to be changed does that matter."""
    key = "net/ipv4/conf/all/rp_filter"
    with pytest.raises(LabError, match="Read-only file system"):
        lab.run("rs1", [*READ_ONLY, "sh", "-c", f"echo 1 > /proc/sys/{key}"])
    log, program = lab.path("rs1-decap.log"), os.path.join(servers.build_directory(), "lvsd-decap")
    lab.sysctl("rs1", key, int(strict))
    try:
        child = servers.start_until_ready(
            lab, "rs1", [*READ_ONLY, program, "--device", "tun0", "--from", DIRECTOR],
            [VIP["tun"], VIP6["tun"]], log)
        try:
            assert ("warning: cannot write net.ipv4.conf.tun0.rp_filter" in servers.read(log)) == strict
            packet, protocol = question(), 4
            if strict:
                packet = IPv6(src=ADDRESS6["client"], dst=VIP6["tun"]) / UDP(sport=4000, dport=5353) / b"hello"
                protocol = 41
            with Capture(lab, "client", ["eth0"]) as wire:
                send(lab, packet, protocol=protocol)
                wait_for(lambda: [frame for frame in wire.frames if not frame.outgoing
                                  and Ether(frame.data).haslayer(UDP)], "the answer")
            assert servers.decap_counters(lab, "rs1", child)["delivered"] == 1
        finally:
            lab.stop(child)
    finally:
        lab.sysctl("rs1", key, 0)


@pytest.mark.parametrize("vips, source, code", [((VIP["tun"],), "10.0.2.12", 13),
                                                ((VIP["nat"],), DIRECTOR, 1)])
def test_refusals_are_told(lab, vips, source, code):
    """A stranger, and an address that is not on the device; the answer quotes the tunnel packet."""
    child = servers.start_tunnel_end(lab, "rs1", vips=vips)
    try:
        with Capture(lab, "rs1", ["eth0"]) as wire:
            send(lab, question(), source=source)

            def told():
                for _, frame in ip_frames(wire.frames, outgoing=True):
                    if ICMP in frame and frame[ICMP].type == 3:
                        return frame
                return None
            answer = wait_for(told, "the ICMP error")
        assert (answer[IP].dst, answer[ICMP].code) == (source, code)
        assert (answer[IPerror].src, answer[IPerror].dst, answer[IPerror].proto) == (source, RS1, 4)
        assert_checksums(answer[IP])
    finally:
        lab.stop(child)


def test_other_tunnels_of_the_host_are_left_alone(lab, decap):
    """A raw socket gets their packets, too; an error would tell their other ends that nobody is there."""
    inner = IP(src="10.9.0.1", dst="10.9.0.2") / UDP(sport=4000, dport=5353) / b"hello"
    with Capture(lab, "rs1", ["eth0"]) as wire:
        for _ in range(3):
            send(lab, inner, source="10.0.2.12")
            send(lab, GRE() / inner, source="10.0.2.12", protocol=47)
            send(lab, b"what another tunnel has inside", source="10.0.2.12")
        wait_for(lambda: servers.decap_counters(lab, "rs1", decap)["foreign"] == 9, "the counters")
        send(lab, question(), source="10.0.2.12")  # for an address of ours: told
        errors = wait_for(lambda: [frame for _, frame in ip_frames(wire.frames, outgoing=True)
                                   if ICMP in frame and frame[ICMP].type == 3], "the ICMP error")
    assert [error[ICMP].code for error in errors] == [13]
    assert errors[0][IPerror].proto == 4
    counters = servers.decap_counters(lab, "rs1", decap)
    assert (counters["untrusted"], counters["delivered"], counters["malformed-inner"]) == (1, 0, 0)


@pytest.mark.parametrize("words, vips, protocols", [
    ([], [VIP["tun"]], {1, 4, 47}),
    ([], [VIP["tun"], VIP6["tun"]], {1, 4, 41, 47}),
    (["--tunnel", "ipip"], [VIP["tun"]], {1, 4}),
    (["--tunnel", "gre"], [VIP["tun"]], {1, 47}),
    (["--tunnel", "gue"], [VIP["tun"]], {1}),
    (["--tunnel", "gue", "--tunnel", "ipip", "--gue-port", "6081"], [VIP6["tun"]], {1, 41}),
])
def test_only_those_sockets_are_open_that_are_needed(lab, words, vips, protocols):
    """Protocol 1 is that of the answers to refused packets; it receives nothing."""
    child = servers.start_tunnel_end(lab, "rs1", vips=vips, more=words)
    try:
        lines = lab.run("rs1", ["cat", "/proc/net/raw"]).splitlines()[1:]
        assert {int(line.split()[1].split(":")[1], 16) for line in lines} == protocols
        bound = lab.run("rs1", ["ss", "-Huln"])
        for port in ("6080", "6081"):
            wanted = "gue" in words and ("6081" if "--gue-port" in words else "6080") == port
            assert (f":{port} " in bound) == wanted
        if words == ["--tunnel", "gre"]:
            with Capture(lab, "client", ["eth0"]) as wire:
                send(lab, GRE() / question(), protocol=47)
                wait_for(lambda: list(ip_frames(wire.frames, outgoing=False)), "the answer")
    finally:
        lab.stop(child)


def test_it_detaches_once_it_is_ready(lab):
    program, pid_file = os.path.join(servers.build_directory(), "lvsd-decap"), lab.path("decap.pid")
    lab.run("rs1", [program, "--vip", VIP["tun"], "--vip", VIP6["tun"], "--from", DIRECTOR,
                    "--detach", pid_file])
    addresses = lab.run("rs1", ["ip", "-o", "addr", "show", "dev", "lvsd-tun"])
    assert f"{VIP['tun']}/32" in addresses and f"{VIP6['tun']}/128" in addresses
    pid = int(servers.read(pid_file))
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        assert "CapEff:\t0000000000000000" in status.read()
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not os.path.exists(pid_file), "its end")
    with pytest.raises(LabError, match="name 'x{16}' is not of"):
        lab.run("rs1", [program, "--vip", VIP["tun"], "--from", DIRECTOR, "--device", "x" * 16,
                        "--detach", pid_file])


def test_it_can_be_started_again_at_once(lab):
    for _ in range(2):
        lab.stop(servers.start_tunnel_end(lab, "rs1"))
