# SPDX-License-Identifier: GPL-2.0-or-later
"""NAT servers as clients of their own service: as with IPVS they get no answer, unless `hairpin` has
them go on as the director. Answers come to the director's own address, whichever worker asked."""
import pytest

from daemon import configuration, service
from lab import ADDRESS, ADDRESS6, SERVERS, VIP, VIP6
from traffic import curl_many

RIPS, RIPS6 = ([table[server] for server in SERVERS] for table in (ADDRESS, ADDRESS6))
HAIRPIN = {"hairpin": {"masquerade": ADDRESS["director"]}}
HAIRPIN6 = {"hairpin": {"masquerade": ADDRESS6["director"]}}


def ask(lab, server, host, path="/", seconds=10):
    """What this real server gets from the virtual address; nothing where it gets no answer."""
    own = (ADDRESS6 if ":" in host else ADDRESS)[server]
    return lab.run(server, ["curl", "--silent", "--max-time", str(seconds), "--interface", own,
                            f"http://{host}{path}"], check=False).strip()


def web(**more):
    return service("web", f"{VIP['nat']}:80/tcp", "nat", *(rip + ":8080" for rip in RIPS), **more)


def test_without_it_no_answer_passes_the_director(lab, lvsd):
    lvsd(configuration(web()))
    assert [ask(lab, "rs1", VIP["nat"], seconds=1) for _ in range(3)] == ["", "", ""]


@pytest.mark.parametrize("workers", (1, 2, 4))
@pytest.mark.parametrize("stage", ("early", "late"))
def test_every_real_server_is_served_by_all(lab, lvsd, workers, stage):
    """Itself included. Clients from elsewhere are seen as they are."""
    six = service("six", f"[{VIP6['nat']}]:80/tcp", "nat", *RIPS6, **HAIRPIN6)
    daemon = lvsd(configuration(web(**HAIRPIN), six, director={"workers": workers,
                                                               "capture": {"stage": stage}}))
    for server in SERVERS:
        for host in (VIP["nat"], f"[{VIP6['nat']}]"):
            answers = sorted(ask(lab, server, host) for _ in range(3))
            assert answers == ["rs1", "rs2", "rs3"], (server, host)
    assert sum(curl_many(lab, VIP["nat"], 6).values()) == 6
    status = daemon.ctl_json("status")["status"]
    assert sum(one["connections"] for one in status["workers"]) >= 18 + 6


def test_the_server_sees_the_director(lab, lvsd):
    lvsd(configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", (RIPS[0], 0), RIPS[1],
                               **HAIRPIN)))
    seen = lab.run("rs1", ["curl", "--silent", "--max-time", "10", "--dump-header", "-",
                           "--output", "/dev/null", "--interface", RIPS[0],
                           f"http://{VIP['nat']}/"]).lower()
    address, _, port = next(line.split()[1] for line in seen.splitlines()
                            if line.startswith("x-client:")).rpartition(":")
    assert address == ADDRESS["director"] and int(port) >= 61000
