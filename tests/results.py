#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Results of test runs, from their JUnit files.
    results.py failed FILE...                  what failed, as pytest names it, a line each
    results.py total [--again FILE] FILE...    one line of totals, and exit status 1 where one failed; what
                                               failed and then passed when it was run again alone has passed,
                                               and is named"""
import os
import sys
import xml.etree.ElementTree as xml


def cases(paths):
    """(pytest's name, "passed" | "failed" | "skipped") of each."""
    for path in paths:
        if not os.path.exists(path):
            continue  # what wrote it was ended before
        for case in xml.parse(path).getroot().iter("testcase"):
            kinds = {child.tag for child in case}
            name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
            verdict = "failed" if kinds & {"failure", "error"} else "passed"
            skipped = "skipped" in kinds or case.get("status") in ("notrun", "disabled")
            yield name, "skipped" if skipped and verdict == "passed" else verdict


def failed(*paths):
    return "".join(dict.fromkeys(f"{name}\n" for name, verdict in cases(paths) if verdict == "failed"))


def total(*paths):
    again = {}
    if paths[0] == "--again":
        again, paths = dict(cases([paths[1]])), paths[2:]
    first = list(cases(paths))
    mended = [name for name, verdict in first if verdict == "failed" and again.get(name) == "passed"]
    verdicts = [verdict if name not in mended else "passed" for name, verdict in first]
    lines = [f"passed only when run again alone: {name}\n" for name in mended]
    lines.append(", ".join(f"{verdicts.count(word)} {word}" for word in ("passed", "failed", "skipped")))
    return "".join(lines), "failed" in verdicts


if __name__ == "__main__":
    if sys.argv[1] == "failed":
        print(failed(*sys.argv[2:]), end="")
    else:
        text, some_failed = total(*sys.argv[2:])
        print(text)
        sys.exit(some_failed)
