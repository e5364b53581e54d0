# SPDX-License-Identifier: GPL-2.0-or-later
"""What is sent through a subject, and what that costs the director: CPU seconds of its processes, and
of everything that its CPU did (softirq included, and whatever else ran there)."""
import hashlib
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


def queue_numbers(lab):
    """How many packets each queue has had: the kernel numbers them."""
    with lab.inside("director"):
        with open("/proc/thread-self/net/netfilter/nfnetlink_queue", encoding="ascii") as file:
            return {int(line.split()[0]): int(line.split()[7]) for line in file}


def dropped_datagrams(lab, subject, seconds):
    with Cost(subject) as cost, lab.socket("client", socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect((subject.vip, 5201))
        sender.setblocking(False)
        before = queue_numbers(lab)[100]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for _ in range(64):
                try:
                    sender.send(b"x" * 64)
                except BlockingIOError:
                    break
        taken = queue_numbers(lab)[100] - before
    return {"arrived_per_s": taken / seconds, "process_us_per_packet": cost.process / taken * 1e6,
            "busy_us_per_packet": cost.busy / taken * 1e6}


def datagrams(lab, subject, seconds):
    """As many small packets as the sender makes; what arrives is what counts."""
    if subject.method == "drop":
        return dropped_datagrams(lab, subject, seconds)
    before = subject.verdicts()
    with Cost(subject) as cost:
        end = iperf3(lab, subject, seconds, "--udp", "--length", "64", "--bitrate", "0")
    verdicts = verdict_p99(before, subject.verdicts())
    arrived = end["sum"]["packets"] - end["sum"]["lost_packets"]
    if subject.name == "null forwarder":
        load["per_s"] = arrived / seconds / 2
    return {"arrived_per_s": arrived / seconds, "process_us_per_packet": cost.process / arrived * 1e6,
            "busy_us_per_packet": cost.busy / arrived * 1e6, **verdicts}


def verdict_p99(before, after):
    """What 99 of 100 packets waited for their verdict at most, as exactly as the histogram tells."""
    counts = {bound: count - before.get(bound, 0) for bound, count in after.items()}
    total = max(counts.values(), default=0)
    if not total:
        return {}
    return {"verdict_p99_us": min(bound for bound, count in counts.items() if count >= total * 0.99)}


# Half of what the null forwarder carries: as soon as that is measured, what it was.
load = {"per_s": 40000.0}


def loaded_latency(lab, subject, seconds):
    """The same while small datagrams go to another port, half as many as the mechanism carries."""
    bits = int(load["per_s"]) * 64 * 8
    sender = lab.start("client", ["iperf3", "--client", subject.vip, "--port", "5201", "--udp",
                                  "--length", "64", "--bitrate", str(bits), "--time",
                                  str(seconds + 2)], log=lab.path("load.log"))
    try:
        time.sleep(0.5)  # until it sends
        before = subject.verdicts()
        found = latency(lab, subject, seconds)
        return {**found, "load_per_s": load["per_s"], **verdict_p99(before, subject.verdicts())}
    finally:
        lab.stop(sender)


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
            try:
                asker.recv(2048)
            except TimeoutError:  # lost under load: counts as what it was waited for
                pass
            times.append((time.perf_counter() - start) * 1e6)
    times.sort()
    return {"p50_us": statistics.median(times), "p99_us": times[int(len(times) * 0.99)]}


def compare_hashes(lab, subject):
    """What leaves the client is what arrives, 64 MiB of it, or it is a LabError."""
    data, times = os.urandom(1 << 20), 64
    digest = hashlib.sha256()
    with lab.socket("client", socket.AF_INET, socket.SOCK_STREAM) as out:
        out.settimeout(30)
        out.connect((subject.vip, 5202))
        out.sendall((len(data) * times).to_bytes(8, "big"))
        for _ in range(times):
            out.sendall(data)
            digest.update(data)
        said = b""
        while part := out.recv(128):
            said += part
    if said.decode() != digest.hexdigest():
        raise LabError(f"{subject.name}: other data arrived than was sent")


# Name: (what to do, what it needs of a subject); report.py has which figure is shown.
WORKS = {
    "bulk up, 1 connection": (lambda *a: bulk(*a, 1, False), "tcp"),
    "bulk up, 8 connections": (lambda *a: bulk(*a, 8, False), "tcp"),
    "bulk down, 1 connection": (lambda *a: bulk(*a, 1, True), "tcp"),
    "bulk down, 8 connections": (lambda *a: bulk(*a, 8, True), "tcp"),
    "new connections": (connections, "tcp"),
    "small datagrams": (datagrams, "udp"),
    "round trip": (latency, "udp"),
    "round trip at half load": (loaded_latency, "udp"),
}
