# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of health checks share: states and weights as lvsctl says them, servers that fail."""
import ctypes
import os
import signal
import time
from contextlib import contextmanager

from lab import run, wait_for
from load import Load
from servers import HERE, PYTHON, listening, read, start_nginx


def states(daemon):
    """address:port -> state, of all services."""
    return {one["destination"]: one["state"] for entry in daemon.ctl_json("health")["health"]
            for one in entry["destinations"]}


def await_states(daemon, wanted, timeout=10.0):
    """`wanted`: states in the order of the servers' addresses. How long it took."""
    begin = time.monotonic()
    wait_for(lambda: [*states(daemon).values()] == list(wanted),
             lambda: f"{wanted}; it is {states(daemon)}", timeout)
    return time.monotonic() - begin


def weights(daemon):
    return [one["weight"] for one in daemon.ctl_json("list")["services"][0]["destinations"]]


@contextmanager
def without_nginx(lab, server):
    """Its nginx killed, master and workers; started again at the end."""
    for pid in run(["ip", "netns", "pids", lab.namespace(server)]).split():
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                if file.read().strip() == "nginx":
                    os.kill(int(pid), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            pass
    yield
    start_nginx(lab, server)


@contextmanager
def load_of_new_connections(lab, vip, name):
    """One connection a request; nothing of it may fail."""
    load = Load(lab, f"http://{vip}/", connections=8, new_connections=True, name=name)
    yield
    time.sleep(0.5)
    report = load.stop()
    assert report.failed == 0 and report.requests > 20, report.text


def odd(lab, server, mode):
    """What odd_server.py does with connections from now on."""
    path = lab.path(f"{server}.mode")
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(mode)
    os.replace(path + ".new", path)


def start_odd(lab, server, *more):
    odd(lab, server, "fine")
    log = lab.path(f"{server}-odd.log")
    program = os.path.join(HERE, "odd_server.py")
    child = lab.start(server, [PYTHON, program, lab.path(f"{server}.mode"), "9000", *more], log=log)
    wait_for(lambda: listening(lab, server, 9000), lambda: f"odd_server: {read(log)}")
    return child


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def reports(daemon):
    """(service, address:port) -> what lvsctl health says of it."""
    return {(entry["name"], one["destination"]): one
            for entry in daemon.ctl_json("health")["health"] for one in entry["destinations"]}


@contextmanager
def stopped_thread(pid, name):
    """One thread of a process stands still, while the others go on: as a debugger does it."""
    seize, interrupt, detach, every_child = 0x4206, 0x4207, 17, 0x40000000  # ptrace(2), waitpid(2)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def ptrace(request):
        if libc.ptrace(request, thread, None, None) < 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of {name}")
    thread, = (int(one) for one in os.listdir(f"/proc/{pid}/task")
               if read(f"/proc/{pid}/task/{one}/comm") == name + "\n")
    ptrace(seize)
    try:
        ptrace(interrupt)
        os.waitpid(thread, every_child)
        yield
    finally:
        ptrace(detach)
