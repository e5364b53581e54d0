#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What questions about a large configuration cost: 10,000 services with ten NAT destinations each, and
one more that answers. Prints how long lvsctl list and plan take; in turns with and without listings
that follow one another, the round trips of small datagrams, what the worker's own histogram says of
their verdicts, and how long its thread waited for a CPU; and how long another client of the control
socket waits while a listing, as text and as JSON, and a plan are made. With two CPUs the round trips
have client, server, lvsctl and the daemon beside them on both; --pin gives the worker one of its own.
    sudo bench/listing.py [--services N] [--rounds N] [--pin]   after scripts/bench, or with LVSD_BUILD set"""
import argparse
import os
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
        end = time.monotonic() + LENGTH
        with Echo(lab) as echo:
            while what and time.monotonic() < end:
                what()
                self.listings += 1
            time.sleep(max(0.0, end - time.monotonic()))
            after = worker.account()
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
    worker, quiet, busy = Worker(daemon), [], []
    for _ in range(rounds):
        quiet.append(Turn(lab, worker))
        busy.append(Turn(lab, worker, lambda: ask("list", "-n")))
    report("without", quiet)
    report("listing", busy)
    ratios = [one.echo.p99() / other.echo.p99() for one, other in zip(busy, quiet)]
    print(f"{sum(turn.listings for turn in busy)} listings; p99 of round trips, listing / without: "
          f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def others_wait(ask, *asked):
    """How long another client waits, again and again until the question is answered."""
    took, waits = [], []
    asking = threading.Thread(target=lambda: took.append(ask(*asked)[0]))
    asking.start()
    while asking.is_alive():
        waits.append(ask("rules")[0])
        time.sleep(0.01)
    asking.join()
    print(f"lvsctl {' '.join(asked)[:12]:12} {took[0]:.2f} s; meanwhile {len(waits)} times lvsctl rules, "
          f"the longest {max(waits):.2f} s")


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
            others_wait(ask, *asked)
        daemon.stop(timeout=60)


if __name__ == "__main__":
    main()
