#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What questions about a large configuration cost: 10,000 services with ten NAT destinations each, and
one more that answers. Prints how long lvsctl list and plan take, the round trips of small datagrams
while listings follow one another beside those before and their ratio, and how long another client of
the control socket waits while a plan is made.
    sudo bench/listing.py [SERVICES]       after scripts/bench, or with LVSD_BUILD set"""
import os
import subprocess
import sys
import threading
import time

from reload import EACH, Echo, configuration

import servers
from daemon import Lvsd
from lab import Lab
from servers import build_directory

ROUNDS = 5


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


def busy(work):
    """Runs it in a thread; a function that says whether it has ended."""
    thread = threading.Thread(target=work)
    thread.start()
    return lambda: not thread.is_alive()


def main():
    services = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    with Lab() as lab:
        servers.start_udp_echo(lab, "rs1")
        daemon = Lvsd(lab, configuration(services, 1), name="listing")
        daemon.start(timeout=300)
        ask = Asker(lab, daemon)
        print(f"{services + 1} services, {services * EACH + 1} destinations")
        for asked in (["list", "-n"], ["list", "-n", "--stats"], ["list", "--json"]):
            times = sorted(ask(*asked)[0] for _ in range(ROUNDS))
            print(f"lvsctl {' '.join(asked):15} {times[ROUNDS // 2]:.2f} s "
                  f"({times[0]:.2f} to {times[-1]:.2f}), {len(ask(*asked)[1]) / 1e6:.1f} MB")
        with Echo(lab) as quiet:
            time.sleep(5)
        with Echo(lab) as meanwhile:
            for _ in range(ROUNDS):
                ask("list", "-n")
        print(f"while listing: {meanwhile.words()}; without: {quiet.words()}")
        print(f"p99 while listing / without: {meanwhile.p99() / quiet.p99():.2f}")

        next_file = lab.path("next.yaml")
        with open(next_file, "w", encoding="utf-8") as file:
            file.write(configuration(services, 1, "weight"))
        took = []
        ended = busy(lambda: took.append(ask("plan", next_file)[0]))
        waits = []
        while not ended():
            waits.append(ask("rules")[0])
        print(f"lvsctl plan {took[0]:.2f} s; meanwhile {len(waits)} times lvsctl rules, "
              f"the longest {max(waits):.2f} s")
        daemon.stop(timeout=60)


if __name__ == "__main__":
    main()
