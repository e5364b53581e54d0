#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a reload of a large configuration does to traffic: 10,000 services with ten NAT destinations each
(--destinations), each with a check of its own (--checked) or none, and one that answers. In turns a weight changes, a destination comes, a service comes (capture sets and
all), and each goes back. Prints how long reading and applying took (the daemon's log says it), what
CPU the daemon's control thread used, and the round trips of paced datagrams during the reload beside
those of as long a time without one, and how many were lost.
    sudo bench/reload.py [--services N] [--destinations N] [--checked] [--rounds N] [--workers N]   with LVSD_BUILD, or after scripts/bench"""
import argparse
import os
import re
import socket
import statistics
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "netns"))
os.environ.setdefault("LVSD_BUILD", os.path.join(ROOT, "build"))

import servers  # noqa: E402
from daemon import Lvsd  # noqa: E402
from lab import ADDRESS, VIP, Lab, LabError, wait_for  # noqa: E402

KINDS = ("weight", "destination", "service")
PACE = 0.0005  # seconds from one datagram to the next


def octets(number):
    return f"{number // 62500}.{number // 250 % 250}.{number % 250 + 1}"


def service_lines(number, each, more=0, weight=1):
    lines = [f"  - name: s{number}", f"    listen: 100.{octets(number)}:80/tcp", "    method: nat",
             "    scheduler: wlc", "    destinations:"]
    for i in range(each + more):
        lines.append(f"      - {{address: 101.{octets(number * (each + 1) + i)}:8080, "
                     f"weight: {weight if i == 0 else 1}}}")
    return lines


def configuration(words, change=None):
    """Nobody is behind the addresses, so that a check fails at once, and its destination is used all the
    same: what is measured is the reload, not the probes."""
    services = words.services
    check = ["    health: {type: tcp, interval: 60s}", "    panic: 100"] if words.checked else []
    lines = [f"director: {{announce: false, workers: {words.workers}}}", "services:", "  - name: echo",
             f"    listen: {VIP['dr']}:5353/udp", "    method: dr",
             f"    destinations: [{{address: {ADDRESS['rs1']}}}]"]
    for number in range(services + (change == "service")):
        middle = number == services // 2
        lines += service_lines(number, words.destinations, middle and change == "destination",
                               3 if middle and change == "weight" else 1) + check
    return "\n".join(lines) + "\n"


class Echo:
    """A datagram every PACE, whether or not the one before came back."""

    def __init__(self, lab):
        self.socket = lab.socket("client", socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((VIP["dr"], 5353))
        self.socket.settimeout(0.2)
        self.times, self.sent, self.done = [], 0, threading.Event()
        self.threads = [threading.Thread(target=what) for what in (self.receive, self.send)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in reversed(self.threads):
            thread.join()
        self.socket.close()
        self.times.sort()

    def send(self):
        due = time.perf_counter()
        while not self.done.is_set():
            self.socket.send(str(time.perf_counter()).encode())
            self.sent += 1
            due = max(due + PACE, time.perf_counter() - 0.1)
            time.sleep(max(0.0, due - time.perf_counter()))

    def receive(self):
        while True:
            try:
                said = self.socket.recv(2048)
            except TimeoutError:
                if self.done.is_set():
                    return
                continue
            self.times.append((time.perf_counter() - float(said.rpartition(b" ")[2])) * 1e3)

    def p99(self):
        return self.times[int(len(self.times) * 0.99)]

    def words(self):
        return (f"{self.sent} sent, {self.sent - len(self.times)} lost, "
                f"p50 {statistics.median(self.times):.2f} ms, p99 {self.p99():.2f} ms, "
                f"longest {self.times[-1]:.2f} ms")


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) / 1024


def control_seconds(pid):
    with open(f"/proc/{pid}/task/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e9


def reload(daemon):
    mark = len(daemon.log())
    daemon.child.send_signal(1)
    wait_for(lambda: re.search(r"reload (applied|refused|incomplete)", daemon.log()[mark:]),
             "the reload", 300)
    daemon.await_notice("READY=1", 60)  # nor does lvsd get further while nobody reads what it says
    said = daemon.log()[mark:]
    if "reload applied" not in said:
        raise LabError(said)
    return map(int, re.search(r"read in (\d+) ms, applied in (\d+) ms", said).groups())


def measure(lab, daemon, text):
    """How long reading and applying took, the control thread's CPU, and the echo meanwhile."""
    daemon.write(text)
    before, start = control_seconds(daemon.child.pid), time.monotonic()
    with Echo(lab) as busy:
        read, applied = reload(daemon)
        length = time.monotonic() - start
    used = control_seconds(daemon.child.pid) - before
    with Echo(lab) as quiet:
        time.sleep(max(length, 0.5))
    return read, applied, used * 1e3, busy, quiet


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=10000)
    parser.add_argument("--destinations", type=int, default=10)
    parser.add_argument("--checked", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    words = parser.parse_args()
    texts = {kind: configuration(words, kind) for kind in (None, *KINDS)}
    found = {kind: [] for kind in KINDS}
    with Lab() as lab:
        servers.start_udp_echo(lab, "rs1")
        daemon = Lvsd(lab, texts[None], name="reload")
        start = time.monotonic()
        daemon.start(timeout=300)
        print(f"{words.services + 1} services, {words.services * words.destinations + 1} destinations: started in "
              f"{time.monotonic() - start:.1f} s, {resident(daemon.child.pid):.0f} MB resident")
        for _ in range(words.rounds):
            for kind in KINDS:
                for text in (texts[kind], texts[None]):
                    read, applied, used, busy, quiet = measure(lab, daemon, text)
                    found[kind].append((read, applied, used, busy.p99() / quiet.p99()))
                    print(f"{kind:11} read {read:5} ms, applied {applied:4} ms, CPU {used:5.0f} ms; "
                          f"{busy.words()}; without: {quiet.words()}", flush=True)
        for kind, rows in found.items():
            read, applied, used, ratio = (statistics.median(column) for column in zip(*rows))
            print(f"{kind}: medians: read in {read:.0f} ms, applied in {applied:.0f} ms, control thread "
                  f"{used:.0f} ms of CPU, p99 of round trips {ratio:.2f} times that without a reload")
        print(f"{resident(daemon.child.pid):.0f} MB resident")
        daemon.stop(timeout=60)


if __name__ == "__main__":
    main()
