# SPDX-License-Identifier: GPL-2.0-or-later
"""Services by firewall mark, with marks of the host's own rules, and services of any port."""
import pytest

from daemon import capture_rules, configuration, destinations
from lab import ADDRESS, ADDRESS6, SERVERS, VIP, VIP6
from traffic import curl, curl_many, headers

RIPS = [ADDRESS[server] for server in SERVERS]
RIPS6 = [ADDRESS6[server] for server in SERVERS]
ELSEWHERE = "10.0.3.150"  # goes by way of the director, and is nobody's address


@pytest.fixture(params=("early", "late"))
def stage(request):
    return {"capture": {"stage": request.param}}


@pytest.fixture
def mark(lab):
    """mark(7, "-d", ...) marks what matches in mangle, where firewalls do."""
    made = []

    def add(number, *match, chain="PREROUTING", program="iptables"):
        rule = [chain, *match, "-j", "MARK", "--set-mark", str(number)]
        lab.run("director", [program, "-t", "mangle", "-A", *rule])
        made.append([program, "-t", "mangle", "-D", *rule])

    yield add
    for command in made:
        lab.run("director", command)


def by_mark(number, method, *rows, **more):
    return {"name": f"mark-{number}", "fwmark": number, "method": method, "scheduler": "rr", **more,
            "destinations": destinations(*rows)}


def served(lab, url, *options):
    return curl(lab, url, "--header", "Connection: close", *options).strip()


def test_ports_of_one_mark_are_one_service(lab, lvsd, mark):
    """Grouped, and with persistence a client has the same server on both ports."""
    for port in ("80", "8080"):
        mark(7, "-d", VIP["dr"], "-p", "tcp", "--dport", port)
    lvsd(configuration(by_mark(7, "dr", *RIPS, persistence={"timeout": "60s"})))
    seen = set()
    for last in range(1, 7):
        source = f"10.1.0.{last}"
        first = served(lab, f"http://{VIP['dr']}/", "--interface", source)
        assert served(lab, f"http://{VIP['dr']}:8080/", "--interface", source) == first
        seen.add(first)
    assert seen == set(SERVERS)


def test_nat_keeps_the_port_of_any_address(lab, lvsd, mark):
    """The addresses are not the director's: what is marked is captured wherever it goes."""
    mark(8, "-d", VIP["nat"], "-p", "tcp", "--dport", "80")
    mark(8, "-d", ELSEWHERE, "-p", "tcp", "--dport", "8080")
    lvsd(configuration(by_mark(8, "nat", *RIPS)))
    assert headers(lab, f"http://{VIP['nat']}/")["x-local"].endswith(":80")
    assert headers(lab, f"http://{ELSEWHERE}:8080/")["x-local"].endswith(":8080")
    assert curl_many(lab, ELSEWHERE + ":8080", 6) == {"rs1": 2, "rs2": 2, "rs3": 2}


def test_a_mark_goes_before_an_address(lab, lvsd, mark, stage):
    mark(7, "-s", "10.1.0.9", "-d", VIP["nat"])
    plain = {"name": "web", "listen": f"{VIP['nat']}:80/tcp", "method": "nat", "scheduler": "rr",
             "destinations": destinations(RIPS[0])}
    lvsd(configuration(by_mark(7, "nat", RIPS[1]), plain, director=stage))
    assert curl_many(lab, VIP["nat"], 2) == {"rs1": 2}
    assert curl_many(lab, VIP["nat"], 2, "10.1.0.9") == {"rs2": 2}
    assert "1 received" in lab.run("client", ["ping", "-c", "1", "-W", "2", "-I", "10.1.0.9",
                                              VIP["nat"]]), "an echo request is not captured"


def test_ipv6(lab, lvsd, mark):
    for vip in (VIP6["nat"], "fd00:3::150"):
        mark(7, "-d", vip, "-p", "tcp", program="ip6tables")
    lvsd(configuration(by_mark(7, "nat", *RIPS6, family="ipv6")))
    for vip in (VIP6["nat"], "fd00:3::150"):
        assert curl_many(lab, f"[{vip}]", 3, ADDRESS6["client"]) == {"rs1": 1, "rs2": 1, "rs3": 1}


def test_a_client_on_the_director(lab, lvsd, mark):
    """Marked at OUTPUT, on its way to an address that is not the director's."""
    lab.ip("director", "route add 10.0.3.0/24 via 10.0.2.254")
    try:
        mark(7, "-d", ELSEWHERE, chain="OUTPUT")
        lvsd(configuration(by_mark(7, "nat", *RIPS)))
        answers = sorted(lab.run("director", ["curl", "--silent", "--max-time", "2",
                                              f"http://{ELSEWHERE}/"], check=False).strip()
                         for _ in range(3))
        assert answers == ["rs1", "rs2", "rs3"]
    finally:
        lab.ip("director", "route del 10.0.3.0/24")


@pytest.mark.parametrize("method", ("dr", "nat"))
def test_any_port(lab, lvsd, stage, method):
    lvsd(configuration({"name": "all", "listen": f"{VIP[method]}/tcp", "method": method,
                        "scheduler": "rr", "persistence": {"timeout": "60s"},
                        "destinations": destinations(*RIPS)}, director=stage))
    seen = set()
    for last in range(1, 7):
        source = f"10.1.0.{last}"
        first = served(lab, f"http://{VIP[method]}/", "--interface", source)
        assert served(lab, f"http://{VIP[method]}:8080/", "--interface", source) == first
        seen.add(first)
    assert seen == set(SERVERS)


def test_stop_leaves_the_hosts_own_rules(lab, lvsd, mark):
    mark(7, "-d", VIP["dr"])
    before = capture_rules(lab)
    assert "0x7" in before or "0x00000007" in before
    daemon = lvsd(configuration(by_mark(7, "dr", *RIPS)))
    assert curl_many(lab, VIP["dr"], 3) == {"rs1": 1, "rs2": 1, "rs3": 1}
    assert capture_rules(lab) != before
    assert daemon.stop() == 0
    assert capture_rules(lab) == before
