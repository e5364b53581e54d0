#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check_tree.py SOURCE: every source file opens with its licence, none is longer than 600 lines, and
nothing is left for later in a comment. Lists the files above 400 lines, to be looked at twice."""
import os
import re
import sys

TOPS = ("src", "include", "tests", "scripts", "bench", ".ci")
KINDS = (".cc", ".h", ".py", ".sh")
LATER = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
LONG, TOO_LONG = 400, 600


def sources(root):
    for top in TOPS:
        for directory, below, names in os.walk(os.path.join(root, top)):
            below[:] = [name for name in below if name not in ("__pycache__", "corpus")]
            for name in names:
                path = os.path.join(directory, name)
                if os.path.splitext(name)[1] in KINDS or os.access(path, os.X_OK):
                    yield path


def look(path):
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    if not any("SPDX-License-Identifier: GPL-2.0-or-later" in line for line in lines[:3]):
        yield "has no SPDX line on top"
    if len(lines) > TOO_LONG:
        yield f"has {len(lines)} lines; {TOO_LONG} is the most"
    elif len(lines) > LONG:
        print(f"{path}: {len(lines)} lines")
    for number, line in enumerate(lines, 1):
        if LATER.search(line):
            yield f"line {number}: {line.strip()}"


def main(root):
    paths = list(sources(root))
    if not paths:
        return "no source file found"
    wrong = [f"{os.path.relpath(path, root)}: {what}" for path in paths for what in look(path)]
    print(f"{len(paths)} files, {len(wrong)} offences")
    return "\n".join(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) or 0)
