# SPDX-License-Identifier: GPL-2.0-or-later
"""What is sent through a subject, and what that costs the director: CPU seconds of its processes, and
of everything that its CPU did (softirq included, and whatever else ran there)."""
import json
import os
import re
import socket
import statistics
import time

from lab import LabError
from subjects import DIRECTOR_CPU

TICK = os.sysconf("SC_CLK_TCK")


def process_seconds(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def busy_seconds():
    with open("/proc/stat", encoding="ascii") as file:
        line = next(line for line in file if line.startswith(f"cpu{DIRECTOR_CPU} "))
    user, nice, system, _, _, irq, softirq = map(int, line.split()[1:8])
    return (user + nice + system + irq + softirq) / TICK


class Cost:
    def __init__(self, subject):
        self.subject = subject

    def __enter__(self):
        self.before = process_seconds(self.subject.pids()), busy_seconds()
        return self

    def __exit__(self, *_):
        after = process_seconds(self.subject.pids()), busy_seconds()
        self.process, self.busy = (b - a for a, b in zip(self.before, after))


def iperf3(lab, subject, seconds, *options):
    done = lab.run("client", ["iperf3", "--client", subject.vip, "--port", "5201", "--time",
                              str(seconds), "--json", *options], timeout=seconds + 30)
    return json.loads(done)["end"]


def bulk(lab, subject, seconds, connections, down):
    options = ["--parallel", str(connections)] + (["--reverse"] if down else [])
    with Cost(subject) as cost:
        end = iperf3(lab, subject, seconds, *options)
    gigabytes = end["sum_received"]["bytes"] / 1e9
    return {"gbit_per_s": end["sum_received"]["bits_per_second"] / 1e9,
            "process_s_per_GB": cost.process / gigabytes, "busy_s_per_GB": cost.busy / gigabytes}


def connections(lab, subject, seconds):
    with Cost(subject) as cost:
        text = lab.run("client", ["wrk", "-t1", "-c32", f"-d{seconds}s", "-H", "Connection: close",
                                  f"http://{subject.vip}/"], timeout=seconds + 30)
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
    count = int(re.search(r"(\d+) requests in", text).group(1))
    errors = re.search(r"Socket errors: (.*)", text)
    if errors and not re.fullmatch(r"connect 0, read 0, write 0, timeout 0", errors.group(1)):
        raise LabError(f"{subject.name}: {errors.group(1)}")
    return {"per_s": rate, "process_us_per_connection": cost.process / count * 1e6,
            "busy_us_per_connection": cost.busy / count * 1e6}


def datagrams(lab, subject, seconds):
    """As many small packets as the sender makes; what arrives is what counts."""
    with Cost(subject) as cost:
        end = iperf3(lab, subject, seconds, "--udp", "--length", "64", "--bitrate", "0")
    arrived = end["sum"]["packets"] - end["sum"]["lost_packets"]
    return {"arrived_per_s": arrived / seconds, "process_us_per_packet": cost.process / arrived * 1e6,
            "busy_us_per_packet": cost.busy / arrived * 1e6}


def latency(lab, subject, seconds):
    """One small datagram there and back at a time."""
    times = []
    with lab.socket("client", socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(1)
        asker.connect((subject.vip, 5353))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            start = time.perf_counter()
            asker.send(b"?")
            asker.recv(2048)
            times.append((time.perf_counter() - start) * 1e6)
    times.sort()
    return {"p50_us": statistics.median(times), "p99_us": times[int(len(times) * 0.99)]}


# Name: (what to do, what it needs of a subject); report.py has which figure is shown.
WORKS = {
    "bulk up, 1 connection": (lambda *a: bulk(*a, 1, False), "tcp"),
    "bulk up, 8 connections": (lambda *a: bulk(*a, 8, False), "tcp"),
    "bulk down, 1 connection": (lambda *a: bulk(*a, 1, True), "tcp"),
    "bulk down, 8 connections": (lambda *a: bulk(*a, 8, True), "tcp"),
    "new connections": (connections, "tcp"),
    "small datagrams": (datagrams, "udp"),
    "round trip": (latency, "udp"),
}
