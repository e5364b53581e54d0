# SPDX-License-Identifier: GPL-2.0-or-later
"""`lvsctl realserver --vip`: what a file would say, said in words."""
import pytest

import servers
from bare import Small, realserver, snapshot
from daemon import Lvsd, configuration, service
from traffic import curl


class Ways(Small):
    """A server between the clients' network and the director's, and another gateway."""
    LINKS = (("client", "eth0", "brcl", ("10.0.1.2/24",)),
             ("director", "cl", "brcl", ("10.0.1.1/24",)),
             ("router", "cl", "brcl", ("10.0.1.254/24",)),
             ("director", "be", "brbe", ("10.0.2.1/24",)),
             ("router", "be", "brbe", ("10.0.2.254/24",)),
             ("rs1", "eth0", "brbe", ("10.0.2.11/24",)),
             ("both", "eth0", "brbe", ("10.0.2.66/24",)),
             ("both", "eth1", "brcl", ("10.0.1.66/24",)))
    ROUTES = (("rs1", "default via 10.0.2.254"), ("client", "default via 10.0.1.254"))
    FORWARDING = ("router",)


@pytest.fixture(scope="module")
def ways():
    with Ways() as lab:
        servers.start_nginx(lab, "rs1")
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
