#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""ipvsadm's own listings against those of lvsctl list, of the same packets: listings.py LVSCTL
[CASE...]

Each case is replayed, and what `lvsctl list --from` prints of the replay's end is compared with the
text that ipvsadm printed then, blanks included. What may differ is what lvsctl(8) names under
"Differences from ipvsadm": the size in the first line, the order of services and destinations, and
of --rate and --persistent-conn the numbers. Of cases that expected.txt does not call identical, the
numbers may differ as it says there, never the shape.
"""
import os
import re
import subprocess
import sys
import tempfile

from run import HERE, read_table
from scenario import Scenario

# The listing, the words of lvsctl list, and whether its numbers are ours to answer for.
FORMS = (("Ln", [], True), ("stats", ["--stats"], True),
         ("stats-exact", ["--stats", "--exact"], True), ("thresholds", ["--thresholds"], True),
         ("persistent-conn", ["--persistent-conn"], False), ("rate", ["--rate"], False),
         ("timeout", ["--timeout"], True))


# Its commands.txt has more commands than its events, to see how ipvsadm refuses or prints them.
UNTOLD = {"listings"}


def without_size(text):
    return re.sub(r"\(size=\d+\)", "(size=N)", text, count=1)


def without_numbers(line):
    """The columns stay: digits become one letter, and leading blanks of a number its width."""
    head, arrow, rest = line.partition("-> ") if "-> " in line else ("", "", line)
    name, _, numbers = rest.partition(" ")
    if not arrow:
        found = re.match(r"(\S+ +\S+)(.*)", rest)
        name, numbers = found.groups() if found else (rest, "")
    return head + arrow + name + re.sub(r" *\d+[KMGT]?", lambda m: "#" * len(m.group()), numbers)


def blocks(text):
    """The title's lines, and each service's line with its destinations' lines sorted below it."""
    title, services = [], []
    for line in text.splitlines():
        if line.startswith("  -> ") and services:
            services[-1].append(line)
        elif re.match(r"(TCP|UDP|SCTP|FWM) ", line):
            services.append([line])
        else:
            title.append(line)
    return title, sorted([each[0], *sorted(each[1:])] for each in services)


def named(text):
    """Whose lines there are: (service, destination or nothing)."""
    return {(tuple(service[0].split()[:2]), tuple(line.split()[:2]))
            for service in blocks(text)[1] for line in service}


def told_of(text, ours):
    """Without the lines of services and destinations that ours does not have."""
    title, services = blocks(text)
    kept = [line for service in services for line in service
            if (tuple(service[0].split()[:2]), tuple(line.split()[:2])) in named(ours)]
    return "\n".join([*title, *kept])


def normal(text, numbers):
    title, services = blocks(without_size(text))
    lines = [*title, *(line for service in services for line in service)]
    return lines if numbers else [without_numbers(line) for line in lines]


def first_line(kernel, ours):
    for a, b in zip([*kernel, *[""] * len(ours)], [*ours, *[""] * len(kernel)]):
        if a != b:
            return "ipvsadm: %r\n  lvsctl:  %r" % (a, b)
    return ""


def differences(lvsctl, case, identical):
    folder = os.path.join(HERE, "cases", case)
    with tempfile.TemporaryDirectory() as place:
        Scenario(lvsctl, folder, place).replay()
        report = os.path.join(place, "report.json")
        for name, words, exact in FORMS:
            path = os.path.join(folder, "end-%s.txt" % name)
            if not os.path.exists(path):
                continue
            with open(path, encoding="utf-8") as file:
                kernel = file.read()
            done = subprocess.run([lvsctl, "list", "-n", *words, "--from", report], text=True,
                                  capture_output=True, timeout=60, check=True)
            numbers = exact and identical
            if case in UNTOLD:
                kernel = told_of(kernel, done.stdout)
            found = first_line(normal(kernel, numbers), normal(done.stdout, numbers))
            if found:
                yield "%s, %s:\n  %s" % (case, name, found)


def main():
    lvsctl, cases = os.path.abspath(sys.argv[1]), sys.argv[2:]
    table, compared, wrong = read_table(), 0, 0
    for case in cases or sorted(table):
        verdict = table[case][0]
        if "lacks: " in table[case][1]:
            continue
        compared += 1
        for found in differences(lvsctl, case, verdict == "identical"):
            wrong += 1
            print(found)
    print("listings of %d cases compared, %d differ" % (compared, wrong))
    return 1 if wrong or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
