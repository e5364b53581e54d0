#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Replays what a kernel's IPVS was given, and judges what lvsd makes of it: run.py LVSCTL [CASE...]

  --bless      write expected.txt anew: what became identical; a reason for a case that has none
  --document   write doc/oracle.md, the table for readers, from expected.txt
  -v           show the difference of every case that is not identical

A case is `identical` when its rules convert whole, each of its events has a counterpart, every
frame that the director emits is the kernel's, in order per interface, and connections and packets
are counted as ipvsadm listed them at the end; `same-packets` when only such a count differs. What
differs by chance is left out by name (IGNORE). The others are in expected.txt by hand, with their
reason: `by-design` or `not-yet`. The test fails when a case is worse than the table says. See
README.md.
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "expected.txt")
DOCUMENT = os.path.join(HERE, "..", "..", "doc", "oracle.md")
VERDICTS = ("identical", "same-packets", "by-design", "not-yet")
BEST = {"identical": 2, "same-packets": 1}  # others: 0

# What the kernel chooses by chance in packets that the director makes itself: the ip.id, the flow
# label, the UDP port that a tunnel packet comes from; and what its local stack answered: a reset, an
# echo reply, an error to a packet that was left to it.
IGNORE = ["--ignore", "made.ip.id", "--ignore", "made.ip.flow_label", "--ignore", "made.udp.src",
          "--ignore", "stack"]

# IPVS's settings that lvsd has always, with the value it has: setting them so changes nothing.
KERNEL_DEFAULTS = {
    "cache_bypass": "0", "conn_reuse_mode": "1", "conntrack": "0", "expire_nodest_conn": "0",
    "expire_quiescent_template": "0", "nat_icmp_send": "0", "pmtu_disc": "1", "schedule_icmp": "0",
    "secure_tcp": "0", "sloppy_tcp": "0", "sync_version": "1",
}


class Scenario:
    """A case as steps of lvsctl replay; `missing` is what this version has no counterpart for."""

    def __init__(self, lvsctl, case, place):
        self.lvsctl, self.case, self.place = lvsctl, case, place
        self.rules = self.text("ipvs.rules")
        with open(os.path.join(HERE, "network.yaml"), encoding="utf-8") as file:
            self.network = file.read()
        self.missing, self.words, self.files = [], [], 0
        self.loaded = False
        self.oversize = "icmp"
        self.first_config = self.first_network = ""
        for line in self.text("events.txt").splitlines():
            time, _, command = line.partition(" ")
            self.take(time, command)

    def text(self, name):
        with open(os.path.join(HERE, "cases", self.case, name), encoding="utf-8") as file:
            return file.read()

    def write(self, text):
        self.files += 1
        path = os.path.join(self.place, "%d.yaml" % self.files)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def convert(self):
        done = subprocess.run(
            [self.lvsctl, "convert", "--from", "ipvsadm", "--to", "lvsd", "--json"],
            input=self.rules, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stderr)
        answer = json.loads(done.stdout)
        for remark in answer["left_out"]:
            if "its service, of line" not in remark["what"]:
                self.miss(remark["what"])
        return self.write(re.sub(r"(?m)^    destinations:", "    oversize: %s\\g<0>" % (
            self.oversize + "\n"), answer["text"]))

    def miss(self, what):
        what = what.replace(" is not in this version of lvsd", "")
        what = what.replace(" are not in this version of lvsd", "")
        if what not in self.missing:
            self.missing.append(what)

    def take(self, time, command):
        word = command.split()
        if command == "# ipvs.rules loaded":
            self.loaded, self.first_config = True, self.convert()
            self.first_network = self.write(self.network)
        elif command == "# dump end":  # nothing changes, but time goes on until here
            self.words += ["--reload", "%s=%s" % (time, self.convert())]
        elif word[0] == "#":
            if word[1] == "modules" and "ip_vs_ftp" in word:
                self.miss("the FTP helper")
        elif word[0] == "ipvsadm":
            self.rules += command + "\n"
            self.words += ["--reload", "%s=%s" % (time, self.convert())]
        elif word[0] == "sysctl":
            name, _, value = word[1].rpartition(".")[2].partition("=")
            if name == "pmtu_disc" and value in ("0", "1"):
                self.oversize = "icmp" if value == "1" else "fragment"
                self.words += ["--reload", "%s=%s" % (time, self.convert())]
            elif KERNEL_DEFAULTS.get(name) != value:
                self.miss("%s=%s" % (name, value))
        elif word[0] == "ip" and self.change_network(word[1:]):
            if self.loaded:
                self.words += ["--network-at", "%s=%s" % (time, self.write(self.network))]
        else:
            self.miss(command)

    def change_network(self, word):
        """ip(8)'s words into the network file; whether they could be."""
        if word[:2] == ["link", "set"] and word[3] == "mtu":
            self.network, count = re.subn(r"(name: %s,.*? mtu: )\d+" % re.escape(word[2]),
                                          r"\g<1>" + word[4], self.network)
            return count == 1
        if word[:2] == ["route", "add"] and word[3] == "via" and len(word) == 5:
            line = "routes:\n  - {to: %s, via: %s}\n" % (word[2], word[4])
            self.network = self.network.replace("routes:\n", line, 1)
            return True
        return False

    def replay(self):
        case = os.path.join(HERE, "cases", self.case)
        report = os.path.join(self.place, "report.json")
        done = subprocess.run(
            [self.lvsctl, "replay", "-c", self.first_config, "--network", self.first_network,
             "--in", os.path.join(case, "in.pcap"), "--expect", os.path.join(case, "out.pcap"),
             "--json", report, *IGNORE, *self.words],
            capture_output=True, text=True, timeout=60, check=False)
        if done.returncode not in (0, 1):
            raise RuntimeError("lvsctl replay: status %d\n%s" % (done.returncode, done.stderr))
        with open(report, encoding="utf-8") as file:
            return json.load(file), done.stdout


def read_listing(case, name, columns):
    """{(service, destination): numbers} of ipvsadm's listing; empty where it printed none."""
    path = os.path.join(HERE, "cases", case, name)
    counts, service = {}, None
    if not os.path.exists(path):
        return counts
    with open(path, encoding="utf-8") as file:
        for line in file:
            word = line.split()
            if word[:1] == ["->"] and service and word[1] != "RemoteAddress:Port":
                counts[service, word[1]] = [int(number) for number in word[columns]]
            elif word and word[0] in ("TCP", "UDP", "SCTP"):
                service = word[1] + "/" + word[0].lower()
    return counts


def count_differences(report, case):
    """Which numbers of the listings at the end are not the kernel's."""
    ours = {(service["listen"], one["destination"]): [one["active"], one["inactive"]]
            for service in report["services"] for one in service["destinations"]}
    packets = {}
    for one in report["destinations"]:
        sums = packets.setdefault((one["listen"], one["destination"]), [0, 0, 0])
        for i, number in enumerate((one["connections"], one["requests"], one["replies"])):
            sums[i] += number
    found = []
    for what, kernel, have in (
            ("active and inactive", read_listing(case, "end-Ln.txt", slice(4, 6)), ours),
            ("conns, packets in and out", read_listing(case, "end-stats-exact.txt", slice(2, 5)),
             packets)):
        for (service, destination), numbers in kernel.items():
            got = have.get((service, destination), [0] * len(numbers))
            if got != numbers:
                found.append("%s of %s %s: %s, the kernel's %s" % (what, service, destination, got,
                                                                   numbers))
    return "; ".join(found)


def first_difference(report):
    difference = report["comparison"].get("difference")
    if not difference:
        return "a reload or network change was refused"
    where = "frame %d" % (difference["expected_packet"] or difference["emitted_packet"])
    if not difference["field"]:
        return where + (": not emitted" if difference["expected_packet"] else ": emitted")
    return "%s: %s is %s, the kernel's %s" % (where, difference["field"], difference["got_value"],
                                              difference["expected_value"])


def judge(lvsctl, case):
    """The case's verdict (not-yet stands for by-design, too), its reason, and the details."""
    with tempfile.TemporaryDirectory() as place:
        scenario = Scenario(lvsctl, case, place)
        report, text = scenario.replay()
    refused = [event for event in report["events"] if event["result"] != "applied"]
    if scenario.missing:
        return "not-yet", "lacks: " + "; ".join(scenario.missing), text
    if refused or report["comparison"]["result"] != "equal":
        return "not-yet", first_difference(report), text
    if report["comparison"]["not_compared"]:
        return "not-yet", "%d frames not compared" % report["comparison"]["not_compared"], text
    counts = count_differences(report, case)
    return "same-packets" if counts else "identical", counts, text


def read_table():
    table = {}
    if not os.path.exists(TABLE):
        return table
    with open(TABLE, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.startswith("#") or not line.strip():
                continue
            case, verdict, *reason = line.split(None, 2)
            if verdict not in VERDICTS or case in table or (verdict == "identical") == bool(reason):
                sys.exit("expected.txt:%d: CASE VERDICT REASON is expected" % number)
            table[case] = (verdict, "".join(reason).strip())
    return table


def write_table(table):
    with open(TABLE, "w", encoding="utf-8") as file:
        file.write("# case, verdict (%s), reason: see run.py --bless\n" % ", ".join(VERDICTS))
        for case, (verdict, reason) in sorted(table.items()):
            file.write(("%-32s %-12s %s" % (case, verdict, reason)).rstrip() + "\n")


def document(table):
    count = {verdict: sum(1 for v, _ in table.values() if v == verdict) for verdict in VERDICTS}
    lines = ["# lvsd and the kernel's IPVS, case by case", "",
             "Packets in and out of a real kernel's IPVS, and whether lvsd makes the same of them.",
             "This page is written by `tests/oracle/run.py --document`; where the cases come from,",
             "and what is compared, is in `tests/oracle/README.md`.", "",
             "%d cases: %d identical, %d with the same packets but other counts, %d different by" % (
                 len(table), count["identical"], count["same-packets"], count["by-design"]),
             "design, %d not yet." % count["not-yet"], "",
             "| case | verdict | reason |", "|---|---|---|"]
    for case, (verdict, reason) in sorted(table.items()):
        lines.append("| %s | %s | %s |" % (case, verdict.replace("-", " "),
                                           reason.replace("|", "\\|")))
    return "\n".join(lines) + "\n"


def document_is_current(table):
    try:
        with open(DOCUMENT, encoding="utf-8") as file:
            return file.read() == document(table)
    except FileNotFoundError:
        return False


def write_document(table):
    os.makedirs(os.path.dirname(DOCUMENT), exist_ok=True)
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(document(table))


def bless(table, found):
    for case, (verdict, why, _) in found.items():
        if case not in table or BEST.get(verdict, 0) != BEST.get(table[case][0], 0):
            table[case] = (verdict, why)
    write_table(table)


def compare_with_table(table, found, verbose):
    """Prints what is news; the number of cases that are worse than the table says."""
    worse = 0
    for case, (verdict, why, text) in found.items():
        listed = table.get(case, ("",))[0]
        news = BEST.get(verdict, 0) - BEST.get(listed, 0)
        if news < 0 or not listed:
            worse += 1
            print("WORSE  %s: %s, expected.txt says %s" % (case, why or verdict, listed or "nothing"))
            print(text)
        elif news > 0:
            print("BETTER %s: %s, expected.txt says %s: see --bless" % (case, verdict, listed))
        elif why and verbose:
            print("%s: %s\n%s" % (case, why, text))
    return worse


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lvsctl")
    parser.add_argument("case", nargs="*")
    parser.add_argument("--bless", action="store_true")
    parser.add_argument("--document", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    lvsctl = os.path.abspath(options.lvsctl)
    every = sorted(os.listdir(os.path.join(HERE, "cases")))
    cases = options.case or every
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(cases, pool.map(lambda case: judge(lvsctl, case), cases)))
    table = read_table()
    if options.bless:
        bless(table, found)
    if options.document:
        write_document(table)
    worse = compare_with_table(table, found, options.verbose)
    gone = sorted(set(table) - set(every))
    for case in gone:
        print("expected.txt: there is no case %s" % case)
    stale = not document_is_current(table)
    if stale:
        print("doc/oracle.md is not what expected.txt says: run.py --document writes it")
    same = sum(1 for verdict, _, _ in found.values() if verdict == "identical")
    print("%d cases, %d identical, %d worse than expected" % (len(found), same, worse))
    return 1 if worse or gone or stale else 0


if __name__ == "__main__":
    sys.exit(main())
