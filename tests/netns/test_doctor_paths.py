# SPDX-License-Identifier: GPL-2.0-or-later
"""lvsctl doctor: what only answers to clients tell, and silence. One service at a time, so that what
is found is about that one."""
from contextlib import contextmanager

import pytest

import servers
from bare import Small, realserver
from daemon import Lvsd, configuration, service
from doctoring import Ward, examine, names
from lab import wait_for

VIP = "10.0.1.104"


@pytest.fixture(scope="module")
def ward():
    with Ward() as made:
        for host in ("rs1", "rs2"):
            realserver(made, host, "undo")
        yield made


@contextmanager
def serving(ward, method, *hosts, listen=f"{VIP}:80/tcp", rip="10.0.2.11", more=()):
    """That service on one server, which `lvsctl realserver` has set up unless no host is named."""
    ward.restart(configuration(service("web", listen, method, rip)))
    for host in hosts:
        realserver(ward, host, "apply", "-c", ward.daemon.file, "--director", "10.0.2.1", *more)
    try:
        yield
    finally:
        for host in hosts:
            realserver(ward, host, "undo")


@contextmanager
def firewall(ward, *rule, host="rs1"):
    ward.run(host, ["iptables", "-I", "INPUT", *rule])
    try:
        yield
    finally:
        ward.run(host, ["iptables", "-D", "INPUT", *rule])


def found(ward, *words):
    report = examine(ward, *words)
    assert {row["result"] for row in report["destinations"]} != {"ok"} or not names(report, "fault"), report
    return {(one["name"], one["severity"]) for one in report["findings"]}


# ---- the way back ----------------------------------------------------------------------------------
def test_datagrams_of_nat_that_come_back_elsewhere(ward):
    with serving(ward, "nat", listen=f"{VIP}:5353/udp"):
        assert found(ward) == {("nat-wrong-gateway", "fault")}
    with serving(ward, "nat", "rs1", listen=f"{VIP}:5353/udp", more=("--clients", "10.0.2.0/24")):
        assert found(ward) == set()


def test_datagrams_of_nat_that_nobody_answers(ward):
    """As of a server that takes no empty ones: then an echo request tells, or nothing does."""
    with firewall(ward, "-p", "udp", "-j", "DROP"):
        with serving(ward, "nat", listen=f"{VIP}:5353/udp"):
            assert found(ward) == {("nat-wrong-gateway", "cannot tell")}
            with ward_route(ward, "default via 10.0.2.1"):
                assert found(ward) == set()


@contextmanager
def ward_route(ward, route):
    ward.ip("rs1", f"route replace {route}")
    try:
        yield
    finally:
        ward.ip("rs1", "route replace default via 10.0.2.254")


def test_nat_that_cannot_be_asked_by_port(ward):
    with serving(ward, "nat", listen=f"{VIP}:9/sctp"):
        assert found(ward) == {("nat-wrong-gateway", "cannot tell")}
        with ward_route(ward, "default via 10.0.2.1"):
            assert found(ward) == set()


def test_nat_clients_on_the_servers_network_are_noted(ward):
    """Where the virtual address is elsewhere, they may not exist."""
    with serving(ward, "nat", "rs1"):
        assert found(ward) == {("nat-client-bypass", "note")}
    with serving(ward, "nat", "rs1", more=("--clients", "10.0.2.0/24")):
        assert found(ward) == set()


@pytest.mark.parametrize("method", ["dr", "tun"])
def test_answers_without_a_way_to_clients(ward, method):
    with serving(ward, method, "rs1"):
        assert found(ward) == set()
        ward.ip("rs1", "route del default")
        try:
            assert found(ward) == {("no-way-back", "fault")}
        finally:
            ward.ip("rs1", "route add default via 10.0.2.254")


def test_a_strict_reverse_path_filter_drops_clients_of_dr(ward):
    with serving(ward, "dr", "rs1"):
        ward.ip("rs1", "link add v0 type veth peer name v1", "link set v0 up", "link set v1 up",
                "addr add 10.77.0.2/24 dev v0", "route add 10.0.1.0/24 via 10.77.0.1 dev v0")
        ward.sysctl("rs1", "net/ipv4/conf/eth0/rp_filter", 1)
        try:
            assert found(ward) == {("realserver-rp-filter", "fault")}
        finally:
            ward.sysctl("rs1", "net/ipv4/conf/eth0/rp_filter", 0)
            ward.ip("rs1", "link del v0")


def test_a_way_back_that_cannot_be_seen_is_noted(ward):
    """One network, and clients behind a gateway: their answers pass this host by."""
    with serving(ward, "dr", "rs1", listen="10.0.2.100:80/tcp"):
        assert found(ward) == set()
        ward.ip("director", "link set cl down", "route add default via 10.0.2.254")
        try:
            assert found(ward) == {("way-back-unseen", "note")}
            # A strict filter is seen even so: it does not answer ARP.
            ward.ip("rs1", "route del default")
            ward.sysctl("rs1", "net/ipv4/conf/eth0/rp_filter", 1)
            assert found(ward) == {("realserver-rp-filter", "cannot tell")}
        finally:
            ward.sysctl("rs1", "net/ipv4/conf/eth0/rp_filter", 0)
            ward.ip("rs1", "route replace default via 10.0.2.254")
            ward.ip("director", "route del default", "link set cl up",
                    "addr replace fd00:1::1/64 dev cl nodad")


# ---- silence ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["dr", "tun", "nat"])
def test_a_port_that_says_nothing(ward, method):
    clients = ("--clients", "10.0.2.0/24") if method == "nat" else ()
    with serving(ward, method, "rs1", more=clients):
        target = "10.0.2.11" if method == "nat" else VIP
        with firewall(ward, "-d", target, "-p", "tcp", "--dport", "80", "-j", "DROP"):
            assert found(ward) == {("port-silent", "fault")}
        with firewall(ward, "-p", "tcp", "--dport", "80", "-j", "DROP"):
            assert found(ward) == {("port-silent", "fault")}


def test_a_server_that_hangs(ward):
    """Its queue of connections is full, and the kernel takes no more."""
    with serving(ward, "dr", "rs1", listen=f"{VIP}:82/tcp"):
        server = ward.start("rs1", ["python3", "-c", (
            "import socket, time\ns = socket.socket()\ns.bind(('', 82))\ns.listen(0)\n"
            "held = [socket.socket() for _ in range(4)]\n"
            "for one in held:\n    one.setblocking(False)\n    one.connect_ex(('127.0.0.1', 82))\n"
            "time.sleep(600)")])
        try:
            wait_for(lambda: ":82" in ward.run("rs1", ["ss", "-Htn", "state", "syn-sent"]), "a full queue")
            assert found(ward) == {("port-silent", "fault")}
        finally:
            server.kill()
            server.wait()


# ---- tunnels ---------------------------------------------------------------------------------------
def test_a_narrow_path_that_says_so_is_noted(ward):
    with serving(ward, "tun", rip="10.0.4.11"):
        servers.start_nginx(ward, "rs4")
        realserver(ward, "rs4", "apply", "-c", ward.daemon.file, "--director", "10.0.2.1")
        ward.ip("router", "link set far mtu 1400")
        try:
            report = examine(ward)
            assert [(one["name"], one["severity"]) for one in report["findings"]] == [("tunnel-mtu", "note")]
            assert "1400 bytes" in report["findings"][0]["what"]
            assert "via 10.0.2.254 dev be mtu 1400" in report["findings"][0]["remedy"]
            assert {row["result"] for row in report["destinations"]} == {"ok"}
        finally:
            ward.ip("router", "link set far mtu 1500")
            realserver(ward, "rs4", "undo")


@pytest.mark.parametrize("method, tunnel, name", [
    ("dr", None, "vip-missing"), ("tun", None, "decapsulator-missing"),
    ("tun", {"type": "gre"}, "decapsulator-missing"),
    ("tun", {"type": "gue", "port": 7000}, "decapsulator-missing"), ("nat", None, "nat-wrong-gateway")])
def test_the_remedy_mends_it_as_it_is_printed(ward, method, tunnel, name):
    more = {"tunnel": tunnel} if tunnel else {}
    ward.restart(configuration(service("web", f"{VIP}:80/tcp", method, "10.0.2.11", **more)))
    remedy, = [one["remedy"] for one in examine(ward)["findings"] if one["name"] == name]
    words = remedy.split(",")[0].split("lvsctl realserver ")[1].split()
    realserver(ward, "rs1", *words)
    try:
        assert names(examine(ward), "fault") == set()
    finally:
        realserver(ward, "rs1", "undo")


# ---- who answers ARP -------------------------------------------------------------------------------
def test_a_real_server_that_answers_by_another_interface(ward):
    """`spare` is on both networks; what it answers on the clients' has a MAC that nobody knows."""
    ward.restart(configuration(service("web", f"{VIP}:80/tcp", "dr", "10.0.2.66")))
    servers.start_nginx(ward, "spare")
    ward.ip("spare", f"addr add {VIP}/32 dev lo")
    ward.sysctl("spare", "net/ipv4/conf/eth0/arp_ignore", 1)
    ward.sysctl("spare", "net/ipv4/conf/all/arp_announce", 2)
    try:
        report = examine(ward)
        assert names(report) == {"realserver-answers-arp"}, report["findings"]
        assert "10.0.2.66" in report["findings"][0]["what"] and "arp_ignore=1" in report["findings"][0]["remedy"]
        assert [row["result"] for row in report["destinations"]] == ["fault"]
        ward.sysctl("spare", "net/ipv4/conf/all/arp_ignore", 1)
        assert names(examine(ward)) == set()
    finally:
        ward.ip("spare", f"addr del {VIP}/32 dev lo")
        for key in ("eth0/arp_ignore", "all/arp_announce", "all/arp_ignore"):
            ward.sysctl("spare", f"net/ipv4/conf/{key}", 0)


class Tiny(Small):
    LINKS = (("director", "eth0", "lan", ("10.0.2.1/29",)), ("client", "eth0", "lan", ("10.0.2.2/29",)),
             ("rs1", "eth0", "lan", ("10.0.2.3/29",)))
    FULL = (("client", "10.0.2.5/29"), ("client", "10.0.2.6/29"))


def test_a_small_network():
    """Any free address will do to ask as; without one, that is said."""
    with Tiny() as lab:
        servers.start_nginx(lab, "rs1")
        lab.daemon = Lvsd(lab, configuration(service("web", "10.0.2.4:80/tcp", "nat", "10.0.2.3")))
        with lab.daemon:
            assert names(examine(lab)) == {"nat-client-bypass"}
            for host, address in Tiny.FULL:
                lab.ip(host, f"addr add {address} dev eth0")
            lab.ip("rs1", "neigh flush dev eth0")
            report = examine(lab)
            assert names(report) == {"not-asked"} and report["cannot_tell"] == 1, report
            for host, address in Tiny.FULL:
                lab.ip(host, f"addr del {address} dev eth0")
        lab.daemon = Lvsd(lab, configuration(service("web", "10.0.2.4:80/tcp", "dr", "10.0.2.3")))
        with lab.daemon:
            lab.ip("rs1", "addr add 10.0.2.4/32 dev lo", "neigh flush dev eth0")
            lab.sysctl("rs1", "net/ipv4/conf/all/arp_ignore", 1)
            assert names(examine(lab)) == {"arp-announce"}
            lab.sysctl("rs1", "net/ipv4/conf/all/arp_announce", 2)
            lab.ip("rs1", "neigh flush dev eth0")
            assert names(examine(lab)) == set()
