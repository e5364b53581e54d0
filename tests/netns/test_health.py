# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers fail in several ways while wrk runs; each is noticed in time, and the others go on."""
import json
import os
import re
import signal
import time

import pytest

from checking import (await_states, children, load_of_new_connections, odd, reports, start_odd, states,
                      stopped_thread, weights, without_nginx)
from daemon import configuration, destinations, service
from lab import ADDRESS, SERVERS, VIP, wait_for
from load import Load
from servers import HERE, PYTHON, read
from traffic import curl_many

RS1, RS2, RS3 = (ADDRESS[name] for name in SERVERS)
INTERVAL, TIMEOUT, FALL = 0.3, 0.2, 3
DUE = FALL * INTERVAL + TIMEOUT
SLACK = 3.0  # other work on this machine
CHECK = {"type": "http", "path": "/", "interval": "300ms", "timeout": "200ms", "rise": 2,
         "fall": FALL, "damping": "off"}


def checked(method="dr", check=None, rows=(RS1, RS2, RS3), **more):
    return configuration(service("web", f"{VIP[method]}:80/tcp", method, *rows,
                                 health={**CHECK, **(check or {})}, **more),
                         ipvs={"expire_nodest_conn": True})  # a port that comes again is not the dead's


def test_nobody_is_used_before_a_first_check(lab, lvsd):
    """And a server without an answer never is."""
    daemon = lvsd(checked(rows=(RS1, RS2, "10.0.2.77")))
    assert weights(daemon) == [0, 0, 0] or "up" in states(daemon).values()
    await_states(daemon, ("up", "up", "down"))
    wait_for(lambda: weights(daemon) == [1, 1, 0], "weights")
    assert set(curl_many(lab, VIP["dr"], 8)) == {"rs1", "rs2"}
    assert "10.0.2.77:80 is down (was checking): no connection within 200 ms" in daemon.log()


def test_a_killed_nginx_is_noticed_while_wrk_runs(lab, lvsd):
    daemon = lvsd(checked())
    await_states(daemon, ("up", "up", "up"))
    wait_for(lambda: weights(daemon) == [1, 1, 1], "weights")
    load = Load(lab, f"http://{VIP['dr']}/", connections=8, new_connections=True, name="before")
    with without_nginx(lab, "rs1"):
        assert await_states(daemon, ("down", "up", "up")) < DUE + SLACK
        wait_for(lambda: weights(daemon) == [0, 1, 1], "weights")
        load.stop()  # what failed of it was rs1's
        with load_of_new_connections(lab, VIP["dr"], "after"):
            pass
    assert re.search(r"web 10\.0\.2\.11:80 is down \(was up\): no connection: Connection refused "
                     r"after .* ms, 3rd of 3", daemon.log())
    with load_of_new_connections(lab, VIP["dr"], "restored"):
        await_states(daemon, ("up", "up", "up"))
        wait_for(lambda: weights(daemon) == [1, 1, 1], "weights")


@pytest.mark.parametrize("method", ("dr", "tun", "nat"))
def test_packets_that_are_dropped_are_noticed(lab, lvsd, method):
    daemon = lvsd(checked(method))
    await_states(daemon, ("up", "up", "up"))
    rule = ["INPUT", "-p", "tcp", "--dport", "80", "-j", "DROP"]
    lab.run("rs2", ["iptables", "-w", "-I", *rule])
    try:
        assert await_states(daemon, ("up", "down", "up")) < DUE + SLACK
        wait_for(lambda: weights(daemon) == [1, 0, 1], "weights")
        with load_of_new_connections(lab, VIP[method], "dropped"):
            pass
    finally:
        lab.run("rs2", ["iptables", "-w", "-D", *rule])
    await_states(daemon, ("up", "up", "up"))


def test_odd_answers_are_noticed_and_harm_nobody(lab, lvsd):
    """Slow, wrong, garbage, floods, silence: of one server, on a port of its own."""
    for server in SERVERS:
        start_odd(lab, server)
    daemon = lvsd(checked(check={"port": 9000, "body": "well"}))
    await_states(daemon, ("up", "up", "up"))
    expected = {"slow": "no answer within 200 ms", "hang": "no answer within 200 ms",
                "wrong": "GET /: 503", "body": "GET /: 200 without well",
                "garbage": "GET /: no answer", "flood": "GET /: no answer",
                "headers": "GET /: no answer", "close": "GET /: no answer"}
    with load_of_new_connections(lab, VIP["dr"], "odd"):
        for mode, evidence in expected.items():
            start = len(daemon.log())
            odd(lab, "rs3", mode)
            assert await_states(daemon, ("up", "up", "down")) < DUE + SLACK, mode
            assert evidence in daemon.log()[start:], mode
            odd(lab, "rs3", "long" if mode == "headers" else "fine")  # 12 KiB of cookies are fine, too
            await_states(daemon, ("up", "up", "up"))
    assert "died" not in daemon.log()


def test_a_reload_and_a_restart_forget_nothing(lab, lvsd):
    daemon = lvsd(checked(rows=(RS1, "10.0.2.77")))
    await_states(daemon, ("up", "down"))
    before = states(daemon)
    daemon.reload(checked(rows=(RS1, "10.0.2.77", RS3), check={"path": "/?again"}))
    assert states(daemon).items() >= before.items()
    await_states(daemon, ("up", "up", "down"))  # in the order of their addresses
    wait_for(lambda: sorted(weights(daemon)) == [0, 1, 1], "weights")
    for how in (signal.SIGTERM, signal.SIGKILL):
        before = states(daemon)
        daemon.stop(how)
        daemon.start()
        assert states(daemon) == before
        assert sorted(weights(daemon)) == [0, 1, 1]


@pytest.mark.parametrize("on_failure", ("quiesce", "remove"))
def test_plan_knows_what_becomes_of_checks(lab, lvsd, on_failure):
    """A check that goes, and a sorry server that comes, change what is used; a reload does the same."""
    rows = (RS1, "10.0.2.77")
    daemon = lvsd(checked(rows=rows, check={"on_failure": on_failure}))
    await_states(daemon, ("up", "down"))
    wait_for(lambda: weights(daemon) == ([1, 0] if on_failure == "quiesce" else [1]), "weights")
    for text in (checked(rows=rows, check={"on_failure": on_failure}, sorry_server={"address": RS3}),
                 configuration(service("web", f"{VIP['dr']}:80/tcp", "dr", *rows),
                               ipvs={"expire_nodest_conn": True})):
        daemon.write(text)
        planned = json.loads(daemon.ctl("plan", daemon.file, "--json", check=False))["plan"]["lines"]
        assert planned and "nothing" not in planned[0], planned
        daemon.ctl("reload")
        assert daemon.ctl_json("status")["status"]["last_reload"]["changes"] == planned
    assert weights(daemon) == [1, 1]


def test_the_prober_is_unprivileged_and_replaced(lab, lvsd):
    daemon = lvsd(checked())
    await_states(daemon, ("up", "up", "up"))
    guardian, = children(daemon.child.pid)
    prober, = children(guardian)
    with open(f"/proc/{prober}/status", encoding="ascii") as file:
        status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
    assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split()
    assert all(int(status[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd"))
    assert status["NoNewPrivs"] == "1" and status["Groups"].strip() == ""
    os.kill(prober, signal.SIGKILL)
    daemon.await_log("the prober died; another one goes on")
    assert list(states(daemon).values()) == ["up", "up", "up"]
    with without_nginx(lab, "rs2"):
        await_states(daemon, ("up", "down", "up"))
    daemon.stop()
    wait_for(lambda: not os.path.exists(f"/proc/{guardian}"), "the guardian to go")


def test_a_prober_that_hangs_is_replaced(lab, lvsd):
    """Stopped, it is as one that loops: it neither dies nor answers."""
    daemon = lvsd(checked())
    await_states(daemon, ("up", "up", "up"))
    guardian, = children(daemon.child.pid)
    prober, = children(guardian)
    begin = time.monotonic()
    os.kill(prober, signal.SIGSTOP)
    with without_nginx(lab, "rs2"):
        daemon.await_log("the prober has said nothing for 10 s; it is ended", timeout=12 + SLACK)
        assert time.monotonic() - begin > 8
        assert [*states(daemon).values()] == ["up", "up", "up"]  # nobody has looked
        daemon.await_log("the prober died; another one goes on", timeout=1 + SLACK)
        assert await_states(daemon, ("up", "down", "up")) < DUE + SLACK
        assert prober not in children(guardian) and len(children(guardian)) == 1
    await_states(daemon, ("up", "up", "up"))


def test_a_prober_with_nothing_to_say_is_left_alone(lab, lvsd):
    """Its only check is rarer than the daemon's patience lasts."""
    daemon = lvsd(checked(check={"interval": "30s"}))
    await_states(daemon, ("up", "up", "up"))
    guardian, = children(daemon.child.pid)
    before = children(guardian)
    made = sum(one["checks_succeeded"] for one in reports(daemon).values())
    time.sleep(14)
    assert children(guardian) == before and "the prober" not in daemon.log()
    assert sum(one["checks_succeeded"] for one in reports(daemon).values()) == made


def test_what_a_busy_worker_does_not_take_is_tried_again(lab, lvsd):
    """The destination is to leave the service, for which the worker is asked what is alive."""
    daemon = lvsd(checked(check={"on_failure": "remove"}))
    await_states(daemon, ("up", "up", "up"))
    wait_for(lambda: weights(daemon) == [1, 1, 1], "weights")
    with without_nginx(lab, "rs2"):
        with stopped_thread(daemon.child.pid, "lvsd-w0"):
            daemon.await_log("10.0.2.12:80 is down", timeout=DUE + SLACK)
            daemon.await_log("worker 0 does not answer", timeout=20)
        wait_for(lambda: weights(daemon) == [1, 1], lambda: daemon.log(), 20)
        assert [*states(daemon).values()] == ["up", "down", "up"]
        assert set(curl_many(lab, VIP["dr"], 4)) == {"rs1", "rs3"}
    await_states(daemon, ("up", "up", "up"))
    wait_for(lambda: sorted(weights(daemon)) == [1, 1, 1], "weights")
    assert "the prober" not in daemon.log()  # it was not silent; nobody listened for a while


def test_quorum_sorry_server_and_hooks(lab, lvsd):
    told = lab.path("told")
    hook = lab.path("hook.sh")
    with open(hook, "w", encoding="ascii") as file:
        file.write(f"#!/bin/sh\necho $LVSD_SERVICE $LVSD_EVENT $LVSD_DESTINATION >> {told}\n")
    os.chmod(hook, 0o755)
    open(told, "w", encoding="ascii").close()
    os.chmod(told, 0o666)
    daemon = lvsd(checked(rows=(RS1, RS2), quorum={"weight": 1}, hooks={"command": [hook]},
                          sorry_server=destinations(RS3)[0]))
    await_states(daemon, ("up", "up"))
    wait_for(lambda: weights(daemon) == [1, 1, 0], "weights")
    with without_nginx(lab, "rs1"), without_nginx(lab, "rs2"):
        await_states(daemon, ("down", "down"))
        wait_for(lambda: weights(daemon) == [0, 0, 1], "weights")
        assert curl_many(lab, VIP["dr"], 4) == {"rs3": 4}
    await_states(daemon, ("up", "up"))
    wait_for(lambda: weights(daemon) == [1, 1, 0], "weights")
    assert set(curl_many(lab, VIP["dr"], 4)) == {"rs1", "rs2"}
    wait_for(lambda: "web quorum_regained" in read(told), lambda: read(told))
    lines = read(told).splitlines()
    assert lines.count("web down 10.0.2.11:80") == 1 and lines.count("web quorum_lost") == 1


def test_an_agent_drains_and_weighs(lab, lvsd):
    start = {"rs1": "ready up 100%", "rs2": "ready up 100%"}
    for server, line in start.items():
        odd(lab, server, "agent " + line)
    agents = [lab.start(server, [PYTHON, os.path.join(HERE, "odd_server.py"),
                                 lab.path(f"{server}.mode"), "9999"]) for server in start]
    daemon = lvsd(checked(rows=(RS1, RS2), check={"agent": {"port": 9999, "interval": "300ms",
                                                            "timeout": "200ms"}}))
    wait_for(lambda: weights(daemon) == [1, 1], "weights")
    odd(lab, "rs1", "agent drain")
    wait_for(lambda: weights(daemon) == [0, 1], "rs1 to drain")
    odd(lab, "rs1", "agent ready\t50%")
    wait_for(lambda: weights(daemon) == [50, 100], "rs1 to weigh half")
    odd(lab, "rs1", "agent 100%")
    odd(lab, "rs2", "agent down#maintenance")
    wait_for(lambda: weights(daemon) == [1, 0], "rs2 to go down")
    for agent in agents:
        lab.stop(agent)
