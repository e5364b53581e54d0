# SPDX-License-Identifier: GPL-2.0-or-later
"""Every reason for which lvsd drops a packet, provoked: by frames on the wire where the kernel lets
such a packet through to lvsd, else in replay. Each is found in the recorder's file by tshark, in the
metrics, and in `lvsctl list --drops`. A new reason fails here until something provokes it."""
import json
import os
import re
import socket
import subprocess
from contextlib import closing

import pytest

from daemon import configuration, replay, service
from lab import ADDRESS, ADDRESS6, MAC, VIP, VIP6, wait_for
from servers import build_directory

scapy = pytest.importorskip("scapy.all")
IP, IPv6, TCP, UDP, ICMP, SCTP, Raw = (scapy.IP, scapy.IPv6, scapy.TCP, scapy.UDP, scapy.ICMP,
                                       scapy.SCTP, scapy.Raw)
CLIENT, RS1, RS4 = ADDRESS["client"], ADDRESS["rs1"], ADDRESS["rs4"]
NOBODY, UNREACHABLE = "10.0.2.99", "203.0.113.9"
METRICS = ("127.0.0.1", 9811)

# The kernel's ip_rcv and ipv6_rcv discard these before any rule of netfilter sees them, so a live
# lvsd meets them only in captures.
IN_REPLAY = {
    "truncated-ip": bytes(IP(src=CLIENT, dst=VIP["nat"]) / UDP(dport=53) / (b"x" * 50))[:60],
    "bad-ip-version": bytes(IP(src=CLIENT, dst=VIP["nat"], version=5, ihl=5) / UDP(dport=53)),
    "bad-ip-length": bytes(IP(src=CLIENT, dst=VIP["nat"], ihl=4) / UDP(dport=53)),
    "bad-ip-checksum": bytes(IP(src=CLIENT, dst=VIP["nat"], chksum=1) / UDP(dport=53)),
    "bad-ip-address": bytes(IPv6(src="::ffff:10.0.1.2", dst=VIP6["nat"]) / UDP(dport=53)),
}
# Both edges leave kPacketHeadroom before each packet, more than the largest outer header takes; the
# unit tests have a packet without. And no file is taken that names a loopback address: a unit test, too.
NOWHERE = {"no-headroom", "local-masquerade"}

LIVE = {}


def provokes(reason, *services, **more):
    """Registers what provokes it: a configuration, and a function of the site (see below)."""
    def register(act):
        LIVE[reason] = (configuration(*services, **more), act)
        return act
    return register


class Site:
    """The laboratory with a daemon in it, and frames to send to it."""

    def __init__(self, lab, daemon):
        self.lab, self.daemon = lab, daemon

    def send(self, *packets, space="client", to="cl"):
        for packet in packets:
            frame = scapy.Ether(src=MAC[space, "eth0"], dst=MAC["director", to]) / packet
            self.lab.send_frame(space, "eth0", bytes(frame))

    def connections(self):
        listed = self.daemon.ctl_json("list")["services"]
        return sum(each["statistics"]["connections"] for each in listed)

    def open(self, packet):
        """Sends it, and waits until it has become a connection."""
        before = self.connections()
        self.send(packet)
        wait_for(lambda: self.connections() > before, "a connection")


def nat(*rows, listen="80/tcp", **more):
    address, _, rest = listen.rpartition(":")
    return service("nat", f"{address or VIP['nat']}:{rest}", "nat", *rows, **more)


def udp(sport=4000, dport=80, dst=VIP["nat"], **ip):
    return IP(src=CLIENT, dst=dst, **ip) / UDP(sport=sport, dport=dport) / b"hello"


def syn(sport=4000, dport=80, dst=VIP["nat"], **ip):
    return IP(src=CLIENT, dst=dst, **ip) / TCP(sport=sport, dport=dport, flags="S")


def later_fragment(offset=64, identity=7, size=64):
    return IP(src=CLIENT, dst=VIP["nat"], id=identity, frag=offset, proto=17) / Raw(b"x" * size)


@provokes("truncated-transport", nat(RS1, listen="80/sctp"))
def association_without_a_chunk(site):
    site.send(IP(src=CLIENT, dst=VIP["nat"]) / SCTP(sport=4000, dport=80))


@provokes("bad-tcp-length", nat(RS1))
def tcp_header_of_16_bytes(site):
    site.send(IP(src=CLIENT, dst=VIP["nat"]) / TCP(sport=4000, dport=80, flags="S", dataofs=4))


@provokes("bad-icmp-checksum", nat(RS1, listen="80/udp"))
def damaged_error_about_a_connection(site):
    site.open(udp())
    quoted = IP(src=VIP["nat"], dst=CLIENT) / UDP(sport=80, dport=4000) / b"hello"
    site.send(IP(src=CLIENT, dst=VIP["nat"]) / ICMP(type=3, code=3, chksum=1) / quoted)


@provokes("later-fragment", nat(listen="80/udp"))
def rest_of_a_dropped_datagram(site):
    first = IP(src=CLIENT, dst=VIP["nat"], id=7, flags="MF") / UDP(dport=80, len=136) / (b"x" * 64)
    site.send(first, later_fragment(9))


@provokes("no-destination", nat())
def service_without_destinations(site):
    site.send(syn())


@provokes("connection-table-full", nat(RS1), director={"connections": {"limit": 1}})
def second_connection_of_one(site):
    site.send(syn(4000), syn(4001))


@provokes("no-route", nat(UNREACHABLE))
def destination_beyond_all_routes(site):
    site.send(syn())


@provokes("neighbor-unresolved", nat(NOBODY))
def destination_that_does_not_answer(site):
    site.send(syn())


@provokes("neighbor-queue-full", nat(NOBODY, listen="80/udp"))
def more_than_wait_for_a_neighbour(site):
    site.send(*(udp(4000 + i) for i in range(80)))


@provokes("ttl-exceeded", nat(RS1))
def last_hop(site):
    site.send(syn(ttl=1))


@provokes("fragmentation-needed", service("tun", f"{VIP['tun']}:80/udp", "tun", RS1))
def full_packet_into_a_tunnel(site):
    site.send(IP(src=CLIENT, dst=VIP["tun"], flags="DF") / UDP(dport=80) / (b"x" * 1472))


@provokes("mtu-too-small", service("tun", f"{VIP['tun']}:80/udp", "tun", ADDRESS6["rs1"]))
def ipv6_tunnel_over_the_smallest_link(site):
    way = f"{ADDRESS6['rs1']}/128 dev be mtu 1280"
    site.lab.ip("director", "route add " + way)
    try:
        wait_for(lambda: "1280" in site.daemon.ctl("network"), "lvsd to know the route")
        site.send(udp(dst=VIP["tun"]))
        yield
    finally:
        site.lab.ip("director", "route del " + way)


@provokes("icmp-consumed", service("tun", f"{VIP['tun']}:80/udp", "tun", RS4))
def router_complains_about_a_tunnel_packet(site):
    site.open(udp(dst=VIP["tun"]))
    inner = udp(dst=VIP["tun"])
    outer = IP(src=ADDRESS["director"], dst=RS4, proto=4) / inner
    error = IP(src="10.0.2.254", dst=ADDRESS["director"]) / ICMP(type=3, code=4, nexthopmtu=1400)
    frame = scapy.Ether(src=MAC["router", "be"], dst=MAC["director", "be"]) / error / outer
    site.lab.send_frame("router", "be", bytes(frame))


def with_device(site, add, address, act):
    """A device of its own for one destination; `act` once lvsd knows it."""
    site.lab.ip("director", *add, f"addr add {address} dev odd")
    try:
        wait_for(lambda: "odd" in site.daemon.ctl("network"), "lvsd to know the device")
        act()
        yield
    finally:
        site.lab.ip("director", "link del odd")


@provokes("link-down", nat("10.0.7.2"))
def interface_without_carrier(site):
    # An end of a pair is up, the other is down.
    yield from with_device(site, ["link add odd type veth peer name even", "link set odd up"],
                           "10.0.7.1/24", lambda: site.send(syn()))


@provokes("no-link-address", service("dr", f"{VIP['dr']}:80/tcp", "dr", "10.0.7.2"))
def direct_routing_over_a_tun_device(site):
    yield from with_device(site, ["tuntap add odd mode tun", "link set odd up"], "10.0.7.1/24",
                           lambda: site.send(syn(dst=VIP["dr"])))


@provokes("fragment-timeout", nat(RS1, listen="80/udp"))
def fragment_whose_first_never_comes(site):
    site.send(later_fragment())


@provokes("fragment-queue-full", nat(RS1, listen="80/udp"))
def more_fragments_than_wait(site):
    site.send(*(later_fragment(8 + 8 * i) for i in range(80)))


@provokes("destination-removed", nat(RS1, listen="80/udp"), ipvs={"expire_nodest_conn": False})
def packet_for_what_was_removed(site):
    site.open(udp())
    site.daemon.reload(configuration(nat(ADDRESS["rs2"], listen="80/udp"),
                                     ipvs={"expire_nodest_conn": False}))
    site.send(udp())


@provokes("drop-packet", nat(RS1), ipvs={"drop_packet": "on", "am_droprate": 1})
def defence_against_floods(site):
    site.send(syn())


@provokes("no-call-id", nat(RS1, listen="80/udp", persistence={"timeout": "300s", "engine": "sip"}))
def call_without_its_name(site):
    site.send(udp())


@provokes("stray-reply", nat(RS1), ipvs={"nat_icmp_send": True})
def server_speaks_out_of_turn(site):
    site.send(IP(src=RS1, dst=CLIENT) / TCP(sport=80, dport=4000, flags="A"), space="rs1", to="be")


@provokes("sctp-fragment", nat(f"{RS1}:8080", listen="80/sctp"))
def half_an_association(site):
    init = SCTP(sport=4000, dport=80) / scapy.SCTPChunkInit(init_tag=1)
    site.send(IP(src=CLIENT, dst=VIP["nat"], id=7, flags="MF", proto=132) /
              Raw(bytes(init).ljust(64, b"\0")))


@provokes("bad-tcp-checksum", nat(RS1, listen="21/tcp"))
def damaged_segment_of_ftp(site):
    site.send(IP(src=CLIENT, dst=VIP["nat"]) / TCP(sport=4000, dport=21, flags="S", chksum=1))


@provokes("drained", nat(RS1, listen="80/udp"))
def packet_after_the_end_of_a_drain(site):
    site.open(udp())
    site.daemon.ctl("drain", RS1, "--deadline", "1s", "--on-deadline", "reset")
    site.daemon.await_log("the deadline of its drain has passed")

    def refused():  # once the worker knows
        site.send(udp())
        return "drained" in listed(site.daemon)

    wait_for(refused, "a refused packet")


@provokes("bad-ip-options", nat(RS1))
def timestamp_option_too_short(site):
    site.send(syn(options=[scapy.IPOption(b"\x44\x03\x05")]))


@provokes("source-route", nat(RS1))
def sender_says_the_way(site):
    site.send(syn(options=[scapy.IPOption_LSRR(routers=["10.0.1.9"])]))


@provokes("no-hairpin-port", nat(RS1, (ADDRESS["rs2"], 0), listen="82/udp",
                                 hairpin={"masquerade": ADDRESS["director"]}))
def real_server_with_more_connections_than_ports(site):
    """61000 to 65535."""
    link = bytes(scapy.Ether(src=MAC["rs2", "eth0"], dst=MAC["director", "be"], type=0x800))
    packet = bytearray(bytes(IP(src=ADDRESS["rs2"], dst=VIP["nat"]) / UDP(dport=82, chksum=0)))
    with closing(site.lab.socket("rs2", socket.AF_PACKET, socket.SOCK_RAW)) as out:
        out.bind(("eth0", 0))
        for port in range(10000, 10000 + 4536 + 64):
            packet[20:22] = port.to_bytes(2, "big")
            out.send(link + packet)


PROBE_MARKS = 0x4c560000
VIA_SERVICE = service("dr", f"{VIP['dr']}:80/tcp", "dr", RS1, ADDRESS["rs2"],
                      health={"type": "tcp", "via": "service"})


def marked_socket(site, mark):
    out = site.lab.socket("director", socket.AF_INET, socket.SOCK_DGRAM)
    out.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
    out.bind((ADDRESS["director"], 0))
    return closing(out)


@provokes("probe-unplaced", VIA_SERVICE)
def mark_of_checks_on_a_packet_of_somebody_else(site):
    with marked_socket(site, PROBE_MARKS) as out:
        out.sendto(b"hello", (RS4, 80))


def probe_mark(key):
    """As src/config/probe_path.cc has it: FNV-1a of the service's key, folded to 16 bits."""
    value = 2166136261
    for byte in key.encode():
        value = (value ^ byte) * 16777619 & 0xffffffff
    return PROBE_MARKS | (value ^ value >> 16) & 0xffff


@provokes("probe-busy", VIA_SERVICE)
def one_port_asks_two_servers(site):
    with marked_socket(site, probe_mark(f"{VIP['dr']}:80/tcp")) as out:
        out.sendto(b"hello", (RS1, 81))
        out.sendto(b"hello", (ADDRESS["rs2"], 81))


# ---- looking for them ----------------------------------------------------------------------------
def comments(path):
    """The packets' comments, according to tshark."""
    done = subprocess.run(["tshark", "-r", path, "-T", "fields", "-e", "frame.comment"], text=True,
                          capture_output=True, check=True)
    return done.stdout.splitlines()


def metrics(lab):
    """Drops by reason."""
    with closing(lab.socket("director", 2, 1)) as out:
        out.settimeout(10)
        out.connect(METRICS)
        out.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        page = b"".join(iter(lambda: out.recv(65536), b"")).decode()
    found = re.findall(r'^lvsd_dropped_packets_total\{reason="([a-z-]+)"\} (\d+)$', page, re.M)
    return {reason: int(count) for reason, count in found}


def listed(daemon):
    """Drops by reason, as lvsctl list --drops prints them."""
    rows = (line.split() for line in daemon.ctl("list", "--drops").splitlines())
    return {row[2]: int(row[1]) for row in rows if row[0] == "dropped"}


def start(lvsd, text):
    return lvsd(text, options=["--metrics"])


def test_no_reason_is_left_out(lab, lvsd):
    start(lvsd, configuration(nat(RS1)))
    assert set(metrics(lab)) == set(LIVE) | set(IN_REPLAY) | NOWHERE


@pytest.mark.parametrize("reason", LIVE)
def test_it_is_found_wherever_one_looks(lab, lvsd, reason):
    text, act = LIVE[reason]
    daemon = start(lvsd, text)
    assert reason not in listed(daemon)
    running = act(Site(lab, daemon))
    if running is not None:
        next(running)
    try:
        wait_for(lambda: reason in listed(daemon),
                 lambda: f"{reason} in lvsctl list --drops:\n{daemon.ctl('status')}", timeout=45.0)
        assert metrics(lab)[reason] >= 1
        path = lab.path(f"{reason}.pcapng")
        daemon.ctl("capture", "--drops", path)
        assert any(line.startswith(reason + ": ") for line in comments(path)), comments(path)
    finally:
        if running is not None:
            next(running, None)


@pytest.mark.parametrize("reason", IN_REPLAY)
def test_what_the_kernel_discards_is_found_in_replay(lab, reason):
    config, capture, drops, report = (lab.path(f"{reason}.{end}")
                                      for end in ("yaml", "pcap", "pcapng", "json"))
    with open(config, "w", encoding="utf-8") as file:
        file.write(configuration(nat(RS1, listen="53/udp"),
                                 nat(ADDRESS6["rs1"], listen=f"[{VIP6['nat']}]:53/udp") |
                                 {"name": "nat6"}))
    with scapy.PcapWriter(capture, linktype=101) as out:
        out.write(IN_REPLAY[reason])
    status, said = replay("-c", config, "--in", capture, "--drops", drops, "--json", report)
    assert status == 0, said
    assert reason in said
    assert [line.split(":")[0] for line in comments(drops)] == [reason]
    with open(report, encoding="utf-8") as file:
        assert reason in json.dumps(json.load(file))
    done = subprocess.run([os.path.join(build_directory(), "lvsctl"), "list", "--from", report, "--drops"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, check=False)
    assert done.returncode == 0 and re.search(rf"^  dropped +1  {reason} ", done.stdout, re.M), done.stdout
