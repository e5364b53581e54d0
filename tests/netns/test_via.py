# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks through the data path (via: service): what a client would not get through, fails them."""
import re
import signal
import time
from contextlib import contextmanager

import pytest

from checking import await_states, load_of_new_connections, states, weights
from daemon import configuration, service
from lab import ADDRESS, ADDRESS6, SERVERS, VIP, VIP6, processes_in, wait_for
from load import Load
from servers import kernel_has_tunl0, start_tunnel_end

RS, RS6 = [ADDRESS[name] for name in SERVERS], [ADDRESS6[name] for name in SERVERS]
INTERVAL, TIMEOUT, FALL = 0.3, 0.2, 3
DUE = FALL * INTERVAL + TIMEOUT
SLACK = 3.0  # other work on this machine
CHECK = {"type": "http", "path": "/", "via": "service", "interval": "300ms", "timeout": "200ms",
         "rise": 2, "fall": FALL, "damping": "off"}


def checked(method="dr", check=None, vip=None, rows=RS, director=None, **more):
    listen = vip or VIP[method]
    listen = f"[{listen}]" if ":" in listen else listen
    return configuration(service("web", f"{listen}:80/tcp", method, *rows,
                                 health={**CHECK, **(check or {})}, **more),
                         director=director, ipvs={"expire_nodest_conn": True})


def await_weights(daemon, *wanted):
    wait_for(lambda: weights(daemon) == list(wanted), lambda: f"{wanted}; it is {weights(daemon)}")


@contextmanager
def without_vip(lab, server, vip, device="lo"):
    length = 128 if ":" in vip else 32
    lab.ip(server, f"addr del {vip}/{length} dev {device}")
    try:
        yield
    finally:
        lab.ip(server, f"addr add {vip}/{length} dev {device}" + (" nodad" if ":" in vip else ""))


@pytest.mark.parametrize("workers", (1, 2))
def test_a_missing_vip_is_noticed_while_wrk_runs(lab, lvsd, workers):
    daemon = lvsd(checked(director={"workers": workers}))
    await_states(daemon, ("up", "up", "up"))
    await_weights(daemon, 1, 1, 1)
    load = Load(lab, f"http://{VIP['dr']}/", connections=8, new_connections=True, name="before")
    with without_vip(lab, "rs2", VIP["dr"]):
        assert await_states(daemon, ("up", "down", "up")) < DUE + SLACK
        await_weights(daemon, 1, 0, 1)
        load.stop()  # what failed of it was rs2's
        with load_of_new_connections(lab, VIP["dr"], "after"):
            pass
    with load_of_new_connections(lab, VIP["dr"], "restored"):
        await_states(daemon, ("up", "up", "up"))
        await_weights(daemon, 1, 1, 1)
    assert re.search(r"web 10\.0\.2\.12:80 is down \(was up\): no connection within 200 ms",
                     daemon.log())


def test_direct_checks_do_not_notice_it(lab, lvsd):
    """What the other test finds is the path's doing."""
    daemon = lvsd(checked(check={"via": "direct"}))
    await_states(daemon, ("up", "up", "up"))
    with without_vip(lab, "rs2", VIP["dr"]):
        time.sleep(DUE + 1)
        assert [*states(daemon).values()] == ["up", "up", "up"]


def decapsulator(lab, server):
    for pid in processes_in(lab.namespace(server)):
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            if file.read().strip() == "lvsd-decap":
                return pid
    raise AssertionError(f"no lvsd-decap on {server}")


@pytest.mark.parametrize("workers", (1, 2))
def test_a_stopped_decapsulator_is_noticed(lab, lvsd, workers):
    if kernel_has_tunl0(lab, "rs1"):
        pytest.skip("this kernel's own tunl0 takes the packets; there is nothing to stop")
    daemon = lvsd(checked("tun", director={"workers": workers}))
    await_states(daemon, ("up", "up", "up"))
    await_weights(daemon, 1, 1, 1)
    pid = decapsulator(lab, "rs3")
    child, = (one for one in lab.children if one.pid == pid)
    lab.stop(child)
    try:
        assert await_states(daemon, ("up", "up", "down")) < DUE + SLACK
        await_weights(daemon, 1, 1, 0)
        with load_of_new_connections(lab, VIP["tun"], "after"):
            pass
    finally:
        start_tunnel_end(lab, "rs3", more=["--no-icmp"])
    await_states(daemon, ("up", "up", "up"))


def test_ipv6(lab, lvsd):
    daemon = lvsd(checked("dr", vip=VIP6["dr"], rows=RS6))
    await_states(daemon, ("up", "up", "up"))
    with without_vip(lab, "rs1", VIP6["dr"]):
        assert await_states(daemon, ("down", "up", "up")) < DUE + SLACK
        await_weights(daemon, 0, 1, 1)
        with load_of_new_connections(lab, f"[{VIP6['dr']}]", "six"):
            pass
    await_states(daemon, ("up", "up", "up"))


def test_udp(lab, lvsd):
    check = {**CHECK, "type": "udp", "send": "well?", "expect": "well?"}
    del check["path"]
    text = configuration(service("echo", f"{VIP['dr']}:5353/udp", "dr", *RS, health=check))
    daemon = lvsd(text)
    await_states(daemon, ("up", "up", "up"))
    with without_vip(lab, "rs3", VIP["dr"]):
        assert await_states(daemon, ("up", "up", "down")) < DUE + SLACK
    await_states(daemon, ("up", "up", "up"))


@pytest.mark.parametrize("stage", ("early", "late"))
def test_checks_are_no_clients(lab, lvsd, stage):
    daemon = lvsd(checked(persistence={"timeout": "300s"}, director={"capture": {"stage": stage}}))
    await_states(daemon, ("up", "up", "up"))
    wait_for(lambda: daemon.ctl_json("status")["status"]["packets"]["probes"] >= 3 * 2 * 3,
             "checks; those of another run may have told the states")
    service_, = daemon.ctl_json("list")["services"]
    for one in (service_, *service_["destinations"]):
        assert set(one["statistics"].values()) == {0}
    assert daemon.ctl_json("list", "--connections")["connections"] == []
    packets = daemon.ctl_json("status")["status"]["packets"]
    accepted = {one["reason"]: one["packets"] for one in packets["accepted"]}
    assert accepted["probe-answer"] >= 3 * 2 * 2
    assert packets["dropped"] == [] and packets["forwarded"] == 0


def test_a_reload_changes_the_way(lab, lvsd):
    daemon = lvsd(checked(check={"via": "direct"}))
    await_states(daemon, ("up", "up", "up"))
    with without_vip(lab, "rs2", VIP["dr"]):
        daemon.reload(checked())
        assert [*states(daemon).values()] == ["up", "up", "up"]  # until the new check has failed thrice
        await_states(daemon, ("up", "down", "up"))
        daemon.reload(checked(check={"via": "direct"}))
        await_states(daemon, ("up", "up", "up"))
        assert "answers4" not in daemon.ctl("rules")


@pytest.mark.parametrize("action", ("remove", "quiesce"))
def test_a_destination_that_is_out_comes_back(lab, lvsd, action):
    daemon = lvsd(checked(check={"on_failure": action}))
    await_states(daemon, ("up", "up", "up"))
    with without_vip(lab, "rs2", VIP["dr"]):
        await_states(daemon, ("up", "down", "up"))
        await_weights(daemon, *((1, 1) if action == "remove" else (1, 0, 1)))
    await_states(daemon, ("up", "up", "up"))
    await_weights(daemon, 1, 1, 1)


def test_trace_shows_them(lab, lvsd):
    daemon = lvsd(checked())
    await_states(daemon, ("up", "up", "up"))
    text = daemon.ctl("trace", "--service", "web", "--count", "12")
    # Which server's comes first is the jitter's.
    assert re.search(r"It is a check of web's real server 10\.0\.2\.1[123]:80 \(via: service\)", text), text


def test_a_daemon_that_is_busy_takes_nobody_down(lab, lvsd):
    """Each such check asks it for a socket; that it does not answer says nothing of the server."""
    daemon = lvsd(checked())
    await_states(daemon, ("up", "up", "up"))
    mark = len(daemon.log())
    daemon.child.send_signal(signal.SIGSTOP)
    try:
        time.sleep(3 * DUE)
    finally:
        daemon.child.send_signal(signal.SIGCONT)
    made = {one["destination"]: one["checks_succeeded"] for one in rows(daemon)}
    wait_for(lambda: all(one["checks_succeeded"] > made[one["destination"]] + 1 for one in rows(daemon)),
             lambda: str(rows(daemon)))
    assert "is down" not in daemon.log()[mark:]


def rows(daemon):
    return daemon.ctl_json("health")["health"][0]["destinations"]
