#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What health checks cost the traffic beside them: DESTINATIONS tcp checks, ten of each a second, off
and on in turns, while datagrams load the director and paced ones measure it; and in a third turn no
checks but a program that only counts, for as much of a CPU as the checks had: two CPUs of a virtual
machine may be one core, and what any neighbour does to the worker there is not the checks' doing.
Prints round trips and the worker's verdicts (its own histogram) of all, their ratios, and the CPU
time of each probe. The worker has CPU 1; all else shares the others. The
checked servers are those of a TUN service; with METHOD nat of a NAT service, whose answers to checks
pass no worker either where the kernel finds their sockets first.
    sudo bench/probes.py [DESTINATIONS [ROUNDS [SECONDS [METHOD]]]]   with LVSD_BUILD set to an optimized build"""
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "netns"))
os.environ.setdefault("LVSD_BUILD", os.path.join(ROOT, "build"))

import servers  # noqa: E402
from checking import children  # noqa: E402
from daemon import Lvsd  # noqa: E402
from lab import ADDRESS, VIP, Lab, wait_for  # noqa: E402

LOAD = 5000  # datagrams a second beside the paced ones
PACE = 0.002
HERTZ = 10  # of each check
WORKER_CPU = 1
LISTENERS = """
import resource, socket, time
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
kept = [socket.create_server((name, 80), backlog=4096) for name in {names}]
print("ready", flush=True)
time.sleep(1e6)
"""


def address(number):
    return f"10.8.{number // 250}.{number % 250 + 1}"


def configuration(count, method, checked):
    health = {"type": "tcp", "interval": f"{1000 // HERTZ}ms", "timeout": f"{1000 // HERTZ}ms",
              "jitter": 0, "fall": 5}
    rows = [{"address": address(number)} for number in range(count)]
    return json.dumps({
        "director": {"announce": True, "workers": 1},
        "services": [
            {"name": "echo", "listen": f"{VIP['dr']}:5353/udp", "method": "dr",
             "destinations": [{"address": ADDRESS["rs1"]}]},
            {"name": "checked", "listen": f"{VIP[method]}:80/tcp", "method": method,
             "health": health if checked else "off", "destinations": rows}]})


def start_listeners(lab, count):
    """They accept nothing: a connection that was made and reset is all that a check of this kind is."""
    log = lab.path("listeners.log")
    lab.sysctl("rs2", "net/core/somaxconn", 4096)
    lab.ip("rs2", "route add local 10.8.0.0/16 dev lo")
    lab.ip("director", f"route add 10.8.0.0/16 via {ADDRESS['rs2']}")
    text = LISTENERS.format(names=[address(number) for number in range(count)])
    lab.start("rs2", [servers.PYTHON, "-c", text], log=log)
    wait_for(lambda: "ready" in servers.read(log), lambda: servers.read(log), 30)


COUNTER = """
import sys, time
share = float(sys.argv[1])
while True:
    end = time.perf_counter() + share / 1000
    while time.perf_counter() < end:
        pass
    time.sleep((1 - share) / 1000)
"""


class Load:
    """Datagrams that nobody waits for, LOAD a second."""

    def __init__(self, lab):
        self.socket = lab.socket("client", socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((VIP["dr"], 5353))
        self.socket.setblocking(False)
        self.ended = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        sent, begin = 0, time.monotonic()
        while not self.ended:
            due = int((time.monotonic() - begin) * LOAD)
            for _ in range(min(due - sent, 64)):
                try:
                    self.socket.send(b"load")
                except OSError:
                    pass
            sent = due
            time.sleep(0.001)

    def stop(self):
        self.ended = True
        self.thread.join()
        self.socket.close()


def round_trips(lab, seconds):
    """In microseconds."""
    times, end = [], time.monotonic() + seconds
    with lab.socket("client", socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(1)
        asker.connect((VIP["dr"], 5353))
        while time.monotonic() < end:
            begin = time.perf_counter()
            asker.send(b"?")
            try:
                asker.recv(2048)
            except TimeoutError:
                pass
            taken = time.perf_counter() - begin
            times.append(taken * 1e6)
            time.sleep(max(PACE - taken, 0))
    return times


def cpu_seconds(pid, thread=None):
    path = f"/proc/{pid}/task/{thread}/stat" if thread else f"/proc/{pid}/stat"
    with open(path, encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def probed(daemon):
    """Checks that were made, and how many of them failed."""
    rows = [one for entry in daemon.ctl_json("health")["health"] for one in entry["destinations"]]
    failed = sum(one["checks_failed"] for one in rows)
    return failed + sum(one["checks_succeeded"] for one in rows), failed


def verdicts(lab):
    """Upper bound in microseconds -> packets, of the worker's histogram."""
    page = lab.run("director", ["curl", "-s", "http://127.0.0.1:9100/metrics"])
    rows = re.findall(r'lvsd_verdict_latency_seconds_bucket\{le="([^"]+)"\} (\d+)', page)
    return {float(bound) * 1e6: int(count) for bound, count in rows}


def quantile(before, after, part):
    """Below which that part of the packets stayed: the bound of the histogram's bucket, and the time
    if those in the bucket lie evenly in it, as Prometheus has it."""
    grown = {bound: after[bound] - before[bound] for bound in after}
    wanted, floor, below = part * max(grown.values()), 0.0, 0
    for bound in sorted(grown):
        if grown[bound] >= wanted:
            even = floor if bound == float("inf") else \
                floor + (bound - floor) * (wanted - below) / max(grown[bound] - below, 1)
            return bound, even
        floor, below = bound, grown[bound]
    raise ValueError("no packet was counted")


def pin(daemon):
    """The worker's thread on its CPU, all else on the others."""
    others = set(range(os.cpu_count())) - {WORKER_CPU}
    pid = daemon.child.pid
    for thread in map(int, os.listdir(f"/proc/{pid}/task")):
        os.sched_setaffinity(thread, others if thread == pid else {WORKER_CPU})
    guardian, = children(pid)
    prober, = children(guardian)
    os.sched_setaffinity(prober, others)
    return prober


def measure(lab, daemon, prober, seconds):
    before = cpu_seconds(prober), cpu_seconds(daemon.child.pid, daemon.child.pid), probed(daemon)
    seen, begin = verdicts(lab), time.monotonic()
    times = round_trips(lab, seconds)
    after = verdicts(lab)
    passed = time.monotonic() - begin
    prober_used = cpu_seconds(prober) - before[0]
    daemon_used = cpu_seconds(daemon.child.pid, daemon.child.pid) - before[1]
    made, failed = (new - old for new, old in zip(probed(daemon), before[2]))
    return {"times": sorted(times), "rate": made / passed, "failed": failed,
            "prober": prober_used / passed, "daemon": daemon_used / passed,
            **dict(zip(("bound99", "verdict99"), quantile(seen, after, 0.99)))}


def count_beside(share):
    return subprocess.Popen([sys.executable, "-c", COUNTER, str(min(share, 0.95))])


def at(times, part):
    return times[min(int(len(times) * part), len(times) - 1)]


def report(name, rounds):
    times = sorted(time for each in rounds for time in each["times"])
    middle = {key: statistics.median(each[key] for each in rounds)
              for key in ("rate", "prober", "daemon", "bound99", "verdict99")}
    print(f"{name:>7}: {len(times)} round trips, p50 {at(times, .5):.0f} us, p99 {at(times, .99):.0f} us;"
          f" p99 of verdicts {middle['verdict99']:.0f} us, within {middle['bound99']:.0f} us;"
          f" {middle['rate']:.0f} probes/s, {sum(each['failed'] for each in rounds)} failed;"
          f" prober {middle['prober'] * 100:.0f} % of a CPU, daemon {middle['daemon'] * 100:.0f} %")
    if middle["rate"] > 0:
        print(f"         of each probe: prober {middle['prober'] / middle['rate'] * 1e6:.1f} us,"
              f" daemon {middle['daemon'] / middle['rate'] * 1e6:.1f} us")


def main():
    words = sys.argv[1:]
    *numbers, method = words + ["1000", "6", "4", "tun"][len(words):]
    count, rounds, seconds = map(int, numbers)
    os.sched_setaffinity(0, set(range(os.cpu_count())) - {WORKER_CPU})
    found = {"off": [], "on": [], "counter": []}
    with Lab() as lab:
        servers.start_udp_echo(lab, "rs1")
        start_listeners(lab, count)
        with Lvsd(lab, configuration(count, method, False), options=["--metrics", "127.0.0.1:9100"]) as daemon:
            prober, load = pin(daemon), Load(lab)
            try:
                for name in list(found) * rounds:
                    daemon.reload(configuration(count, method, name == "on"))
                    last = found["on"][-1] if found["on"] else None
                    beside = count_beside(last["prober"] + last["daemon"]) if name == "counter" else None
                    time.sleep(1)
                    try:
                        found[name].append(measure(lab, daemon, prober, seconds))
                    finally:
                        if beside:
                            beside.kill()
                            beside.wait()
            finally:
                load.stop()
    for name, turns in found.items():
        report(name, turns)
    for name, p99 in (("round trips", lambda one: at(one["times"], .99)),
                      ("verdicts", lambda one: one["verdict99"])):
        for beside in ("off", "counter"):
            ratios = [p99(on) / p99(other) for other, on in zip(found[beside], found["on"])]
            print(f"p99 of {name}, on / {beside}: {statistics.median(ratios):.2f}"
                  f" ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
