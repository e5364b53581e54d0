# SPDX-License-Identifier: GPL-2.0-or-later
"""`lvsctl realserver --vip`: what a file would say, said in words."""
import pytest

from bare import Small, realserver


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
