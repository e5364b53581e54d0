#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""explain_cases.py LVSCTL: what `lvsctl explain` says of every packet of every case, of our own and
of the oracle, against what `lvsctl replay` did with it: verdict, reason, destination, emissions.
Each packet has one reason that lvsd knows, and what the director would have done, asked beforehand
as of a running daemon (--rehearse), is what it did."""
import collections
import concurrent.futures
import json
import os
import re
import shlex
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "oracle"))
from scenario import HERE as ORACLE, Scenario  # noqa: E402

SENT = {"known-connection", "scheduled", "persistent-client", "reply", "icmp-error", "fragment",
        "bypass", "probe"}


def run(words, folder):
    done = subprocess.run(words, cwd=folder, text=True, capture_output=True, timeout=120, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError("%s: status %d\n%s" % (" ".join(words), done.returncode, done.stderr))
    return done


def compare(lvsctl, folder, capture, words):
    """The number of packets, and what is wrong."""
    with tempfile.NamedTemporaryFile() as drops:
        report = json.loads(run([lvsctl, "replay", "--in", capture, "--json", "-", "--drops",
                                 drops.name, *words], folder).stdout)
        recorded = recorded_reasons(drops.read())
    done = run([lvsctl, "explain", "--pcap", capture, "--json", "--rehearse", *words], folder)
    if done.returncode:
        return 0, [done.stderr]
    explained = json.loads(done.stdout)["packets"]
    packets = report["packets"]
    if [p["frame"] for p in packets] != [e["packet"] for e in explained]:
        return 0, ["not the same packets"]
    emitted = {}
    for emission in report["emitted"]:
        emitted.setdefault(emission.get("frame", 0), []).append(emission["packet"])
    wrong = wrong_records(report, recorded)
    for packet, said in zip(packets, explained):
        wrong += ["packet %d: %s" % (packet["frame"], what)
                  for what in differences(packet, said, emitted.get(packet["frame"], []))]
    return len(packets), wrong


def recorded_reasons(pcapng):
    """How often each reason is the comment of a packet (pcapng, section 4.3)."""
    reasons, at = collections.Counter(), 0
    while at < len(pcapng):
        kind, length = struct.unpack_from("=II", pcapng, at)
        if kind == 6:
            captured, = struct.unpack_from("=I", pcapng, at + 20)
            option = at + 28 + (captured + 3) // 4 * 4
            code, size = struct.unpack_from("=HH", pcapng, option)
            comment = pcapng[option + 4:option + 4 + size].decode() if code == 1 else ""
            reasons[comment.partition(":")[0]] += 1
        at += length
    return reasons


SEEN = collections.Counter()  # of all cases


def wrong_records(report, recorded):
    """Every packet that the report counts as dropped is in the recorder, with its reason."""
    summary = report["summary"]
    dropped = collections.Counter(summary["dropped"])
    dropped.update(summary["held"]["dropped"])
    if "not-schedulable" in summary["accepted"]:
        dropped["not-schedulable"] += summary["accepted"]["not-schedulable"]
    SEEN.update(dropped)
    limit = 256  # per worker, by default
    if sum(dropped.values()) > limit:
        return [] if sum(recorded.values()) >= limit else ["too few refused packets recorded"]
    # A datagram that waited in pieces is recorded as these, and counted once.
    return ["%s: %d recorded, %d counted" % (reason, recorded[reason], dropped[reason])
            for reason in sorted(recorded | dropped) if (recorded[reason] < dropped[reason]
                                                         or not dropped[reason])]


def differences(packet, said, emitted):
    if said["verdict"] != packet["verdict"]:
        yield "explained as %s, %s" % (said["verdict"], packet["verdict"])
    reason = said["reason"]
    if "reason" in packet:
        if reason != packet["reason"]:
            yield "explained by %s, not %s" % (reason, packet["reason"])
    elif reason not in SENT:
        yield "no reason: " + reason
    verdicts = [s for s in said["sentences"] if re.search(r"\(%s\)[.:]" % re.escape(reason), s)]
    if len(verdicts) != 1 or any("unknown" in s for s in said["sentences"]):
        yield "no single reason in %s" % said["sentences"]
    if "destination" in packet and not packet["destination"].endswith(":0"):
        address = packet["destination"].rpartition(":")[0].strip("[]") or packet["destination"]
        if address not in said["destination"]:
            yield "explained with %s, went to %s" % (said["destination"], packet["destination"])
    told = [e["packet"] for e in said["emitted"]]
    super_packet = any(e["unfinished"] for e in said["emitted"])
    if not super_packet and told != emitted:
        yield "explained as emitting %s, emitted %s" % (told, emitted)
    if super_packet and not emitted:
        yield "explained as emitting %s, nothing was" % told


def own_case(lvsctl, case):
    folder = os.path.join(HERE, case)
    with open(folder + "/args", encoding="utf-8") as file:
        given = shlex.split(file.read(), comments=True)
    words = ["-c", "lvsd.yaml"]
    for name, value in zip(given, given[1:]):
        if name in ("--network", "--reload", "--network-at"):
            words += [name, value]
    return compare(lvsctl, folder, "in.pcap", words)


def oracle_case(lvsctl, case):
    folder = os.path.join(ORACLE, "cases", case)
    with tempfile.TemporaryDirectory() as place:
        scenario = Scenario(lvsctl, folder, place)
        words = ["-c", scenario.first_config, "--network", scenario.first_network, *scenario.words]
        return compare(lvsctl, place, os.path.join(folder, "in.pcap"), words)


def main(lvsctl):
    lvsctl = os.path.abspath(lvsctl)
    own = sorted(c for c in os.listdir(HERE) if os.path.exists(os.path.join(HERE, c, "gen.py")))
    oracle = sorted(os.listdir(os.path.join(ORACLE, "cases")))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda job: job[0](lvsctl, job[1]),
                                [(own_case, c) for c in own] + [(oracle_case, c) for c in oracle]))
    bad = 0
    for case, (_, wrong) in zip(own + oracle, results):
        for what in wrong[:5]:
            print("%s: %s" % (case, what))
        bad += bool(wrong)
    packets = sum(count for count, _ in results)
    print("%d packets of %d cases explained, %d cases wrong; recorded: %s" % (
        packets, len(results), bad, ", ".join(sorted(SEEN))))
    return 1 if bad or packets < 1000 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
