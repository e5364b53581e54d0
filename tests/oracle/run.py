#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Replays what a kernel's IPVS was given, and judges what lvsd makes of it: run.py LVSCTL [CASE...]

  --bless      write expected.txt anew: what became identical; a reason for a case that has none
  --document   write doc/oracle.md, the table for readers, from expected.txt
  -v           show the difference of every case that is not identical

A case is `identical` when its rules convert whole, each of its events has a counterpart, every
frame that the director emits is the kernel's, in order per interface, and connections and packets
are counted as ipvsadm listed them at the end, where the single connections have its states and
timers; `same-packets` when only a count or a connection differs. What
differs by chance is left out by name (IGNORE in scenario.py). The others are in expected.txt by
hand, with their reason: `by-design` or `not-yet`. The test fails when a case is worse than the
table says. See README.md.
"""
import argparse
import concurrent.futures
import os
import sys
import tempfile

from scenario import (HERE, Scenario, connection_differences, count_differences,
                      first_difference)

TABLE = os.path.join(HERE, "expected.txt")
DOCUMENT = os.path.join(HERE, "..", "..", "doc", "oracle.md")
VERDICTS = ("identical", "same-packets", "by-design", "not-yet")
BEST = {"identical": 2, "same-packets": 1}  # others: 0


def judge(lvsctl, case):
    """The case's verdict (not-yet stands for by-design, too), its reason, and the details."""
    folder = os.path.join(HERE, "cases", case)
    with tempfile.TemporaryDirectory() as place:
        scenario = Scenario(lvsctl, folder, place)
        report, text = scenario.replay()
    refused = [event for event in report["events"] if event["result"] != "applied"]
    if scenario.missing:
        return "not-yet", "lacks: " + "; ".join(scenario.missing), text
    if refused or report["comparison"]["result"] != "equal":
        return "not-yet", first_difference(report), text
    if report["comparison"]["not_compared"]:
        return "not-yet", "%d frames not compared" % report["comparison"]["not_compared"], text
    counts = "; ".join([*map(str, count_differences(report, folder)),
                        *connection_differences(report, folder)])
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
