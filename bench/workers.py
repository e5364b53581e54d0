#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sudo bench/workers.py [--rounds N] [--packets N] [--trickle]: what a small packet costs
the workers, one or two of them, in turns, from 1024 client addresses. Prints
microseconds of CPU per packet and the ratio of the medians. LVSD_BUILD says where lvsd is.

The daemon is stopped while packets are sent, and takes what waits for it when it goes on: a
sender that runs meanwhile would share its CPU with one of two workers, never with a single one, and
be interrupted by it for every few packets. --trickle measures just that."""
import argparse
import os
import signal
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/netns"))
from daemon import Lvsd, configuration, service  # noqa: E402
from lab import ADDRESS, VIP, Lab, wait_for  # noqa: E402

CLIENTS = [f"10.1.{n // 256}.{n % 256}" for n in range(1, 1025)]
PORT, PAYLOAD = 5353, b"x" * 22  # 64 bytes on the wire
BACKLOG = 4096                   # packets that wait at most: what a queue of the usual length holds
BURST = 256                      # of a trickle, so that queues never fill


def sockets(lab):
    import socket
    made = []
    with lab.inside("client"):
        for client in CLIENTS:
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.bind((client, 0))
            one.connect((VIP["dr"], PORT))
            made.append(one)
    return made


def cpu_seconds(pid):
    """What the worker threads have used, as the scheduler counts it."""
    nanoseconds = 0
    for task in os.scandir(f"/proc/{pid}/task"):
        with open(f"{task.path}/comm", encoding="ascii") as name:
            if not name.read().startswith("lvsd-w"):
                continue
        with open(f"{task.path}/schedstat", encoding="ascii") as file:
            nanoseconds += int(file.read().split()[0])
    return nanoseconds / 1e9


def received(daemon):
    return sum(one["received"] for one in daemon.ctl_json("status")["status"]["workers"])


def send_backlogs(daemon, clients, packets):
    for first in range(0, packets, BACKLOG):
        already, count = received(daemon), min(BACKLOG, packets - first)
        os.kill(daemon.child.pid, signal.SIGSTOP)
        try:
            for number in range(first, first + count):
                clients[number % len(clients)].send(PAYLOAD)
        finally:
            os.kill(daemon.child.pid, signal.SIGCONT)
        wait_for(lambda: received(daemon) >= already + count, "the packets")


def send_trickle(daemon, clients, packets):
    already = received(daemon)
    for number in range(packets):
        clients[number % len(clients)].send(PAYLOAD)
        if number % BURST == 0:
            time.sleep(0.001)
    wait_for(lambda: received(daemon) >= already + packets * 0.99, "the packets")


def measure(lab, clients, workers, packets, send):
    text = configuration(service("echo", f"{VIP['dr']}:{PORT}/udp", "dr", ADDRESS["rs1"]),
                         director={"workers": workers})
    with Lvsd(lab, text, name=f"workers{workers}") as daemon:
        for client in clients:  # connections first
            client.send(PAYLOAD)
        wait_for(lambda: received(daemon) >= len(clients), "the first packets")
        before, pid = received(daemon), daemon.child.pid
        start = cpu_seconds(pid)
        send(daemon, clients, packets)
        used = cpu_seconds(pid) - start
        found = daemon.ctl_json("status")["status"]["workers"]
        assert all(one["handed_on"] == 0 for one in found), found
        return used / (received(daemon) - before) * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--packets", type=int, default=200_000)
    parser.add_argument("--trickle", action="store_true",
                        help="send while the workers work, a few at a time")
    words = parser.parse_args()
    send = send_trickle if words.trickle else send_backlogs
    costs = {1: [], 2: []}
    with Lab() as lab:
        lab.run("rs1", ["iptables", "-t", "raw", "-A", "PREROUTING", "-p", "udp", "-j", "DROP"])
        clients = sockets(lab)
        for number in range(words.rounds):
            for workers in ((1, 2), (2, 1))[number % 2]:
                costs[workers].append(measure(lab, clients, workers, words.packets, send))
                print(f"{workers} worker(s): {costs[workers][-1]:.2f} us per packet", flush=True)
    one, two = (statistics.median(costs[workers]) for workers in (1, 2))
    print(f"medians {one:.2f} and {two:.2f} us per packet: two workers cost {two / one:.2f} of one")


if __name__ == "__main__":
    main()
