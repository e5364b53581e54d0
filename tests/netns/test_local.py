# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients and real servers that are processes on the director itself (reference 1.14)."""
import pytest

import servers
from checking import await_states, reports
from daemon import configuration, service
from lab import ADDRESS, SERVERS, VIP, wait_for
from traffic import curl_many

RIPS = [ADDRESS[server] for server in SERVERS]
INNER_VIP = "10.0.2.100"  # in the real servers' network


@pytest.fixture(params=("early", "late"))
def stage(request):
    return {"capture": {"stage": request.param}}


@pytest.fixture(scope="module", autouse=True)
def nginx_on_the_director(lab):
    servers.start_nginx(lab, "director")


def ask(lab, url, *options):
    """What the director's own client gets; nothing where it gets no answer."""
    return lab.run("director", ["curl", "--silent", "--max-time", "2", *options, url],
                   check=False).strip()


def test_a_client_on_the_director_is_served_through_nat(lab, lvsd, stage):
    """Its source is the VIP itself, which is an address of the director's: the reply is caught at
    INPUT, because before routing its new source would be martian."""
    lvsd(configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", *(rip + ":8080" for rip in RIPS)),
                       service("inner", f"{INNER_VIP}:80/tcp", "nat", *RIPS), director=stage))
    for vip in (VIP["nat"], INNER_VIP):
        assert sorted(ask(lab, f"http://{vip}/") for _ in range(3)) == ["rs1", "rs2", "rs3"]
        assert ask(lab, f"http://{vip}/", "--interface", ADDRESS["director"]) == "rs1"
    assert curl_many(lab, VIP["nat"], 3) == {"rs1": 1, "rs2": 1, "rs3": 1}


def test_checks_of_nat_destinations_pass_no_worker(lab, lvsd, stage):
    """Their sockets are connected to the server itself. A client's are connected to the VIP, so what is
    answered to it goes on being taken, also while checks run."""
    check = {"type": "tcp", "interval": "100ms", "timeout": "100ms", "jitter": 0}
    daemon = lvsd(configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", *(rip + ":8080" for rip in RIPS),
                                        health=check), director=stage))

    def received():
        return sum(one["received"] for one in daemon.ctl_json("status")["status"]["workers"])

    def checks():
        return [one["checks_succeeded"] for one in reports(daemon).values()]
    await_states(daemon, ("up", "up", "up"))
    before, made = received(), checks()
    wait_for(lambda: all(now > then + 20 for now, then in zip(checks(), made)), "checks")
    assert received() == before
    assert {ask(lab, f"http://{VIP['nat']}/") for _ in range(3)} == set(SERVERS)
    assert ask(lab, f"http://{VIP['nat']}/", "--interface", ADDRESS["director"]) in SERVERS
    assert received() > before


@pytest.mark.parametrize("method", ("dr", "tun"))
def test_a_client_on_the_director_needs_another_source_than_the_vip(lab, lvsd, stage, method):
    """The real server has the VIP, too, and takes nothing from it. And its answer comes from an
    address of the director's, which the kernel drops unless it is told not to."""
    lvsd(configuration(service("web", f"{VIP[method]}:80/tcp", method, *RIPS), director=stage))
    assert ask(lab, f"http://{VIP[method]}/") == ""
    try:
        lab.sysctl("director", "net/ipv4/conf/be/accept_local", 1)
        assert ask(lab, f"http://{VIP[method]}/", "--interface", ADDRESS["director"]) in SERVERS
    finally:
        lab.sysctl("director", "net/ipv4/conf/be/accept_local", 0)


@pytest.mark.parametrize("method", ("dr", "tun"))
def test_a_real_server_on_the_director(lab, lvsd, stage, method):
    """What falls to it is left to the stack, which has the VIP."""
    lvsd(configuration(service("web", f"{VIP[method]}:80/tcp", method, ADDRESS["director"], RIPS[0]),
                       director=stage))
    assert curl_many(lab, VIP[method], 6) == {"director": 3, "rs1": 3}


def test_a_nat_server_on_the_director(lab, lvsd, stage):
    """Its answers are caught as they leave, and get the virtual address and port back."""
    own = ADDRESS["director"] + ":8080"
    lvsd(configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", own, RIPS[0]), director=stage))
    assert curl_many(lab, VIP["nat"], 6) == {"director": 3, "rs1": 3}
    assert {ask(lab, f"http://{VIP['nat']}/") for _ in range(2)} == {"director", "rs1"}


@pytest.mark.parametrize("method", ("dr", "tun", "nat"))
def test_a_client_on_the_director_of_a_vip_that_is_elsewhere(lab, lvsd, stage, method):
    """Not an address of the director's: its own requests are taken as they leave, with an ordinary
    source, and nothing stands in the way of the answer."""
    lvsd(configuration(service("web", f"{VIP[method]}:80/tcp", method, *RIPS),
                       director={"announce": False, **stage}))
    lab.ip("director", "route add 10.0.3.0/24 via 10.0.2.254")
    try:
        answers = sorted(ask(lab, f"http://{VIP[method]}/") for _ in range(3))
        assert answers == ["rs1", "rs2", "rs3"]
    finally:
        lab.ip("director", "route del 10.0.3.0/24")
