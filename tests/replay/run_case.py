#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs one replay case: run_case.py LVSCTL CASE [--bless]

A case is a folder with lvsd.yaml, in.pcap, args (further words for lvsctl replay), optionally
status (the exit status to expect, else 0) and:
  expected.pcap  what the director must emit, made by gen.py with scapy, never by lvsd
  expected.txt   verdict, reason, destination and new tuple of each packet; --bless writes it anew
gen.py makes both captures; where scapy is there, it must make the very ones that lie in the folder.
"""
import difflib
import filecmp
import json
import os
import shlex
import subprocess
import sys
import tempfile

SKIPPED = 77  # ctest's SKIP_RETURN_CODE


def describe(report, output):
    """The report as expected.txt has it: one line per packet, what became of it below."""
    start = report["summary"]["first"]
    lines = []
    emitted = {}
    for emission in report["emitted"]:
        emitted.setdefault(emission.get("frame", 0), []).append(emission)

    def since(time):
        seconds, _, nanoseconds = time.partition(".")
        first, _, first_nanoseconds = start.partition(".")
        value = (int(seconds) - int(first)) * 10**9 + int(nanoseconds) - int(first_nanoseconds)
        return "+%d.%03d" % (value // 10**9, value // 10**6 % 1000)

    def leaves(emission):
        how = " routed" if emission.get("routed") else ""
        return "    %s%s %s" % (emission.get("interface", "?"), how, emission["packet"])

    later = [("event", e["time"], e) for e in report["events"]]
    later += [("emission", e["time"], e) for e in emitted.get(0, [])]
    entries = [("packet", p["time"], p) for p in report["packets"]]
    key = {"event": 0, "emission": 1, "packet": 2}
    for kind, time, entry in sorted(later + entries,
                                    key=lambda e: (tuple(map(int, e[1].split("."))), key[e[0]])):
        if kind == "event":
            lines.append("%s %s %s: %s" % (since(time), entry["kind"], entry["file"],
                                           entry["result"]))
            lines += ["    " + message for message in entry["messages"]]
        elif kind == "emission":
            lines.append("%s without a packet" % since(time))
            lines.append(leaves(entry))
        else:
            lines.append("%s %s %s" % (since(time), entry.get("interface", "-"), entry["packet"]))
            words = [entry["verdict"]]
            if "reason" in entry:
                words.append(entry["reason"])
            if "destination" in entry:
                words += [entry["direction"], entry["service"], entry["destination"],
                          entry["method"]]
            if entry.get("new_connection"):
                words.append("new")
            if entry.get("cut"):
                words.append("cut")
            lines.append("  " + " ".join(words))
            lines += [leaves(e) for e in emitted.get(entry["frame"], [])]
    summary = report["summary"]
    for name, count in summary["skipped"].items():
        lines.append("skipped %s %d" % (name, count))
    held = summary["held"]
    if held["packets"]:
        lines.append("held %d: sent later %d, waiting %d%s" % (
            held["packets"], held["sent_later"], held["waiting"],
            "".join(", dropped %s %d" % d for d in held["dropped"].items())))
    for tally in report["destinations"]:
        lines.append("%s %s connections %d requests %d replies %d" % (
            tally["service"], tally["destination"], tally["connections"], tally["requests"],
            tally["replies"]))
    for service in report["services"]:
        for destination in service["destinations"]:
            lines.append("end %s %s%s active %d inactive %d" % (
                service["name"], destination["destination"],
                " retired" if destination["retired"] else "", destination["active"],
                destination["inactive"]))
    difference = report.get("comparison", {}).get("difference")
    if difference:
        lines.append("difference %s" % output.split(" differs from ")[-1].split("\n")[0]
                     if difference["field"] else "difference in number")
    return "\n".join(lines) + "\n"


def fail(message):
    print(message)
    sys.exit(1)


def replay(lvsctl, case, place):
    """Runs the case; its status, report and all bytes it wrote."""
    words = [lvsctl, "replay", "-c", "lvsd.yaml", "--in", "in.pcap", "--expect", "expected.pcap",
             "--json", place + "/report.json", "--out", place + "/out.pcap"]
    with open(case + "/args") as args:
        words += shlex.split(args.read(), comments=True)
    done = subprocess.run(words, cwd=case, text=True, capture_output=True, timeout=60)
    written = {}
    for name in ("report.json", "out.pcap"):
        if os.path.exists(place + "/" + name):
            with open(place + "/" + name, "rb") as file:
                written[name] = file.read()
    return done, written


def check_generator(case, place):
    if subprocess.run([sys.executable, "-c", "import scapy.all"], capture_output=True).returncode:
        print("scapy is not there: gen.py was not checked")
        return SKIPPED
    subprocess.run([sys.executable, case + "/gen.py", place], check=True,
                   env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
    for name in ("in.pcap", "expected.pcap"):
        if not filecmp.cmp(case + "/" + name, place + "/" + name, shallow=False):
            fail("%s: gen.py makes another %s" % (case, name))
    return 0


def main():
    lvsctl, case = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    bless = sys.argv[3:] == ["--bless"]
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        done, written = replay(lvsctl, case, first)
        said = done.stdout + done.stderr
        status = 0
        if os.path.exists(case + "/status"):
            with open(case + "/status") as file:
                status = int(file.read())
        if done.returncode != status:
            fail("status %d instead of %d\n%s" % (done.returncode, status, said))
        again, rewritten = replay(lvsctl, case, second)
        if (again.returncode, again.stdout, again.stderr, rewritten) != (
                done.returncode, done.stdout, done.stderr, written):
            fail("the second run differs from the first")
        got = describe(json.loads(written["report.json"]), done.stdout)
        golden = case + "/expected.txt"
        if bless:
            with open(golden, "w") as file:
                file.write(got)
        with open(golden) as file:
            expected = file.read()
        if got != expected:
            fail("".join(difflib.unified_diff(expected.splitlines(True), got.splitlines(True),
                                              "expected.txt", "got")))
        sys.exit(check_generator(case, first))


if __name__ == "__main__":
    main()
