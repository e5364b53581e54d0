# SPDX-License-Identifier: GPL-2.0-or-later
"""What a checked server may send without end or sense: it harms neither the prober nor other checks.
And a prober that is killed: its states stay, what it had started goes."""
import os
import re
import signal
import time

from checking import children, odd, reports, start_odd
from daemon import configuration, service
from lab import ADDRESS, VIP, processes_in, wait_for
from servers import read

TIMES = {"interval": "400ms", "timeout": "300ms", "rise": 1, "fall": 3, "damping": "off"}
HOSTILE, OURS = "rs3", "rs1"
MANY = 10  # checks of each type at the hostile server
MEGABYTES = 48  # that the prober may grow by


def checked(number, name, server, health, **more):
    return service(name, f"{VIP['dr']}:{5000 + number}/tcp", "dr", ADDRESS[server],
                   health={**TIMES, **health}, **more)


def prober_of(daemon):
    guardian, = children(daemon.child.pid)
    prober, = children(guardian)
    return prober


def largest(pid):
    """What it ever had in memory, in megabytes."""
    return int(re.search(r"VmHWM:\s+(\d+)", read(f"/proc/{pid}/status"))[1]) / 1024


def states(daemon, which):
    return {one["state"] for (name, _), one in reports(daemon).items() if name.startswith(which)}


def await_states(daemon, which, state):
    wait_for(lambda: states(daemon, which) == {state}, lambda: f"{state}: {reports(daemon)}", 15)


def test_what_a_server_sends_harms_nobody(lab, lvsd):
    start_odd(lab, HOSTILE)
    page = {"type": "http", "port": 9000, "body": "well"}
    handshake = {"type": "tls", "port": 9000, "verify": False}
    daemon = lvsd(configuration(
        *(checked(number, f"hostile{number}", HOSTILE, page) for number in range(MANY)),
        *(checked(20 + number, f"secure{number}", HOSTILE, handshake) for number in range(MANY)),
        *(checked(40 + number, "ours-" + kind, OURS, {"type": kind, "port": 80})
          for number, kind in enumerate(("http", "tcp")))))
    await_states(daemon, "hostile", "up")
    await_states(daemon, "ours", "up")
    prober, mark = prober_of(daemon), len(daemon.log())
    before = largest(prober)
    for mode in ("endless", "headers", "flood", "garbage", "drip", "hang"):
        odd(lab, HOSTILE, mode)
        await_states(daemon, "hostile", "down")
        await_states(daemon, "secure", "down")
        time.sleep(0.5)
        odd(lab, HOSTILE, "fine")
        await_states(daemon, "hostile", "up")
    assert largest(prober) - before < MEGABYTES
    assert prober_of(daemon) == prober
    assert not re.search("ours .* is down", daemon.log()[mark:])


def test_a_prober_that_is_killed_leaves_states_and_no_programs(lab, lvsd):
    sleeper = ["/bin/sh", "-c", "sleep 7005 & exec sleep 7005"]
    daemon = lvsd(configuration(
        checked(0, "up", OURS, {"port": 80}), checked(1, "down", OURS, {"port": 81}),
        checked(2, "program", OURS, {"type": "exec", "command": sleeper, "interval": "60s",
                                     "timeout": "60s"})))

    def sleeping():
        return [pid for pid in processes_in(lab.namespace("director"))
                if read(f"/proc/{pid}/comm") == "sleep\n"]
    await_states(daemon, "up", "up")
    await_states(daemon, "down", "down")
    wait_for(lambda: len(sleeping()) == 2, lambda: f"{sleeping()} of the program")
    before = {key: one["state"] for key, one in reports(daemon).items()}
    old = sleeping()
    os.kill(prober_of(daemon), signal.SIGKILL)
    daemon.await_log("the prober died; another one goes on", timeout=10)
    assert not set(old) & set(sleeping())
    assert {key: one["state"] for key, one in reports(daemon).items()} == before
    made = {key: one["checks_succeeded"] + one["checks_failed"]
            for key, one in reports(daemon).items() if key[0] != "program"}
    wait_for(lambda: all(one["checks_succeeded"] + one["checks_failed"] > made[key] + 3
                         for key, one in reports(daemon).items() if key in made), "more checks")
    assert {key: one["state"] for key, one in reports(daemon).items()} == before
    wait_for(lambda: len(sleeping()) == 2, "the program to run again")
    daemon.stop()
    wait_for(lambda: not sleeping(), "the programs to end with the daemon")
