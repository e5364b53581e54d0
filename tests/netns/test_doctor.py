# SPDX-License-Identifier: GPL-2.0-or-later
"""lvsctl doctor: faults injected one at a time, each named, and nothing else with it."""
import os
import socket
import struct
import time
from contextlib import contextmanager

import pytest
from scapy.layers.l2 import ARP, Ether

import servers
from bare import Small, realserver
from capture import Capture
from daemon import Lvsd, configuration, service
from doctoring import VIP, VIP6, Ward, examine, names, text_of
from lab import LabError, wait_for


@pytest.fixture(scope="module")
def ward():
    with Ward() as made:
        yield made


def test_nothing_is_wrong(ward):
    for _ in range(3):
        report = examine(ward)
        assert names(report) == set(), report
        assert {row["result"] for row in report["destinations"]} == {"ok"}


def test_nothing_is_wrong_twenty_times(ward):
    for _ in range(20):
        assert names(examine(ward)) == set()


# ---- faults: each is done, and undone ------------------------------------------------------------
FAULTS = {}


def fault(name, severity="fault"):
    def register(function):
        FAULTS[function.__name__] = (name, severity, contextmanager(function))
        return function
    return register


@contextmanager
def setting(ward, space, key, value):
    before = ward.sysctl(space, key)
    ward.sysctl(space, key, value)
    yield
    ward.sysctl(space, key, before)


@contextmanager
def with_ip(ward, space, *commands):
    """`-addr add X` is done as `addr del X` and undone as `addr add X`, all others the other way."""
    turned = {"add": "del", "del": "add"}
    ward.ip(space, *commands)
    yield
    for command in reversed(commands):
        what, verb, rest = command.split(" ", 2)
        ward.ip(space, f"{what} {turned[verb]} {rest}")


@fault("realserver-answers-arp")
def arp_ignore_is_off(ward):
    with setting(ward, "rs1", "net/ipv4/conf/all/arp_ignore", 0), \
            setting(ward, "rs1", "net/ipv4/conf/eth0/arp_ignore", 0):
        yield


@fault("realserver-answers-arp")
def ipv6_vip_on_the_servers_interface(ward):
    """Its network interface, in the network of the VIP: only then is it asked."""
    ward.restart(text_of(service("flat6", "[fd00:2::100]:80/tcp", "dr", "fd00:2::11")))
    ward.ip("rs1", "addr add fd00:2::100/128 dev eth0 nodad")
    yield
    ward.ip("rs1", "addr del fd00:2::100/128 dev eth0")
    ward.restart()


@fault("arp-announce")
def arp_announce_is_off(ward):
    with setting(ward, "rs1", "net/ipv4/conf/all/arp_announce", 0), \
            setting(ward, "rs1", "net/ipv4/conf/eth0/arp_announce", 0):
        ward.ip("rs1", "neigh flush dev eth0")  # what it knows it need not ask for
        yield


@fault("two-directors")
def another_host_has_the_vip(ward):
    with with_ip(ward, "spare", f"addr add {VIP['dr']}/32 dev eth1"):
        yield


@fault("vip-missing")
def vip_missing_for_dr(ward):
    ward.ip("rs1", f"addr del {VIP['dr']}/32 dev lo")
    yield
    ward.ip("rs1", f"addr add {VIP['dr']}/32 dev lo")


@fault("vip-missing")
def ipv6_vip_missing_for_dr(ward):
    ward.ip("rs2", f"addr del {VIP6['dr']}/128 dev lo")
    yield
    ward.ip("rs2", f"addr add {VIP6['dr']}/128 dev lo nodad")


@contextmanager
def other_decapsulator(ward, host, *words):
    """In place of the one that `lvsctl realserver` started."""
    pid_file = ward.path(f"{host}-realserver", "decap.pid")
    program = os.path.join(servers.build_directory(), "lvsd-decap")
    ward.run(host, ["kill", servers.read(pid_file).strip()])
    wait_for(lambda: not os.path.exists(pid_file), "the end of lvsd-decap")
    if words:
        ward.run(host, [program, *words, "--detach", pid_file])
    yield
    if words:
        ward.run(host, ["kill", servers.read(pid_file).strip()])
        wait_for(lambda: not os.path.exists(pid_file), "the end of lvsd-decap")
    ward.treat(host)


@fault("decapsulator-missing")
def no_decapsulator(ward):
    with other_decapsulator(ward, "rs1"):
        yield


@fault("decapsulator-untrusting")
def decapsulator_trusts_another(ward):
    with other_decapsulator(ward, "rs1", "--vip", VIP["tun"], "--vip", VIP6["tun"],
                            "--from", "10.0.2.99", "--from", "fd00:2::99"):
        yield


@fault("vip-missing")
def decapsulator_without_the_vip(ward):
    with other_decapsulator(ward, "rs1", "--vip", "10.0.1.200", "--vip", VIP6["tun"],
                            "--from", "10.0.2.1", "--from", "fd00:2::1"):
        yield


@fault("realserver-rp-filter")
def strict_reverse_path_filter(ward):
    with setting(ward, "rs1", "net/ipv4/conf/lvsd-tun/rp_filter", 1):
        yield


@fault("nat-wrong-gateway")
def nat_answers_by_the_other_gateway(ward):
    rules = [line.split(":")[0] for line in ward.run("rs1", ["ip", "-4", "rule"]).splitlines()
             if "lookup 4201" in line]
    saved = ward.run("rs1", ["ip", "-4", "route", "show", "table", "4201"]).strip()
    # On-link clients go on being answered through the director.
    ward.ip("rs1", "route flush table 4201", "route add 10.0.2.0/24 via 10.0.2.1 table 4201")
    assert rules
    yield
    ward.ip("rs1", "route flush table 4201", f"route add {saved} table 4201")


@fault("nat-client-bypass")
def nat_answers_go_past_the_director(ward):
    with with_ip(ward, "rs1", "route add 10.0.2.0/24 dev eth0 table 4201"):
        yield
    # Else it goes on asking for the client, and the next examination hears that.
    ward.ip("rs1", "neigh flush dev eth0")


@fault("sends-redirects")
def redirects_are_sent(ward):
    key = "net/ipv4/conf/all/send_redirects"
    with setting(ward, "director", "net/ipv4/ip_forward", 1), setting(ward, "director", key, 1):
        # The daemon turns it off again whenever the network changes, as it may after the fault before.
        deadline, since = time.monotonic() + 10, time.monotonic()
        while time.monotonic() < min(deadline, since + 1):
            if ward.sysctl("director", key) != "1":
                ward.sysctl("director", key, 1)
                since = time.monotonic()
            time.sleep(0.05)
        yield


@fault("ip-forward", "note")
def ip_forward(ward):
    with setting(ward, "director", "net/ipv6/conf/all/forwarding", 1):
        yield


@fault("port-closed")
def port_closed(ward):
    ward.restart(text_of(service("closed", "10.0.1.104:81/tcp", "nat", "10.0.2.11:81")))
    yield
    ward.restart()


@fault("port-closed")
def udp_port_closed(ward):
    ward.restart(text_of(service("closed", VIP["udp"] + ":5354/udp", "dr", "10.0.2.11")))
    yield
    ward.restart()


@fault("port-closed")
def udp_port_closed_behind_a_tunnel(ward):
    ward.restart(text_of(service("closed", VIP["tun"] + ":5354/udp", "tun", "10.0.2.11")))
    yield
    ward.restart()


@contextmanager
def firewall(ward, *rule, tool="iptables"):
    ward.run("rs1", [tool, "-I", "INPUT", *rule])
    yield
    ward.run("rs1", [tool, "-D", "INPUT", *rule])


@fault("rejected")
def a_firewall_rejects_dr(ward):
    """With the answer that is the default, which for UDP would say that nothing listens."""
    with firewall(ward, "-d", VIP["dr"], "-p", "tcp", "--dport", "80", "-j", "REJECT"):
        yield


@fault("rejected")
def a_firewall_rejects_dr_of_ipv6(ward):
    with firewall(ward, "-d", VIP6["dr"], "-p", "tcp", "-j", "REJECT", "--reject-with",
                  "icmp6-adm-prohibited", tool="ip6tables"):
        yield


@fault("rejected")
def a_firewall_rejects_what_comes_out_of_the_tunnel(ward):
    with firewall(ward, "-d", VIP["tun"], "-p", "tcp", "-j", "REJECT"):
        yield


@fault("rejected")
def a_firewall_rejects_tunnels(ward):
    """GRE: for IP in IP, Linux answers nothing, as if there were a checksum of all that is wrong."""
    ward.restart(text_of(service("gre", f"{VIP['tun']}:81/tcp", "tun", "10.0.2.11", tunnel={"type": "gre"})))
    with firewall(ward, "-p", "gre", "-j", "REJECT", "--reject-with", "icmp-host-prohibited"):
        yield
    ward.restart()


@fault("rejected")
def a_firewall_rejects_nat(ward):
    with firewall(ward, "-d", "10.0.2.11", "-p", "tcp", "--dport", "80", "-j", "REJECT", "--reject-with",
                  "icmp-admin-prohibited"):
        yield


@fault("rejected")
def a_firewall_rejects_clients_of_nat(ward):
    """Whose errors come back through the director, too: the default route leads there."""
    ward.ip("rs1", "route replace default via 10.0.2.1")
    with firewall(ward, "-d", "10.0.2.11", "!", "-s", "10.0.2.0/24", "-p", "tcp", "-j", "REJECT"):
        yield
    ward.ip("rs1", "route replace default via 10.0.2.254")


@fault("neighbor-unresolved")
def server_is_away(ward):
    ward.restart(text_of(service("away", "10.0.1.104:80/tcp", "nat", "10.0.2.99")))
    yield
    ward.restart()


@fault("no-route")
def no_route(ward):
    ward.restart(text_of(service("far", "10.0.1.104:80/tcp", "nat", "10.0.5.11")))
    yield
    ward.restart()


@fault("dr-off-link")
def dr_behind_a_router(ward):
    ward.restart(text_of(service("far", "10.0.1.104:80/tcp", "dr", "10.0.4.11")))
    yield
    ward.restart()


@fault("tunnel-mtu")
def path_narrower_than_it_says(ward):
    """And no router tells: what a tunnel through another network does."""
    ward.restart(text_of(service("far", "10.0.1.104:80/tcp", "tun", "10.0.4.11")))
    servers.start_nginx(ward, "rs4")
    realserver(ward, "rs4", "apply", "-c", ward.daemon.file, "--director", "10.0.2.1")
    ward.run("router", ["ip", "link", "set", "far", "mtu", "1400"])
    ward.run("router", ["iptables", "-A", "OUTPUT", "-p", "icmp", "--icmp-type", "3/4", "-j", "DROP"])
    yield
    ward.run("router", ["iptables", "-F"])
    ward.run("router", ["ip", "link", "set", "far", "mtu", "1500"])
    realserver(ward, "rs4", "undo")
    ward.restart()


@fault("vip-not-local")
def vip_nowhere(ward):
    # The same file without announcing; the addresses of all but one are there by hand.
    vips = [*VIP.values(), *VIP6.values()]
    ward.restart(text_of(director={"announce": False}))
    held = [f"addr add {vip}/{'128' if ':' in vip else '32'} dev lo" for vip in vips[:-1]]
    with with_ip(ward, "director", *held):
        yield
    ward.restart()


@fault("rules-missing")
def rules_missing(ward):
    ward.restart(text_of(director={"capture": {"backend": "manual"}}, drop=("dr6", "tun6", "nat6")))
    yield
    ward.restart()


@fault("rules-shadowed")
def rules_shadowed(ward):
    ward.run("director", ["nft", "-f", "-"], stdin=(
        "table ip firewall { chain first { type filter hook prerouting priority -400; "
        f"ip daddr {VIP['dr']} tcp dport 80 drop\n ip daddr 192.0.2.0/24 drop\n ct state invalid drop\n }}\n}}\n"))
    yield
    ward.run("director", ["nft", "delete", "table", "ip", "firewall"])


@fault("daemon-not-running")
def daemon_is_away(ward):
    ward.daemon.stop()
    yield
    ward.daemon.start()


def read_queue(ward, number):
    """Another program takes it while the daemon is away."""
    ward.daemon.stop()
    other = ward.socket("director", socket.AF_NETLINK, socket.SOCK_RAW, 12)  # NETLINK_NETFILTER
    # NFQNL_MSG_CONFIG with NFQA_CFG_CMD: bind, as libnetfilter_queue sends it.
    other.send(struct.pack("=IHHII", 28, 0x302, 5, 1, 0) + struct.pack("!BBH", 0, 0, number)
               + struct.pack("=HH", 8, 1) + struct.pack("!BBH", 1, 0, 0))
    wait_for(lambda: ward.run("director", ["cat", "/proc/net/netfilter/nfnetlink_queue"]).strip(),
             "the other program")
    yield
    other.close()
    ward.daemon.start()


@fault("queue-taken")
def another_program_reads_our_queue(ward):
    yield from read_queue(ward, 0)


@fault("queue-taken")
def another_program_reads_the_queue_of_new_connections(ward):
    yield from read_queue(ward, 2)


@pytest.mark.parametrize("injected", sorted(FAULTS))
def test_a_fault_is_named(ward, injected):
    name, severity, inject = FAULTS[injected]
    with inject(ward):
        report = examine(ward)
    found = [one for one in report["findings"] if one["severity"] == severity]
    assert {one["name"] for one in found} == {name}, report["findings"]
    assert names(report) <= {name, "ip-forward"}, report["findings"]
    assert all(one["what"] and one["evidence"] and one["remedy"] for one in found)


def test_at_least_fifteen_faults_are_injected():
    assert len({name for name, severity, _ in FAULTS.values() if severity == "fault"}) >= 15


def test_redirects_to_clients_are_no_fault(ward):
    """They are switched off where NAT servers are; the clients' side is not asked for."""
    with setting(ward, "director", "net/ipv4/ip_forward", 1), \
            setting(ward, "director", "net/ipv4/conf/cl/send_redirects", 1):
        assert names(examine(ward)) == {"ip-forward"}


# ---- a server with three interfaces on one network ----------------------------------------------
class Triple(Small):
    LINKS = (("director", "eth0", "lan", ("10.0.2.1/24",)),
             *(("rs1", f"eth{i}", "lan", (f"10.0.2.1{i + 1}/24",)) for i in range(3)))


def replies(ward, address):
    """Who answers one question: all MACs, where arping itself shows the first."""
    with Capture(ward, "director", ["eth0"]) as wire:
        ward.run("director", ["arping", "-c", "1", "-w", "1", "-s", "10.0.2.1", "-I", "eth0", address], check=False)
        asked = sorted(wire.frames)
    answers = [Ether(frame.data) for frame in asked if frame.data[12:14] == b"\x08\x06"]
    return {one[ARP].hwsrc for one in answers if one[ARP].op == 2 and one[ARP].psrc == address}


def test_three_interfaces_answer_three_times_or_once():
    """The experiment with `arp_filter`, what it does to a VIP on lo, and what doctor says."""
    with Triple() as lab:
        servers.start_nginx(lab, "rs1")
        lab.ip("rs1", "addr add 10.0.2.100/32 dev lo")
        text = configuration(service("web", "10.0.2.100:80/tcp", "dr", "10.0.2.11"))
        with Lvsd(lab, text) as lab.daemon:
            assert len(replies(lab, "10.0.2.11")) == 3 and len(replies(lab, "10.0.2.100")) == 3
            report = examine(lab)
            assert names(report) == {"realserver-answers-arp", "duplicate-arp", "arp-announce"}
            claims = [one["evidence"] for one in report["findings"]
                      if one["name"] == "realserver-answers-arp"]
            assert len(claims) == 3 and all("02:00:00:00:10:" in claim for claim in claims)

            for device in ("eth0", "eth1", "eth2"):
                lab.sysctl("rs1", f"net/ipv4/conf/{device}/arp_filter", 1)
            assert len(replies(lab, "10.0.2.11")) == 1
            assert len(replies(lab, "10.0.2.100")) == 1, "arp_filter alone leaves one answer for the VIP"
            assert "realserver-answers-arp" in names(examine(lab))

            realserver(lab, "rs1", "apply", "-c", lab.daemon.file)
            assert len(replies(lab, "10.0.2.11")) == 1 and not replies(lab, "10.0.2.100")
            assert names(examine(lab)) == set()


class TwoNetworks(Small):
    """On one interface of the director's, the one that the server is not on first."""
    LINKS = (("director", "eth0", "lan", ("10.0.9.1/24", "10.0.2.1/24")),
             ("rs1", "eth0", "lan", ("10.0.2.11/24",)))


def test_arp_is_asked_as_the_address_on_that_network():
    """A server that answers its own network alone is not away, and hears nothing of another one."""
    with TwoNetworks() as lab:
        servers.start_nginx(lab, "rs1")
        lab.sysctl("rs1", "net/ipv4/conf/eth0/arp_ignore", 2)
        lab.ip("rs1", "addr add 10.0.2.100/32 dev lo")
        for scope in ("all", "eth0"):
            lab.sysctl("rs1", f"net/ipv4/conf/{scope}/arp_announce", 2)
        text = configuration(service("web", "10.0.2.100:80/tcp", "dr", "10.0.2.11"))
        with Lvsd(lab, text) as lab.daemon, Capture(lab, "rs1", ["eth0"]) as wire:
            report = examine(lab)
            asked = [Ether(frame.data)[ARP] for frame in sorted(wire.frames)
                     if frame.data[12:14] == b"\x08\x06"]
        assert names(report) == set(), report["findings"]
        sources = {one.psrc for one in asked if one.op == 1 and one.pdst.startswith("10.0.2.")}
        assert "10.0.2.1" in sources and "10.0.9.1" not in sources, sources


# ---- the words -----------------------------------------------------------------------------------
def test_the_table_for_people(ward):
    program = os.path.join(servers.build_directory(), "lvsctl")
    text = ward.run("director", [program, "doctor", "--run-dir", ward.daemon.run_dir])
    lines = text.splitlines()
    assert lines[0].split() == ["SERVICE", "DESTINATION", "METHOD", "RESULT"]
    assert ["dr", "10.0.2.11:80", "dr", "ok"] in [line.split() for line in lines]
    assert lines[-1] == "0 faults"


@pytest.mark.parametrize("words, message", [
    (["-c", "/does/not/exist"], "/does/not/exist"),
    (["--client", "nobody"], "--client nobody: not an IP address"),
    (["--patience", "long"], "patience"),
])
def test_what_it_cannot_do_is_status_2(ward, words, message):
    program = os.path.join(servers.build_directory(), "lvsctl")
    with pytest.raises(LabError, match=f"exit status 2\n.*{message}"):
        ward.run("director", [program, "doctor", "--run-dir", ward.daemon.run_dir, *words])
