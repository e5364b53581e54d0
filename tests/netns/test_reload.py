# SPDX-License-Identifier: GPL-2.0-or-later
"""Reloading under load costs nobody a request, and a bad file changes nothing."""
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from daemon import configuration, service
from lab import ADDRESS, VIP, LabError
from load import Load, under_load
from traffic import curl_many

RS1, RS2, RS3 = (ADDRESS[name] for name in ("rs1", "rs2", "rs3"))
OTHER = "10.0.3.103"
METHODS = ("dr", "tun", "nat")


def first_file():
    return configuration(*(service(f"web-{m}", f"{VIP[m]}:80/tcp", m, (RS1, 3), (RS2, 2), (RS3, 1),
                                   scheduler="wrr") for m in METHODS))


def second_file():
    """Other weights; rs3 is gone; a service more."""
    return configuration(*(service(f"web-{m}", f"{VIP[m]}:80/tcp", m, (RS1, 1), (RS2, 2),
                                   scheduler="wrr") for m in METHODS),
                         service("other", f"{OTHER}:80/tcp", "nat", RS3))


GOOD_HEAD = "services:\n  - name: web\n    listen: 10.0.3.100:80/tcp\n    method: dr\n"
BROKEN = [
    "services: [\n",
    "services:\n\t- name: web\n",
    "services:\n  - name: web\n    lissten: 10.0.3.100:80/tcp\n",
    "servces: []\n",
    GOOD_HEAD + "    destinations:\n      - {address: 10.0.2.11, weight: 70000}\n",
    GOOD_HEAD + "    destinations:\n      - {address: 10.0.2.11, weight: -1}\n",
    GOOD_HEAD + "    destinations:\n      - {address: 10.0.2.11, weight: heavy}\n",
    GOOD_HEAD + "    destinations:\n      - {address: 10.0.2.11:8080}\n",
    GOOD_HEAD + "    destinations:\n      - {address: 10.0.2.299}\n",
    GOOD_HEAD + "    destinations:\n      - {address: 10.0.2.11}\n      - {address: 10.0.2.11}\n",
    GOOD_HEAD + "    destinations:\n      - {adress: 10.0.2.11}\n",
    GOOD_HEAD + "    scheduler: fastest\n",
    GOOD_HEAD + "    method: direct\n",
    GOOD_HEAD + "    method: nat\n    method: nat\n",
    GOOD_HEAD.replace("10.0.3.100:80/tcp", "10.0.3.100:80"),
    GOOD_HEAD.replace("10.0.3.100:80/tcp", "10.0.3.100:99999/tcp"),
    GOOD_HEAD + GOOD_HEAD[len("services:\n"):],
    "director: {workers: none}\n" + GOOD_HEAD,
    "timeouts: {tcp: 900}\n" + GOOD_HEAD,
    "director: {announce: perhaps}\n" + GOOD_HEAD,
]


@pytest.mark.parametrize("method", METHODS)
def test_fifty_reloads_fail_no_request(lab, lvsd, method):
    """32 lasting connections, and beside them a connection for every request."""
    daemon = lvsd(first_file())
    url = f"http://{VIP[method]}/"
    with under_load(lab, url, connections=32) as lasting:
        brief = Load(lab, url, connections=4, new_connections=True, name="brief")
        for number in range(50):
            daemon.reload(second_file() if number % 2 == 0 else first_file())
        brief_report = brief.stop()
    report = lasting[0].report
    assert report.failed == 0, report.text
    assert brief_report.failed == 0, brief_report.text
    assert report.requests > 1000 and brief_report.requests > 100
    assert curl_many(lab, VIP[method], 60, source="10.1.0.1") == {"rs1": 30, "rs2": 20, "rs3": 10}


def test_a_service_comes_and_goes(lab, lvsd):
    daemon = lvsd(first_file())
    daemon.reload(second_file())
    assert curl_many(lab, OTHER, 3) == {"rs3": 3}
    assert curl_many(lab, VIP["dr"], 6) == {"rs1": 2, "rs2": 4}
    assert OTHER in lab.run("director", ["ip", "-o", "addr"])
    daemon.reload(first_file())
    assert OTHER not in lab.run("director", ["ip", "-o", "addr"])
    assert curl_many(lab, VIP["dr"], 6) == {"rs1": 3, "rs2": 2, "rs3": 1}


def connecting_times(lab, vip, until):
    """What each connection took, one after the other, until the event is set."""
    took = []
    while not until.is_set():
        with lab.socket("client", socket.AF_INET, socket.SOCK_STREAM) as out:
            out.settimeout(5)
            start = time.monotonic()
            out.connect((vip, 80))
            took.append(time.monotonic() - start)
    return took


def test_the_first_connection_to_a_new_destination_waits_for_nothing(lab, lvsd):
    """Its answers are captured before a worker sends it anything: no SYN has to be sent again."""
    vip = VIP["nat"]
    old, new = (configuration(service("web", f"{vip}:80/tcp", "nat", *servers, scheduler="wlc"))
                for servers in ((RS1,), (RS1, RS2, RS3)))
    for server in (RS2, RS3):  # or the first packets wait for a neighbour, and what follows catches up
        lab.run("director", ["ping", "-c", "1", "-W", "5", server])
    daemon = lvsd(old)
    over = threading.Event()
    with ThreadPoolExecutor(4) as threads:
        runs = [threads.submit(connecting_times, lab, vip, over) for _ in range(4)]
        try:
            time.sleep(0.3)
            daemon.reload(new)
            time.sleep(0.3)
        finally:
            over.set()
        took = [time for run in runs for time in run.result()]
    assert len(took) > 100 and max(took) < 0.9, f"{len(took)} connections, {max(took):.3f} s"


def test_broken_files_are_refused_and_change_nothing(lab, lvsd):
    assert len(BROKEN) == 20
    daemon = lvsd(first_file())
    before = daemon.ctl("rules")
    with under_load(lab, *(f"http://{VIP[m]}/" for m in METHODS), connections=8) as loads:
        for number, text in enumerate(BROKEN):
            mark = len(daemon.log())
            daemon.reload(text)
            place = re.escape(daemon.file) + r":\d+:\d+: "
            assert re.search(place, daemon.log()[mark:]), f"broken file {number} in the log:\n" + \
                daemon.log()[mark:]
            daemon.reload(first_file())
    assert [load.report.failed for load in loads] == [0, 0, 0]
    assert daemon.ctl("rules") == before
    assert curl_many(lab, VIP["dr"], 60, source="10.1.0.2") == {"rs1": 30, "rs2": 20, "rs3": 10}


def test_a_broken_file_leaves_the_running_one_in_force(lab, lvsd):
    daemon = lvsd(second_file())
    daemon.reload(BROKEN[3])
    assert curl_many(lab, VIP["dr"], 6) == {"rs1": 2, "rs2": 4}
    assert curl_many(lab, OTHER, 2) == {"rs3": 2}


def test_lvsctl_reload_tells_the_result(lab, lvsd):
    daemon = lvsd(first_file())
    daemon.write(second_file())
    daemon.ctl("reload")
    assert curl_many(lab, VIP["dr"], 6) == {"rs1": 2, "rs2": 4}
    daemon.write(BROKEN[4])
    with pytest.raises(LabError, match=r"exit status 1\n.*:6:\d+: .*70000"):
        daemon.ctl("reload")
