#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions that the core spends per packet, counted by callgrind, against the table in
instructions.json: more than 5 % worse fails. The count depends on the compiler, so with another one
nothing is compared (exit status 77).
    instructions.py CORE_PACKETS --compiler NAME [--update]
    instructions.py CORE_PACKETS --allocations     # a million packets of each path allocate nothing"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "instructions.json")
PATHS = ("dr", "tun", "nat", "nat-reply", "dr-v6", "nat-v6", "new")
SKIPPED, WORSE = 77, 1.05


def total(program, path, count):
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program,
                           path, str(count)], capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def per_packet(program, path):
    few, many = 4096, 20480
    return (total(program, path, many) - total(program, path, few)) / (many - few)


def allocations(program):
    failed = False
    for path in PATHS:
        said = subprocess.run([program, path, "1000000"], capture_output=True, text=True,
                              check=True).stdout.strip()
        print(f"{path:10} {said}")
        failed |= path != "new" and not said.endswith(" 0 allocations")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--compiler", default="")
    parser.add_argument("--update", action="store_true", help="write the table anew")
    parser.add_argument("--allocations", action="store_true")
    options = parser.parse_args()
    if options.allocations:
        return allocations(options.program)
    if not shutil.which("valgrind"):
        print("skipped: valgrind is not installed")
        return SKIPPED
    known = {}
    if os.path.exists(TABLE):
        with open(TABLE, encoding="ascii") as file:
            known = json.load(file)
    if not options.update and known.get("compiler") != options.compiler:
        print(f"skipped: the table was made with {known.get('compiler')}, this is {options.compiler}")
        return SKIPPED
    counted = {path: round(per_packet(options.program, path)) for path in PATHS}
    failed = False
    for path, count in counted.items():
        before = known.get("instructions", {}).get(path)
        worse = before is not None and count > before * WORSE
        failed |= worse
        print(f"{path:10} {count:6} instructions per packet"
              f"{f', {before} before' if before else ''}{'  WORSE' if worse else ''}")
    if options.update:
        with open(TABLE, "w", encoding="ascii") as file:
            json.dump({"compiler": options.compiler, "instructions": counted}, file, indent=1)
            file.write("\n")
        return 0
    return 1 if failed else 0


sys.exit(main())
