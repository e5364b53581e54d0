# SPDX-License-Identifier: GPL-2.0-or-later
"""man/lvsd-tutorial.7: from bare hosts to each method by the page's own commands, and what it shows of
each leg is what is captured."""
import os
import re
import subprocess

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import ARP, Ether

import servers
from bare import Small
from capture import Capture
from daemon import Lvsd
from lab import wait_for
from traffic import curl

PAGE = os.path.join(servers.SOURCE, "man", "lvsd-tutorial.7")
VIP = {"dr": "10.0.1.100", "tun": "10.0.1.101", "nat": "10.0.1.102"}
RIP = "10.0.2.11"


class Classroom(Small):
    LINKS = (("client", "eth0", "brcl", ("10.0.1.2/24",)),
             ("director", "cl", "brcl", ("10.0.1.1/24",)),
             ("router", "cl", "brcl", ("10.0.1.254/24",)),
             ("director", "be", "brbe", ("10.0.2.1/24",)),
             ("router", "be", "brbe", ("10.0.2.254/24",)),
             ("rs1", "eth0", "brbe", (RIP + "/24",)),
             ("rs1", "eth1", "brbe", ()), ("rs1", "eth2", "brbe", ()))
    ROUTES = (("rs1", "default via 10.0.2.254"), ("client", "default via 10.0.1.254"))
    FORWARDING = ("router",)


@pytest.fixture(scope="module")
def room():
    with Classroom() as lab:
        servers.start_nginx(lab, "rs1")
        lab.ip("rs1", "link set eth1 down", "link set eth2 down")  # for the ARP matter only
        yield lab


def page():
    with open(PAGE, encoding="ascii") as file:
        return file.read()


def shown(packet):
    """Short MACs, and addresses from the outside in; only the connection's first packets."""
    ips = []
    layer = packet.getlayer(IP)
    while layer is not None:
        ips.append(f"{layer.src} > {layer.dst}")
        inner = layer.payload.getlayer(IP)
        layer = inner
    flags = {"S": "SYN", "SA": "SYN-ACK"}.get(str(packet[TCP].flags))
    macs = f"{packet.src[-5:]} > {packet.dst[-5:]}"
    return flags and f"{flags:8}{macs:15}{' / '.join(ips)}"


def lines_of(wires):
    lines = []
    for name, wire in wires.items():
        for frame in sorted(list(wire.frames)):
            packet = Ether(frame.data)
            text = shown(packet) if IP in packet and TCP in packet else None
            if text and f"{name:8}{text}" not in lines:
                lines.append(f"{name:8}{text}")
    return lines


def legs(lab, vip):
    """What passes each wire, in order: at the client, and at the real server."""
    with Capture(lab, "client", ["eth0"]) as near, Capture(lab, "rs1", ["eth0"]) as far:
        wires = {"client": near, "rs1": far}
        assert curl(lab, f"http://{vip}/").strip() == "rs1"
        wait_for(lambda: len(lines_of(wires)) >= 4, lambda: f"the legs, not {lines_of(wires)}")
        return lines_of(wires)


def blocks():
    return re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", page(), re.S | re.M)


def file_of(method):
    """The page's file; for the other methods with what the page says of them in it."""
    text = next(block for block in blocks() if "lvsd.yaml" in block and "services:" in block)
    if method == "dr":
        return text
    words = re.search(rf"^With\n\.Ql method: {method}\nand\n\.Ql (listen: [^ \n]+)", page(), re.M)
    return text.replace("method: dr", f"method: {method}").replace(f"listen: {VIP['dr']}:80/tcp", words[1])


def commands_of(method):
    """Those for the director, and the one for the real server."""
    found = [line for block in blocks() for line in block.splitlines() if re.match(r"(lvsd|lvsctl|systemctl) ", line)]
    director = [line for line in found if "realserver" not in line]
    assert [line.split()[0] for line in director] == ["lvsd", "systemctl", "lvsctl"], director
    there, = (line for line in found if f"apply --vip {VIP[method]} --method {method} " in line)
    return director, there


@pytest.mark.parametrize("method", ("dr", "tun", "nat"))
def test_each_method_from_bare_hosts(room, method):
    """systemctl cannot be here (tests/systemd/run does that), and files are in other places."""
    (check, _, doctor), apply = commands_of(method)
    daemon = Lvsd(room, file_of(method))
    build, state = servers.build_directory(), room.path("tutorial", "state.json")

    def run(space, command, *more):
        words = [daemon.file if word == "/etc/lvsd/lvsd.yaml" else word for word in command.split()]
        return subprocess.run(room.command(space, [os.path.join(build, words[0]), *words[1:], *more]), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    done = run("director", check)
    assert done.returncode == 0, done.stdout
    with daemon:
        done = run("director", doctor, "--run-dir", daemon.run_dir)
        assert done.returncode == 1 and (method != "dr" or "vip-missing" in done.stdout), done.stdout
        done = run("rs1", apply, "--state", state)
        assert done.returncode == 0, done.stdout
        try:
            done = run("director", doctor, "--run-dir", daemon.run_dir)
            assert done.returncode == 0, done.stdout
            seen = legs(room, VIP[method])
            missing = [line for line in seen if line not in page()]
            assert len(seen) == 4 and not missing, "\n".join(seen)
        finally:
            room.run("rs1", [os.path.join(build, "lvsctl"), "realserver", "undo", "--state", state])


def test_the_arp_matter(room):
    """Three interfaces on one network, a VIP on lo: who answers, before and after."""
    room.ip("rs1", "link set eth1 up", "link set eth2 up", "addr add 10.0.2.12/24 dev eth1", "addr add 10.0.2.13/24 dev eth2",
            "addr add 10.0.2.100/32 dev lo")

    def answers():
        with Capture(room, "director", ["be"]) as wire:
            room.run("director", ["arping", "-c", "1", "-w", "1", "-I", "be", "10.0.2.100"], check=False)
        packets = [Ether(frame.data) for frame in sorted(wire.frames)]  # it is over: all is read
        return sorted({f"10.0.2.100 is-at {one[ARP].hwsrc}" for one in packets
                       if ARP in one and one[ARP].op == 2 and one[ARP].psrc == "10.0.2.100"})
    three = answers()
    assert len(three) == 3 and all(line in page() for line in three), three
    program, state = os.path.join(servers.build_directory(), "lvsctl"), room.path("arp", "state.json")
    room.run("rs1", [program, "realserver", "apply", "--vip", "10.0.2.100", "--method", "dr", "--state", state])
    wait_for(lambda: not answers(), "silence", timeout=5)
    room.run("rs1", [program, "realserver", "undo", "--state", state])
    room.ip("rs1", "addr del 10.0.2.100/32 dev lo", "addr del 10.0.2.12/24 dev eth1",
            "addr del 10.0.2.13/24 dev eth2", "link set eth1 down", "link set eth2 down")
