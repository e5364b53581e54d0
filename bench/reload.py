#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a reload of a large configuration does to traffic: 10,000 services with ten NAT destinations
each, one more that answers, and one weight that changes. Prints how long reading and applying took (the
daemon's log says it), and the round trips of small datagrams meanwhile beside those before.
    sudo bench/reload.py [SERVICES]        after scripts/bench, or with LVSD_BUILD set"""
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
from lab import ADDRESS, VIP, Lab  # noqa: E402

EACH = 10


def configuration(services, weight):
    def octets(number):
        return f"{number // 62500}.{number // 250 % 250}.{number % 250 + 1}"
    lines = ["director: {announce: false}", "services:",
             "  - name: echo", f"    listen: {VIP['dr']}:5353/udp", "    method: dr",
             f"    destinations: [{{address: {ADDRESS['rs1']}}}]"]
    for service in range(services):
        lines += [f"  - name: s{service}", f"    listen: 100.{octets(service)}:80/tcp",
                  "    method: nat", "    scheduler: wlc", "    destinations:"]
        for i in range(EACH):
            changed = service == services // 2 and i == 0
            lines.append(f"      - {{address: 101.{octets(service * EACH + i)}:8080, "
                         f"weight: {weight if changed else 1}}}")
    return "\n".join(lines) + "\n"


def round_trips(lab, until):
    times = []
    with lab.socket("client", socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(1)
        asker.connect((VIP["dr"], 5353))
        while not until():
            start = time.perf_counter()
            asker.send(b"?")
            try:
                asker.recv(2048)
            except TimeoutError:
                pass
            times.append((time.perf_counter() - start) * 1e3)
    return sorted(times)


def words(times):
    return (f"{len(times)} round trips, p50 {statistics.median(times):.2f} ms, "
            f"p99 {times[int(len(times) * 0.99)]:.2f} ms, longest {times[-1]:.2f} ms")


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) / 1024


def main():
    services = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    with Lab() as lab:
        servers.start_udp_echo(lab, "rs1")
        daemon = Lvsd(lab, configuration(services, 1), name="reload")
        start = time.monotonic()
        daemon.start(timeout=300)
        print(f"{services + 1} services, {services * EACH + 1} destinations: started in "
              f"{time.monotonic() - start:.1f} s, {resident(daemon.child.pid):.0f} MB resident")
        end = time.monotonic() + 3
        print(f"before:   {words(round_trips(lab, lambda: time.monotonic() > end))}")
        daemon.write(configuration(services, 3))
        mark, done = len(daemon.log()), threading.Event()

        def reload():
            try:
                daemon.child.send_signal(1)
                daemon.await_log("reload applied", timeout=300, start=mark)
            finally:
                done.set()
        thread = threading.Thread(target=reload)
        thread.start()
        print(f"reloaded: {words(round_trips(lab, done.is_set))}")
        thread.join()
        print("\n".join(line for line in daemon.log()[mark:].splitlines() if "reload" in line))
        print(f"{resident(daemon.child.pid):.0f} MB resident")
        daemon.stop(timeout=60)


if __name__ == "__main__":
    main()
