# SPDX-License-Identifier: GPL-2.0-or-later
"""`lvsctl realserver --vip`: what a file would say, said in words."""
import re

import pytest

import servers
from bare import TWO_NETWORKS, Small, realserver, snapshot
from daemon import Lvsd, configuration, service
from traffic import curl, udp_ask


class Ways(Small):
    """Director and router between two networks; the server's gateway is the router. `both` is on either."""
    LINKS = (*TWO_NETWORKS,
             ("both", "eth0", "brbe", ("10.0.2.66/24",)),
             ("both", "eth1", "brcl", ("10.0.1.66/24",)))
    ROUTES = (("rs1", "default via 10.0.2.254"), ("client", "default via 10.0.1.254"),
              ("rs1", "default via fd00:2::fe"), ("client", "default via fd00:1::fe"))
    FORWARDING = ("router",)


@pytest.fixture(scope="module")
def ways():
    with Ways() as lab:
        lab.sysctl("router", "net/ipv6/conf/all/forwarding", 1)
        servers.start_nginx(lab, "rs1")
        servers.start_udp_echo(lab, "rs1")
        yield lab


NAT = ["--vip", "10.0.9.104", "--method", "nat", "--port", "80"]


@pytest.mark.parametrize("director, own", [("10.0.1.1", "10.0.1.66"), ("10.0.2.1", "10.0.2.66")])
def test_the_address_is_the_one_towards_the_director(ways, director, own):
    ways.ip("both", "route add default via 10.0.2.254")
    plan = realserver(ways, "both", "plan", *NAT, "--director", director)
    assert f"rule add pref 4201 from {own} ipproto tcp sport 80 lookup 4201" in plan
    ways.ip("both", "route del default via 10.0.2.254")


def test_an_address_that_could_be_several_is_asked_for(ways):
    ways.ip("both", "addr add 10.0.2.67/24 dev eth0")
    output = realserver(ways, "both", "plan", *NAT, "--director", "10.0.2.1", check=False)
    assert "10.0.2.66 (eth0), 10.0.2.67 (eth0)? Say so with --address" in output
    ways.ip("both", "addr del 10.0.2.67/24 dev eth0")
    output = realserver(ways, "both", "plan", "--vip", "10.0.9.104", "--method", "dr", check=False)
    assert "10.0.2.66 (eth0), 10.0.1.66 (eth1)? Say so with --address" in output


def test_all_ports_beside_another_gateway_have_to_be_meant(ways):
    words = ["--vip", "10.0.9.104", "--method", "nat", "--director", "10.0.2.1"]
    before = snapshot(ways, "rs1")
    for verb in ("plan", "apply"):
        output = realserver(ways, "rs1", verb, *words, check=False)
        assert "--port is missing: this host has another gateway, 10.0.2.254" in output
    assert snapshot(ways, "rs1") == before
    assert "from 10.0.2.11 lookup 4201" in realserver(ways, "rs1", "plan", *words, "--port", "any")
    output = realserver(ways, "rs1", "plan", *words, "--port", "0", check=False)
    assert "--port 0: it is 1 to 65535, or any" in output


def test_clients_on_the_servers_network(ways):
    """The VIP is elsewhere. What is to be done is said, and can be done later."""
    vip = "10.0.1.104"
    words = ["--vip", vip, "--method", "nat", "--port", "80", "--director", "10.0.2.1"]
    before = snapshot(ways, "rs1")
    ways.ip("both", f"route add {vip}/32 via 10.0.2.1")
    near = ["curl", "-sS", "-m", "1", "--interface", "10.0.2.66", f"http://{vip}/"]
    with Lvsd(ways, configuration(service("web", f"{vip}:80/tcp", "nat", "10.0.2.11"))):
        output = realserver(ways, "rs1", "apply", *words)
        assert curl(ways, f"http://{vip}/").strip() == "rs1"
        assert "routes of its own to 10.0.2.0/24: clients there would be answered past" in output
        assert "timed out" in ways.run("both", near, check=False)
        output = realserver(ways, "rs1", "apply", *words, "--clients", "10.0.2.0/24")
        assert "past the director" not in output
        assert ways.run("both", near).strip() == "rs1"
        assert curl(ways, f"http://{vip}/").strip() == "rs1"
    ways.ip("both", f"route del {vip}/32 via 10.0.2.1")
    realserver(ways, "rs1", "undo")
    assert snapshot(ways, "rs1") == before


HELD = ("10.0.2.100/32 dev eth0 label eth0:0 valid_lft 3000 preferred_lft 2000",
        "10.0.2.101/32 dev eth0 scope link",
        "10.0.2.102/32 dev eth0 noprefixroute brd 10.0.2.255 metric 50",
        "10.0.2.103 peer 10.0.2.104/32 dev eth0",
        "fd00:2::100/128 dev eth0 nodad metric 7",
        "fd00:2::101/128 dev eth0 nodad preferred_lft 0 home")
MOVED = ("10.0.2.100", "10.0.2.101", "10.0.2.102", "10.0.2.103", "fd00:2::100", "fd00:2::101")


def untimed(snap):
    """Lifetimes go on."""
    return re.sub(r"_lft [1-9][0-9]*sec", "_lft Nsec", repr(snap))


@pytest.mark.parametrize("method, vips", [
    ("dr", [[one] for one in MOVED]), ("dr", [[one] for one in reversed(MOVED)]),
    ("dr", [MOVED[:4], MOVED[4:]]), ("tun", [MOVED[:4]])])
def test_addresses_are_given_back_as_they_were(ways, method, vips):
    """Label, scope, lifetimes, flags, metric, order, and the routes that have them as source."""
    ways.ip("rs1", *("addr add " + one for one in HELD),
            "route add 10.77.0.0/16 via 10.0.2.254 src 10.0.2.100")
    before = snapshot(ways, "rs1")
    for some in vips:
        own = "fd00:2::11" if ":" in some[0] else "10.0.2.11"
        output = realserver(ways, "rs1", "apply", "--method", method, "--address", own,
                            "--director", "10.0.2.1",
                            *(word for vip in some for word in ("--vip", vip)))
        assert ("undo gives 10.0.2.100 back to eth0 for as long" in output) == ("10.0.2.100" in some)
    held = ways.run("rs1", ["ip", "-o", "addr", "show", "dev", "eth0"])
    assert not [vip for some in vips for vip in some if f" {vip}/" in held or f" {vip} " in held]
    assert "src 10.0.2.100" in ways.run("rs1", ["ip", "route"])
    realserver(ways, "rs1", "undo")
    assert untimed(snapshot(ways, "rs1")) == untimed(before)
    held = ways.run("rs1", ["ip", "-o", "addr", "show", "dev", "eth0"])
    left = [int(word) for word in re.findall(r"(?:valid|preferred)_lft ([1-9][0-9]*)sec", held)]
    assert len(left) == 2 and 2900 < left[0] <= 3000 and 1900 < left[1] <= 2000
    ways.ip("rs1", *("addr del " + one.split(" dev ")[0] + " dev eth0" for one in HELD))
    ways.run("rs1", ["ip", "route", "flush", "10.77.0.0/16"])


def test_a_place_that_cannot_be_had_again_is_told(ways):
    ways.ip("rs1", *(f"addr add 10.0.2.{last}/32 dev eth0" for last in (100, 102)))
    words = ["--vip", "10.0.2.100", "--method", "dr", "--address", "10.0.2.11"]
    settings, before = snapshot(ways, "rs1")
    assert "undo gives 10.0.2.100 back to eth0 behind 10.0.2.102" in realserver(ways, "rs1", "apply", *words)
    realserver(ways, "rs1", "undo")
    now, after = snapshot(ways, "rs1")
    assert after["addr"] != before["addr"] and now == settings
    for one in (before, after):
        one["addr"].sort()
    assert after == before
    ways.ip("rs1", *(f"addr del 10.0.2.{last}/32 dev eth0" for last in (100, 102)))


# What `lvsctl doctor` has a person type, by the destination's entry: its method, tunnel and ports.
ORDERS = {
    "dr": ("80/tcp", "dr", {}, "--port 80 --protocol tcp"),
    "dr-udp": ("5353/udp", "dr", {}, "--port 5353 --protocol udp"),
    "ipip": ("80/tcp", "tun", {}, "--port 80 --protocol tcp --tunnel ipip"),
    "ipip-udp": ("5353/udp", "tun", {}, "--port 5353 --protocol udp --tunnel ipip"),
    "gre": ("80/tcp", "tun", {"type": "gre"}, "--port 80 --protocol tcp --tunnel gre"),
    "gue": ("80/tcp", "tun", {"type": "gue", "port": 6080}, "--port 80 --protocol tcp --tunnel gue"),
    "gue-7000": ("80/tcp", "tun", {"type": "gue", "port": 7000},
                 "--port 80 --protocol tcp --tunnel gue --gue-port 7000"),
    "unsaid-ipip": ("80/tcp", "tun", {}, ""),
    "unsaid-gre": ("80/tcp", "tun", {"type": "gre"}, ""),
    "unsaid-gue": ("80/tcp", "tun", {"type": "gue", "port": 7000}, "--gue-port 7000"),
    "nat": ("80/tcp", "nat", {}, "--port 80 --protocol tcp"),
    "nat-udp": ("5353/udp", "nat", {}, "--port 5353 --protocol udp"),
}
OF_FAMILY = {4: ("10.0.1.104", "10.0.2.11", "10.0.2.1"), 6: ("fd00:1::104", "fd00:2::11", "fd00:2::1")}


@pytest.mark.parametrize("family", OF_FAMILY)
@pytest.mark.parametrize("order", ORDERS)
def test_what_the_doctor_has_one_type(ways, order, family):
    """From a bare host to a service that works, beside all else that the host does, and back."""
    listen, method, tunnel, words = ORDERS[order]
    vip, rip, director = OF_FAMILY[family]
    target, direct = (f"[{one}]" if family == 6 else one for one in (vip, rip))
    web = service("web", f"{target}:{listen}", method, rip)
    if tunnel:
        web["destinations"][0]["tunnel"] = tunnel
    command = (f"--vip {vip} --method {method} --director {director} --address {rip} " + words).split()

    def served():
        if listen.endswith("udp"):
            return udp_ask(ways, vip)[0]
        return curl(ways, f"http://{target}/").strip()

    before = snapshot(ways, "rs1")
    with Lvsd(ways, configuration(web)):
        realserver(ways, "rs1", "apply", *command)
        assert served() == "rs1"
        assert "MISSING" not in realserver(ways, "rs1", "check", *command)
        assert curl(ways, f"http://{direct}:8080/").strip() == "rs1", "by its own gateway"
        assert "0% packet loss" in ways.run("rs1", ["ping", "-c", "1", "-W", "1", "-I", rip,
                                                    "10.0.1.2" if family == 4 else "fd00:1::2"])
        realserver(ways, "rs1", "undo")
    assert snapshot(ways, "rs1") == before
