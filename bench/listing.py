#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What questions about a large configuration cost: 10,000 services with ten NAT destinations each, and
one more that answers. Prints how long lvsctl list and plan take; in turns with and without listings
that follow one another, the round trips of small datagrams, what the worker's own histogram says of
their verdicts, and how long its thread waited for a CPU; how long other clients of the control socket
wait while a listing, as text and as JSON, a plan, the metrics and a dump to the log are made; and the
same figures beside two readers who ask for explanations in a loop. With two CPUs the round trips
have client, server, lvsctl and the daemon beside them on both; --pin gives the worker one of its own.
    sudo bench/listing.py [--services N] [--rounds N] [--pin]   after scripts/bench, or with LVSD_BUILD set"""
import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import threading
import time

from probes import WORKER_CPU, pin, quantile, verdicts
from reload import Echo, configuration

import servers
from daemon import Lvsd
from lab import Lab
from servers import build_directory

REPEATED = 5
LENGTH = 1.5  # seconds of each turn
# Of a client to the first service.
SYN = "450000280001000040060bcd0a000102640000010fa0005000000000000000005002200000000000"


class Asker:
    """lvsctl in the director's namespace, without a shell's time in the measure."""

    def __init__(self, lab, daemon):
        self.words = lab.command("director", [os.path.join(build_directory(), "lvsctl")])
        self.run_dir = daemon.run_dir

    def __call__(self, *asked):
        start = time.perf_counter()
        done = subprocess.run([*self.words, *asked, "--run-dir", self.run_dir],
                              stdout=subprocess.PIPE, check=False, timeout=300)
        return time.perf_counter() - start, done.stdout


class Worker:
    """Its thread's own account: milliseconds on a CPU, milliseconds of waiting for one, and how often."""

    def __init__(self, daemon):
        tasks = f"/proc/{daemon.child.pid}/task"
        self.paths = []
        for thread in os.listdir(tasks):
            with open(f"{tasks}/{thread}/comm", encoding="ascii") as file:
                if file.read().startswith("lvsd-w"):
                    self.paths.append(f"{tasks}/{thread}/schedstat")

    def account(self):
        total = [0, 0, 0]
        for path in self.paths:
            with open(path, encoding="ascii") as file:
                total = [a + int(b) for a, b in zip(total, file.read().split())]
        return total


class Turn:
    """Datagrams for a while, beside `what` again and again, where something is given."""

    def __init__(self, lab, worker, what=None):
        seen, before, self.listings = verdicts(lab), worker.account(), 0
        start = time.monotonic()
        end = start + LENGTH
        with Echo(lab) as echo:
            while what and time.monotonic() < end:
                what()
                self.listings += 1
            time.sleep(max(0.0, end - time.monotonic()))
            after, self.took = worker.account(), time.monotonic() - start
        _, self.verdict99 = quantile(seen, verdicts(lab), 0.99)  # within its bucket, evenly
        self.run, self.waited, self.woken = (new - old for new, old in zip(after, before))
        self.echo = echo

    def wait_each(self):
        return self.waited / max(self.woken, 1) / 1e3


def report(name, turns):
    times = sorted(one for turn in turns for one in turn.echo.times)
    sent = sum(turn.echo.sent for turn in turns)
    print(f"{name:>8}: {sent} sent, {sent - len(times)} lost, p50 {statistics.median(times):.2f} ms, "
          f"p99 {times[int(len(times) * 0.99)]:.2f} ms; p99 of verdicts "
          f"{statistics.median(turn.verdict99 for turn in turns):.0f} us "
          f"({min(t.verdict99 for t in turns):.0f} to {max(t.verdict99 for t in turns):.0f}); a worker "
          f"waited {statistics.median(turn.wait_each() for turn in turns):.0f} us for its CPU each time")


def in_turns(lab, daemon, ask, rounds):
    worker, quiet = Worker(daemon), []
    kinds = {"-n": [], "--json": []}
    for _ in range(rounds):
        quiet.append(Turn(lab, worker))
        for kind, turns in kinds.items():
            turns.append(Turn(lab, worker, lambda kind=kind: ask("list", kind)))
    report("without", quiet)
    for kind, busy in kinds.items():
        report(kind, busy)
        ratios = [one.echo.p99() / other.echo.p99() for one, other in zip(busy, quiet)]
        print(f"{sum(turn.listings for turn in busy)} listings; p99 of round trips, listing / without: "
              f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def others_wait(ask, name, what):
    """How long other clients wait, again and again until `what` is done."""
    took, waits = [], {"rules": [], "status": []}

    def do():
        start = time.perf_counter()
        what()
        took.append(time.perf_counter() - start)
    asking = threading.Thread(target=do)
    asking.start()
    while asking.is_alive():
        for other, times in waits.items():
            times.append(ask(other)[0])
        time.sleep(0.01)
    asking.join()
    said = ", ".join(f"{len(times)} times lvsctl {other}, the longest {max(times):.2f} s"
                     for other, times in waits.items())
    print(f"{name:18} {took[0]:.2f} s; meanwhile {said}")


def scrape(lab):
    subprocess.run(lab.command("director", ["curl", "-sS", "--fail", "-o", "/dev/null",
                                            "http://127.0.0.1:9100/metrics"]), check=True, timeout=300)


def dump(daemon):
    daemon.child.send_signal(signal.SIGUSR1)
    start = len(daemon.log())
    daemon.await_log('"uptime_seconds"', 60, start)


def explain_in_a_loop(lab, daemon, rounds):
    """Two readers that ask again and again: in turns with and without, what a worker's thread ran."""
    worker, answers = Worker(daemon), []
    request = json.dumps({"command": "explain", "packet": SYN}).encode() + b"\n"

    def ask(end):
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(os.path.join(daemon.run_dir, "lvsd.sock"))
            with asking.makefile("rb") as lines:
                while time.monotonic() < end:
                    asking.sendall(request)
                    answers.append(len(lines.readline()))

    def both():
        asking = [threading.Thread(target=ask, args=(time.monotonic() + LENGTH,)) for _ in range(2)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
    quiet, busy = [], []
    for _ in range(rounds):
        quiet.append(Turn(lab, worker))
        busy.append(Turn(lab, worker, both))
    report("without", quiet)
    report("explain", busy)
    shares = [statistics.median(turn.run / turn.took / 1e9 for turn in turns) for turns in (quiet, busy)]
    print(f"{len(answers) / rounds / LENGTH:.0f} explanations a second; a worker's thread ran "
          f"{shares[0]:.1%} of the time without them, {shares[1]:.1%} with")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pin", action="store_true")
    parser.set_defaults(destinations=10, workers=1, checked=False)  # what configuration() goes by
    words = parser.parse_args()
    if words.pin:
        os.sched_setaffinity(0, set(range(os.cpu_count())) - {WORKER_CPU})
    with Lab() as lab:
        servers.start_udp_echo(lab, "rs1")
        daemon = Lvsd(lab, configuration(words), name="listing",
                      options=["--metrics", "127.0.0.1:9100"])
        daemon.start(timeout=300)
        if words.pin:
            pin(daemon)
        ask = Asker(lab, daemon)
        print(f"{words.services + 1} services, {words.services * words.destinations + 1} destinations")
        for asked in (["list", "-n"], ["list", "-n", "--stats"], ["list", "--json"]):
            times = sorted(ask(*asked)[0] for _ in range(REPEATED))
            print(f"lvsctl {' '.join(asked):15} {times[REPEATED // 2]:.2f} s "
                  f"({times[0]:.2f} to {times[-1]:.2f}), {len(ask(*asked)[1]) / 1e6:.1f} MB")
        in_turns(lab, daemon, ask, words.rounds)
        next_file = lab.path("next.yaml")
        with open(next_file, "w", encoding="utf-8") as file:
            file.write(configuration(words, "weight"))
        for asked in (["list", "-n"], ["list", "--json"], ["plan", next_file]):
            others_wait(ask, "lvsctl " + " ".join(asked)[:11], lambda asked=asked: ask(*asked))
        others_wait(ask, "GET /metrics", lambda: scrape(lab))
        others_wait(ask, "SIGUSR1", lambda: dump(daemon))
        explain_in_a_loop(lab, daemon, words.rounds)
        daemon.stop(timeout=60)


if __name__ == "__main__":
    main()
