# SPDX-License-Identifier: GPL-2.0-or-later
"""A director's week in two minutes: load through all methods while everything around it changes."""
import itertools
import time

import pytest

from daemon import configuration, flush_ruleset, service
from lab import ADDRESS, SERVERS, VIP
from load import Load
from traffic import curl_many, udp_ask

RIPS = [ADDRESS[server] for server in SERVERS]
DURATION = 120  # seconds
GROWTH = 20_000  # KiB that the daemon may grow by, once every connection is known


def resident(daemon):
    with open(f"/proc/{daemon.child.pid}/status", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1])


def text(turn):
    """Other weights each time, and every third time a server less."""
    rows = [(rip, 1 + (turn + place) % 3) for place, rip in enumerate(RIPS)]
    rows = rows[:2] if turn % 3 == 0 else rows
    return configuration(*(service(f"web-{m}", f"{VIP[m]}:80/tcp", m, *rows, scheduler="wrr")
                           for m in VIP),
                         *(service(f"echo-{m}", f"{VIP[m]}:5353/udp", m, *rows) for m in VIP))


@pytest.mark.slow
def test_everything_changes_and_no_request_fails(lab, lvsd):
    daemon = lvsd(text(1))
    loads = [Load(lab, f"http://{VIP[m]}/", connections=8, name=f"lasting-{m}") for m in VIP]
    loads += [Load(lab, f"http://{VIP[m]}/", connections=2, new_connections=True, name=f"brief-{m}")
              for m in VIP]
    end, early = time.monotonic() + DURATION, None
    for turn in itertools.count(2):
        daemon.reload(text(turn))
        if turn % 5 == 0:
            daemon.reload("servces: []\n")
        if turn % 100 == 0:
            lab.ip("director", "neigh flush dev be")
        for method in VIP:
            assert udp_ask(lab, VIP[method], source=f"10.1.{turn % 200}.1")[0] in SERVERS
        if early is None and time.monotonic() > end - DURATION / 2:
            early = resident(daemon)
        if time.monotonic() > end:
            break
    late = resident(daemon)
    for load in loads:
        report = load.stop()
        assert report.failed == 0, report.text
        assert report.requests > 1000
    assert late - early < GROWTH, "the daemon grows"
    flush_ruleset(lab, daemon)
    assert sum(curl_many(lab, VIP["dr"], 30, source="10.1.250.1").values()) == 30
