#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Random rules and packets, into a kernel's IPVS and into `lvsctl replay`, compared. See README.md."""
import argparse
import collections
import os
import shutil
import sys
import tempfile
import time

import generate
import judge
import oracle
from scene import read_scene

SKIPPED = 77


def read_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lvsctl")
    parser.add_argument("--seed", type=int, default=1, help="of the first scenario")
    parser.add_argument("--count", type=int, default=60, help="of scenarios, a seed more for each")
    parser.add_argument("--features", default="", metavar="LIST",
                        help="a,b: those only; +a,-b: the usual ones and a, without b. "
                        + "; ".join("%s%s: %s" % (name, "" if on else " (off)", what)
                                    for name, (on, what) in generate.FEATURES.items()))
    parser.add_argument("--oracle", default=os.environ.get("ORACLE", ""), metavar="DIR",
                        help="the oracle's folder; else $ORACLE")
    parser.add_argument("--boot", type=int, default=60, help="scenarios for each boot of the guest")
    parser.add_argument("--at-once", type=int, default=8, help="scenarios in the guest at a time")
    parser.add_argument("--keep", metavar="DIR", help="keeps what was played; else what differs "
                        "only, in a new folder")
    parser.add_argument("--again", nargs="+", metavar="FOLDER", help="judges played folders again")
    return parser.parse_args()


def chosen_features(words):
    usual = {name for name, (on, _) in generate.FEATURES.items() if on}
    names = [word for word in words.split(",") if word]
    unknown = [word for word in names if word.lstrip("+-") not in generate.FEATURES]
    if unknown:
        sys.exit("--features: there is no %s" % ", ".join(unknown))
    if any(word[0] not in "+-" for word in names):
        return set(names)
    return (usual | {word[1:] for word in names if word[0] == "+"}) - \
        {word[1:] for word in names if word[0] == "-"}


def play_boot(options, features, seeds, place):
    folders = []
    for seed in seeds:
        folder = os.path.join(place, "made", str(seed))
        generate.generate(seed, features).write(folder)
        folders.append(folder)
    out = os.path.join(place, "played")
    missed = oracle.play(options.oracle, folders, out, options.at_once, 60 + 20 * len(folders))
    for folder in folders:
        name = os.path.basename(folder)
        if name in missed:
            print("%s: not played, see %s/console.log" % (name, out))
            continue
        played = os.path.join(out, name)
        shutil.copy(os.path.join(folder, "scene.json"), played)
        yield played


def judge_all(options, folders, tally):
    for folder in folders:
        verdict = judge.judge(options.lvsctl, folder, read_scene(folder))
        tally[verdict.kind] += 1
        name = os.path.basename(folder)
        if verdict.kind != judge.SAME:
            print("%s %s: %s" % (verdict.kind, name, verdict.why), flush=True)
        if verdict.kind == judge.DIFFERENT:
            with open(os.path.join(folder, "difference.txt"), "w", encoding="utf-8") as file:
                file.write(verdict.why + "\n" + verdict.text)
        elif not options.keep and not options.again:
            shutil.rmtree(folder)


def main():
    options = read_options()
    options.lvsctl = os.path.abspath(options.lvsctl)
    tally = collections.Counter()
    if options.again:
        judge_all(options, map(os.path.abspath, options.again), tally)
    else:
        why = oracle.why_not(options.oracle)
        if why:
            print("skipped: " + why)
            return SKIPPED
        place = os.path.abspath(options.keep or tempfile.mkdtemp(prefix="lvsd-differential-"))
        features = chosen_features(options.features)
        seeds = range(options.seed, options.seed + options.count)
        for start in range(0, len(seeds), options.boot):
            began = time.monotonic()
            boot = seeds[start:start + options.boot]
            judge_all(options, play_boot(options, features, boot, place), tally)
            print("seeds %d to %d: %d s" % (boot[0], boot[-1], time.monotonic() - began))
        print("in %s" % place)
    print(", ".join("%d %s" % (count, kind) for kind, count in sorted(tally.items())))
    return 1 if tally[judge.DIFFERENT] else 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
