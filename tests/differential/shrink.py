#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Takes away rules, packets and events from a scenario that differs, as long as it differs in the same
way; the kernel is asked each time: shrink.py LVSCTL FOLDER OUT"""
import argparse
import os
import re
import shutil
import sys

import fragments
import judge
import oracle
from scene import Scene, read_scene

CHUNKS = 12  # tried in one boot


def kind_of(verdict):
    """What is the same of two differences: the field, or that a frame is missing; not the values."""
    if verdict.kind != judge.DIFFERENT:
        return None
    return re.split(r" is | of ", re.sub(r"frame \d+: ", "", verdict.why))[0]


def parts_of(scene):
    """(list, places in it). The fragments of a datagram are one part: without all of them the kernel
    sends nothing, which is another difference."""
    parts, datagrams = [], {}
    for name in ("before", "rules", "steps"):
        for i, one in enumerate(getattr(scene, name)):
            packet = fragments.parse(one.data) if name == "steps" and one.kind == "frame" else None
            if packet and packet.is_fragment():
                datagrams.setdefault(packet.key, []).append(i)
            else:
                parts.append((name, (i,)))
    return parts + [("steps", tuple(places)) for places in datagrams.values()]


def with_parts(scene, parts):
    """The scene with these parts only. A step's pause stays, even if the steps before it go."""
    kept = {(name, i) for name, places in parts for i in places}

    def some(name):
        return [one for i, one in enumerate(getattr(scene, name)) if (name, i) in kept]
    return Scene(scene.name, some("rules"), some("steps"), some("before"), scene.features)


class Shrinker:
    def __init__(self, options, scene):
        self.options, self.scene, self.boots = options, scene, 0
        self.kind = kind_of(judge.judge(options.lvsctl, options.folder, scene))

    def differing(self, candidates):
        """Those lists of parts that differ as the whole does; all played in one boot."""
        self.boots += 1
        place = os.path.join(self.options.out, "boot%d" % self.boots)
        folders = []
        for number, parts in enumerate(candidates):
            folder = os.path.join(place, "made", str(number))
            with_parts(self.scene, parts).write(folder)
            folders.append(folder)
        missed = oracle.play(self.options.oracle, folders, os.path.join(place, "played"),
                             self.options.at_once, 60 + 20 * len(folders))
        found = []
        for number, parts in enumerate(candidates):
            played = os.path.join(place, "played", str(number))
            if str(number) in missed:
                continue
            scene = with_parts(self.scene, parts)
            if kind_of(judge.judge(self.options.lvsctl, played, scene)) == self.kind:
                found.append((parts, played))
        return found

    def shrink(self):
        parts, best, chunks = parts_of(self.scene), None, CHUNKS
        together = None
        while parts:
            size = max(1, len(parts) // chunks)
            starts = range(0, len(parts), size)
            candidates = [parts[:at] + parts[at + size:] for at in starts]
            if together:
                candidates.append(together)
            found = self.differing(candidates)
            print("%d parts, %d candidates, %d differ" % (len(parts), len(candidates), len(found)),
                  flush=True)
            if not found:
                if size == 1:
                    break
                chunks, together = min(len(parts), 24, chunks * 2), None
                if chunks < len(parts) and size == len(parts) // chunks:
                    break
                continue
            # What each alone could do without: perhaps all of that at once.
            needless = [set(parts) - set(one) for one, _ in found]
            together = [part for part in found[0][0] if not any(part in gone for gone in needless)]
            parts, best = min(found, key=lambda each: len(each[0]))
            together = [part for part in together if part in parts]
        return parts, best


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lvsctl")
    parser.add_argument("folder", help="a played scenario")
    parser.add_argument("out", help="a new folder; out/small is the result")
    parser.add_argument("--oracle", default=os.environ.get("ORACLE", ""))
    parser.add_argument("--at-once", type=int, default=8)
    options = parser.parse_args()
    options.lvsctl = os.path.abspath(options.lvsctl)
    options.folder, options.out = map(os.path.abspath, (options.folder, options.out))
    shrinker = Shrinker(options, read_scene(options.folder))
    if shrinker.kind is None:
        return "%s does not differ" % options.folder
    parts, best = shrinker.shrink()
    if best is None:
        return "nothing could be taken away"
    small = os.path.join(options.out, "small")
    shutil.copytree(best, small)
    with_parts(shrinker.scene, parts).write(os.path.join(options.out, "made"))
    shutil.copy(os.path.join(options.out, "made", "scene.json"), small)
    print("%s: %s" % (small, shrinker.kind))
    return 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
