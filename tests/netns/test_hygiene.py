# SPDX-License-Identifier: GPL-2.0-or-later
"""What lvsd leaves alone and what it defends: redirects, the host's firewall, its own addresses."""
import os
import signal

import pytest

import servers
from bare import Flat, realserver
from capture import Capture
from daemon import Lvsd, configuration, service
from lab import ADDRESS, ADDRESS6, VIP as LAB_VIP, VIP6, Lab, run, wait_for
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_Redirect, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether
from traffic import curl, curl_many

VIP, OWN_VIP6, RIPS = "10.0.2.100", "fd00:2::100", ("10.0.2.11", "10.0.2.12")
METHODS = ("dr", "tun", "nat")
SENDS = ("net/ipv4/conf/all/send_redirects", "net/ipv4/conf/eth0/send_redirects")


@pytest.fixture(scope="module")
def flat():
    with Flat() as lab:
        for host in ("rs1", "rs2"):
            servers.start_nginx(lab, host)
        yield lab


def nat(vip=VIP, **more):
    return configuration(service("web", f"{vip}:80/tcp", "nat", *RIPS), **more)


# ---- redirects -----------------------------------------------------------------------------------
def test_no_redirects_while_it_runs(flat):
    """One network, NAT, and a kernel that forwards, too: without care, it tells the server of the
    client's own address, and the next answer goes past the director."""
    flat.sysctl("director", "net/ipv4/ip_forward", 1)
    for key in SENDS:
        flat.sysctl("director", key, 1)
    with Lvsd(flat, nat()) as lvsd:
        for host in ("rs1", "rs2"):
            realserver(flat, host, "apply", "-c", lvsd.file, "--director", "10.0.2.1")
        assert [flat.sysctl("director", key) for key in SENDS] == ["0", "0"]
        with Capture(flat, "rs1", ["eth0"]) as wire:
            # Something that is not lvsd's, by way of the director to a neighbour: the kernel's.
            flat.ip("rs1", "route add 10.0.2.2/32 via 10.0.2.1")
            flat.run("rs1", ["ping", "-c", "2", "-i", "0.2", "10.0.2.2"])
            flat.ip("rs1", "route del 10.0.2.2/32")
            assert curl_many(flat, VIP, 4, source="10.0.2.2") == {"rs1": 2, "rs2": 2}
        assert not redirects(wire.frames)
        lvsd.stop(signal.SIGKILL)
        assert [flat.sysctl("director", key) for key in SENDS] == ["0", "0"]
        lvsd.start()
    assert [flat.sysctl("director", key) for key in SENDS] == ["1", "1"], "also after a kill"
    with Capture(flat, "rs1", ["eth0"]) as wire:  # and so it would have been
        flat.ip("rs1", "route add 10.0.2.2/32 via 10.0.2.1")
        flat.run("rs1", ["ping", "-c", "2", "-i", "0.2", "10.0.2.2"])
        wait_for(lambda: redirects(wire.frames), "a redirect")
        flat.ip("rs1", "route del 10.0.2.2/32", "route flush cache")
    for host in ("rs1", "rs2"):
        realserver(flat, host, "undo")
    flat.sysctl("director", "net/ipv4/ip_forward", 0)


def test_no_redirects_of_ipv6_while_it_runs(flat):
    """There is no setting against them; a rule of lvsd's drops those to NAT destinations."""
    flat.sysctl("director", "net/ipv6/conf/all/forwarding", 1)

    def told(done=lambda wire: True):
        """Something that is not lvsd's, by way of the director to a neighbour."""
        flat.ip("rs1", "route add fd00:2::2/128 via fd00:2::1")
        with Capture(flat, "rs1", ["eth0"]) as wire:
            flat.run("rs1", ["ping", "-c", "3", "-i", "0.2", "fd00:2::2"])
            wait_for(lambda: done(wire.frames), "a redirect")
        flat.ip("rs1", "route del fd00:2::2/128 via fd00:2::1", "route flush cache")
        return redirects6(wire.frames)
    try:
        with Lvsd(flat, configuration(service("web", f"[{OWN_VIP6}]:80/tcp", "nat", "fd00:2::11"))) as lvsd:
            assert not told()
            lvsd.reload(configuration(service("web", f"[{OWN_VIP6}]:80/tcp", "dr", "fd00:2::11")))
            assert told(redirects6), "nothing is NAT now"
        assert told(redirects6), "and so it would have been"
    finally:
        flat.sysctl("director", "net/ipv6/conf/all/forwarding", 0)


def redirects6(frames):
    packets = [Ether(frame.data) for frame in list(frames) if frame.data[12:14] == b"\x86\xdd"]
    return [one for one in packets if ICMPv6ND_Redirect in one]


def redirects(frames):
    packets = [Ether(frame.data) for frame in list(frames) if frame.data[12:14] == b"\x08\x00"]
    return [one for one in packets if ICMP in one and one[ICMP].type == 5]


def test_settings_follow_a_reload(flat):
    with Lvsd(flat, nat()) as lvsd:
        assert flat.sysctl("director", SENDS[0]) == "0"
        lvsd.reload(configuration(service("web", f"{VIP}:80/tcp", "dr", *RIPS)))
        assert flat.sysctl("director", SENDS[0]) == "1"


# ---- defence -------------------------------------------------------------------------------------
def defended(interval, *services):
    return configuration(*services, director={"announce": {"defend": interval}})


def claims(lvsd):
    return lvsd.ctl_json("status")["status"]["conflicts"]


@pytest.mark.parametrize("vip, thief", [(VIP, "02:00:00:00:66:04"), (OWN_VIP6, "02:00:00:00:66:06")])
def test_a_thief_is_named_counted_and_answered(flat, vip, thief):
    web = service("web", f"[{vip}]:80/tcp" if ":" in vip else f"{vip}:80/tcp", "dr",
                  "fd00:2::11" if ":" in vip else "10.0.2.11")
    if ":" in vip:
        frame = Ether(src=thief, dst="33:33:00:00:00:01") / IPv6(src=vip, dst="ff02::1") / \
            ICMPv6ND_NA(tgt=vip, R=0, S=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr=thief)
    else:
        frame = Ether(src=thief, dst="ff:ff:ff:ff:ff:ff") / \
            ARP(op=1, hwsrc=thief, psrc=vip, pdst=vip)
    with Lvsd(flat, defended("2s", web)) as lvsd:
        own = flat.mac("director", "eth0")
        # Its own first announcements are over.
        with Capture(flat, "client", ["eth0"]) as first:
            wait_for(lambda: len(announcements(first.frames, vip, own)) >= 2, "announcements")
        with Capture(flat, "client", ["eth0"]) as wire:
            for _ in range(20):
                flat.send_frame("rs2", "eth0", frame)
            wait_for(lambda: claims(lvsd)["packets"] >= 20, "the count")
            wait_for(lambda: announcements(wire.frames, vip, own), "the answer")
        assert len(announcements(wire.frames, vip, own)) <= 2, "bounded: once in two seconds"
        assert claims(lvsd)["addresses"] == [{"address": vip, "mac": thief, "packets": 20}]
        told = [line for line in lvsd.log().splitlines() if thief in line]
        assert len(told) == 1 and vip in told[0]
        assert thief in lvsd.ctl("status")


def announcements(frames, vip, mac):
    found = []
    for frame in list(frames):
        packet = Ether(frame.data)
        if packet.src != mac:
            continue
        if ARP in packet and packet[ARP].psrc == packet[ARP].pdst == vip:
            found.append(packet)
        if ICMPv6ND_NA in packet and packet[ICMPv6ND_NA].tgt == vip and packet.dst == "33:33:00:00:00:01":
            found.append(packet)
    return found


def test_it_can_be_told_to_look_on(flat):
    web = service("web", f"{VIP}:80/tcp", "dr", RIPS[0])
    thief = "02:00:00:00:66:07"
    frame = Ether(src=thief, dst="ff:ff:ff:ff:ff:ff") / ARP(op=2, hwsrc=thief, psrc=VIP, pdst=VIP)
    with Lvsd(flat, defended("1s", web)) as lvsd:
        own = flat.mac("director", "eth0")
        with Capture(flat, "client", ["eth0"]) as first:
            wait_for(lambda: len(announcements(first.frames, VIP, own)) >= 2, "announcements")
        lvsd.reload(defended("never", web))
        with Capture(flat, "client", ["eth0"]) as wire:
            flat.send_frame("rs2", "eth0", frame)
            wait_for(lambda: claims(lvsd)["packets"] == 1, "the count")
            flat.run("client", ["ping", "-c", "1", "10.0.2.1"])
        assert not announcements(wire.frames, VIP, own)


def listeners(lvsd):
    """The protocols that the director's packet sockets receive; a sender's is 0, all is 3."""
    lines = lvsd.lab.run("director", ["cat", "/proc/net/packet"]).splitlines()[1:]
    return sorted({line.split()[3] for line in lines} - {"0000"})


def test_it_listens_for_the_protocols_of_its_addresses_only(flat):
    # What listens for all has each packet copied that the director forwards.
    web = service("web", f"{VIP}:80/tcp", "dr", RIPS[0])
    web6 = service("web6", f"[{OWN_VIP6}]:80/tcp", "dr", "fd00:2::11")
    with Lvsd(flat, configuration(web, web6)) as lvsd:
        assert listeners(lvsd) == ["0806", "86dd"]
        lvsd.reload(configuration(web))
        assert listeners(lvsd) == ["0806"]
        lvsd.reload(configuration(web, web6))
        assert listeners(lvsd) == ["0806", "86dd"]
        lvsd.reload(configuration(web, web6, director={"announce": False}))
        assert listeners(lvsd) == []


# ---- martians ------------------------------------------------------------------------------------
def martians(vip):
    """Lines of the kernel's log; the address is nobody else's."""
    log = run(["dmesg"])
    return [line for line in log.splitlines() if "martian source" in line and f"from {vip}" in line]


@pytest.mark.parametrize("method", METHODS)
def test_traffic_of_services_logs_no_martians(flat, method):
    """All on one network, where the director hears whatever is sent to everybody."""
    vip = {"dr": "10.0.2.177", "nat": "10.0.2.178", "tun": "10.0.2.179"}[method]
    if not os.access("/dev/kmsg", os.R_OK):
        pytest.skip("the kernel's log is not readable here")
    flat.sysctl("director", "net/ipv4/conf/all/log_martians", 1)
    before = set(martians(vip))  # an earlier run's; the log forgets the oldest
    try:
        with Lvsd(flat, configuration(service("web", f"{vip}:80/tcp", method, *RIPS))) as lvsd:
            for host in ("rs1", "rs2"):
                realserver(flat, host, "apply", "-c", lvsd.file, "--director", "10.0.2.1")
            assert curl_many(flat, vip, 20, source="10.0.2.2") == {"rs1": 10, "rs2": 10}
            assert not set(martians(vip)) - before
            # What would be logged: an answer that comes to the director's own stack.
            stray = Ether(dst=flat.mac("director", "eth0")) / IP(src=vip, dst="10.0.2.1") / UDP()

            def told():  # the kernel limits how often it says so
                flat.send_frame("rs1", "eth0", stray)
                return set(martians(vip)) - before

            wait_for(told, "the kernel's word on it", timeout=30.0)
    finally:
        flat.sysctl("director", "net/ipv4/conf/all/log_martians", 0)
        for host in ("rs1", "rs2"):
            realserver(flat, host, "undo")


# ---- the host's firewall -------------------------------------------------------------------------
FIREWALL = """
table inet firewall {
  chain input {
    type filter hook input priority 0; policy drop;
    iif lo accept
    ct state invalid drop
    ct state established,related accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
    %s
  }
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state invalid drop
    ct state established,related accept
  }
}
"""


NEIGHBORS = "add rule inet firewall input icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n"


@pytest.mark.parametrize("stage", ("early", "late"))
def test_beside_a_firewall_with_connection_tracking(stage):
    """Policy drop, invalid dropped, established accepted, and the services' ports open: needed at
    stage late alone, where requests pass INPUT first."""
    with Lab() as lab:
        servers.start_all(lab, ("rs1", "rs2"))
        for host in ("rs1", "rs2"):
            servers.start_any_tunnel_end(lab, host, [VIP6["tun"]])
        opened = (f"ip daddr {{ {', '.join(LAB_VIP.values())} }} tcp dport 80 accept; "
                  f"ip6 daddr {{ {', '.join(VIP6.values())} }} tcp dport 80 accept")
        lab.run("director", ["nft", "-f", "-"], stdin=FIREWALL % opened)
        text = configuration(
            *(service(method, f"{LAB_VIP[method]}:80/tcp", method, *RIPS) for method in METHODS),
            *(service(method + "6", f"[{VIP6[method]}]:80/tcp", method, *(ADDRESS6[one] for one in ("rs1", "rs2")))
              for method in METHODS),
            director={"capture": {"stage": stage}})
        ways = [(ADDRESS["client"], LAB_VIP[method]) for method in METHODS]
        ways += [(ADDRESS6["client"], f"[{VIP6[method]}]") for method in METHODS]
        with Lvsd(lab, text):
            for client, vip in ways:
                assert curl_many(lab, vip, 4, source=client) == {"rs1": 2, "rs2": 2}, vip
            files = lab.path("files")
            with open(files + "/large", "wb") as file:
                file.write(bytes(3_000_000))
            for _, vip in ways:
                sizes = curl(lab, f"http://{vip}/files/large", "--output", "/dev/null",
                             "--write-out", "%{size_download}")
                assert sizes.strip() == "3000000", vip
            # Closed again: late is behind the firewall, early is before it.
            lab.run("director", ["nft", "-f", "-"], stdin="flush chain inet firewall input\n" + NEIGHBORS)
            for vip in (LAB_VIP["dr"], f"[{VIP6['dr']}]"):
                got = curl(lab, f"http://{vip}/", timeout=2, check=False).strip()
                assert (got in ("rs1", "rs2")) == (stage == "early"), vip
