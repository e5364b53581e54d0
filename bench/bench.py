# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures lvsd beside what a user would take instead, in one laboratory of network namespaces.

Subjects take turns in every round, so that what else the machine does hits all of them; a figure is
the median over the rounds, beside its smallest and largest."""
import argparse
import glob
import json
import os
import platform
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "netns"))
os.environ.setdefault("LVSD_BUILD", os.path.join(ROOT, "build"))

import report  # noqa: E402
import servers  # noqa: E402
import tc_decap  # noqa: E402
from lab import ADDRESS, VIP, Lab, LabError  # noqa: E402
from subjects import DIRECTOR_CPU, all_subjects  # noqa: E402
from work import WORKS, compare_hashes  # noqa: E402


def first_line(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True,
                              timeout=10).stdout.splitlines()[0].strip()
    except (OSError, subprocess.SubprocessError, IndexError):
        return None


def processor():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def machine():
    return {"processor": processor(), "cpus": os.cpu_count(), "kernel": platform.release(),
            "date": time.strftime("%Y-%m-%d"),
            "revision": first_line(["git", "-C", ROOT, "describe", "--always", "--dirty"]),
            "haproxy": first_line(["haproxy", "-v"]), "load_at_start": os.getloadavg()[0]}


def quiet_switches(lab):
    """A switch does not ask iptables about a packet; a bridge does, where br_netfilter is there, and
    a seventh of the director's CPU went into that."""
    with lab.inside("fabric"):
        for path in glob.glob("/proc/sys/net/bridge/bridge-nf-call-*tables"):
            with open(path, "w", encoding="ascii") as file:
                file.write("0")


def prepare(lab):
    """One connection's far end is one program: each address of the server has an iperf3 of its own."""
    servers.start_nginx(lab, "rs1")
    servers.start_udp_echo(lab, "rs1")
    tunnel = tc_decap.start(lab, "rs1")
    lab.start("rs1", [sys.executable, os.path.join(ROOT, "bench", "hash_server.py"), "5202"],
              log=lab.path("hash.log"))
    for address in (ADDRESS["rs1"], VIP["dr"], VIP["tun"]):
        servers.start_iperf3(lab, "rs1", address)
    quiet_switches(lab)
    # Or thousands of connections that are over keep their ports from the next subject.
    for space in ("client", "director", "rs1"):
        lab.sysctl(space, "net/ipv4/tcp_max_tw_buckets", 0)
    for device in ("cl", "be"):
        lab.run("director", ["sh", "-c", f"echo {1 << DIRECTOR_CPU:x} > "
                                         f"/sys/class/net/{device}/queues/rx-0/rps_cpus"])
    return tunnel


# One that fails is reported and left out; the others go on.
FAILURES = (LabError, OSError, KeyError, ValueError, AttributeError, ZeroDivisionError,
            subprocess.SubprocessError)


def measure(lab, subject, works, seconds, results):
    """Why it cannot be measured, or nothing."""
    try:
        subject.start()
        if subject.hashes:
            compare_hashes(lab, subject)
        for name in works:
            what, needs = WORKS[name]
            if not (subject.udp if needs == "udp" else subject.tcp):
                continue
            if subject.method == "drop" and name != "small datagrams":
                continue
            if not subject.hashes and subject.tcp and name != "new connections":
                continue  # it has nothing else behind it
            try:
                figures = what(lab, subject, seconds)
            except FAILURES as wrong:
                print(f"  {subject.name}, {name}: {str(wrong).splitlines()[-1]}", file=sys.stderr)
                continue
            for figure, value in figures.items():
                results.setdefault(name, {}).setdefault(subject.name, {}).setdefault(
                    figure, []).append(value)
    except FAILURES as wrong:
        return str(wrong).splitlines()[-1]
    finally:
        try:
            subject.stop()
        except FAILURES as wrong:
            print(f"  {subject.name} did not go: {wrong}", file=sys.stderr)
    return None


def summary(results):
    return {work: {subject: {figure: {"median": statistics.median(values), "min": min(values),
                                      "max": max(values), "runs": len(values)}
                             for figure, values in figures.items()}
                   for subject, figures in subjects.items()}
            for work, subjects in results.items()}


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 rounds of 2 s: to try it")
    parser.add_argument("--full", action="store_true",
                        help="everything in a quarter of an hour: 2 rounds of 3 s")
    parser.add_argument("--rounds", type=int, help="how often each is measured (5)")
    parser.add_argument("--seconds", type=int, help="how long each time (10)")
    parser.add_argument("--only", metavar="NAMES", help="subjects, separated by commas")
    parser.add_argument("--work", metavar="NAMES", help="kinds of work, separated by commas")
    parser.add_argument("--json", metavar="FILE", help="write all figures")
    parser.add_argument("--svg", metavar="FILE", help="draw them")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick or options.full else 5)
    options.seconds = options.seconds or (2 if options.quick else 3 if options.full else 10)
    return options


def chosen(names, known):
    """Names may hold commas themselves: the longest that fits is meant."""
    if not names:
        return list(known)
    wanted, rest = [], names
    while rest := rest.lstrip(", "):
        fits = [name for name in known if rest == name or rest.startswith(name + ",")]
        if not fits:
            sys.exit(f"bench: there is no {rest!r}; there are: {'; '.join(known)}")
        wanted.append(max(fits, key=len))
        rest = rest[len(wanted[-1]):]
    return wanted


def main():
    options = arguments()
    if os.geteuid() != 0 or (os.cpu_count() or 1) < 2:
        sys.exit("bench: needs root and two CPUs, one of them for the director")
    works = chosen(options.work, WORKS)
    os.sched_setaffinity(0, set(range(os.cpu_count())) - {DIRECTOR_CPU})
    out = {"version": 1, "machine": machine(), "rounds": options.rounds,
           "seconds": options.seconds, "left_out": {}}
    results = {}
    with Lab(offloads=True) as lab:
        out["machine"]["tunnel_end"] = prepare(lab)
        subjects = {subject.name: subject for subject in all_subjects(lab)}
        names = chosen(options.only, subjects)
        for name in names:
            if reason := subjects[name].missing():
                out["left_out"][name] = reason
                print(f"left out: {name}: {reason}", file=sys.stderr)
        present = [name for name in names if name not in out["left_out"]]
        for number in range(options.rounds):
            for name in present:
                print(f"round {number + 1} of {options.rounds}: {name}", file=sys.stderr)
                wrong = measure(lab, subjects[name], works, options.seconds, results)
                if wrong:
                    out["left_out"][name] = wrong
                    print(f"left out: {name}: {wrong}", file=sys.stderr)
            present = [name for name in present if name not in out["left_out"]]
    out["results"] = summary(results)
    print(report.table(out))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(out, file, indent=1)
            file.write("\n")
    if options.svg:
        with open(options.svg, "w", encoding="utf-8") as file:
            file.write(report.chart(out))


if __name__ == "__main__":
    main()
