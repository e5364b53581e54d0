# SPDX-License-Identifier: GPL-2.0-or-later
"""What lvsd makes of a played folder, against what the kernel made of it."""
import os
import struct
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "oracle"))
from scenario import Scenario, count_differences, first_difference  # noqa: E402

import explain  # noqa: E402
import fragments  # noqa: E402
from generate import WAIT_FOR_TICK  # noqa: E402

SCTP_OPENING = 4  # of an SCTP association's first packet
SAME, EXPLAINED, UNCLEAR, LACKS, DIFFERENT = "same", "explained", "unclear", "lacks", "DIFFERENT"
CLOSE_TIMEOUT = 10  # of a closed connection, which no rule sets


class Verdict:
    def __init__(self, kind, why="", text=""):
        self.kind, self.why, self.text = kind, why, text


def read_frames(path):
    with open(path, "rb") as file:
        data = file.read()
    at, frames = 24, []
    while at + 16 <= len(data):
        seconds, micro, length, _ = struct.unpack_from("<IIII", data, at)
        frames.append((seconds + micro * 1e-6, data[at + 16:at + 16 + length]))
        at += 16 + length
    return frames


def client_of(frame):
    """What all packets of a connection have in common, whichever their direction: the client."""
    arrived_at_clients_side = frame[5] == 1 and frame[4] == 1
    packet = frame[14:]
    if packet[0] >> 4 == 6:
        address, ports = (packet[8:24], packet[24:40]), packet[40:44]
    else:
        address, ports = (packet[12:16], packet[16:20]), packet[(packet[0] & 15) * 4:][:4]
    if arrived_at_clients_side:
        return address[0], ports[:2]
    return address[1], ports[2:]


def may_close(frame):
    """Whether TCP's connection may be in CLOSE by it: reset, or with no flag that counts."""
    at = 14 + 40 if frame[14] >> 4 == 6 else 14 + (frame[14] & 15) * 4
    protocol = frame[20] if frame[14] >> 4 == 6 else frame[23]
    flags = frame[at + 13] if protocol == 6 and len(frame) > at + 13 else 0x10
    return bool(flags & 4) or not flags & 0x17


def near_a_timeout(frames, listing, timeouts):
    """Whether anything happened while a timer of the kernel's, which may be late, was about to end
    a connection: what anybody's packet meets then is chance."""
    last, gaps = {}, []
    closed = {client_of(frame) for _, frame in frames if may_close(frame)}
    for time, frame in frames:
        client = client_of(frame)
        if client in last:
            gaps.append((last[client], time, client))
        last[client] = time
    gaps += [(time, listing[-1], client) for client, time in last.items()]
    times = [time for time, _ in frames] + listing
    for timeout in timeouts:
        early, late = timeout * 0.97, timeout * 1.13 + 0.8
        for since, until, client in gaps:
            if timeout == CLOSE_TIMEOUT and client not in closed:
                continue
            for time in times:
                if early < time - since < late and until - since > early:
                    return "%.2f s after a connection's last packet, with a timeout of %d s" % (
                        time - since, timeout)
    return ""


def shortened_pause(frames, scene):
    """Whether the guest was late and made up for it where the scene waits for the kernel's timers."""
    times = [time for time, _ in frames]
    steps = [step for step in scene.steps if step.kind == "frame"]
    for before, after, step in zip(times, times[1:], steps[1:]):
        if step.pause >= WAIT_FOR_TICK and after - before < WAIT_FOR_TICK / 2:
            return "a pause of %.0f ms became %.1f ms" % (step.pause * 1e3, (after - before) * 1e3)
    return ""


def unplayable(folder, scene):
    """Why nothing can be learnt from this run of the guest."""
    frames, listing = read_frames(os.path.join(folder, "in.pcap")), [0.0]
    sent = sum(1 for step in scene.steps if step.kind == "frame")
    if len(frames) != sent:
        return "%d frames of %d arrived" % (len(frames), sent)
    with open(os.path.join(folder, "events.txt"), encoding="utf-8") as file:
        for line in file:
            if " # failed" in line:
                return line.strip()
            if " # listing" in line:
                listing = [float(line.split()[0])]
            if " # dump end" in line:
                end = float(line.split()[0])
                while listing[-1] < end:
                    listing.append(min(end, listing[-1] + 0.2))
    timeouts = explain.timeouts(scene) | {CLOSE_TIMEOUT}
    if any("--sctp-service" in line for line in scene.rules):
        timeouts.add(SCTP_OPENING)
    return near_a_timeout(frames, listing, timeouts)


def judge(lvsctl, folder, scene):
    verdict = judge_replay(lvsctl, folder, scene)
    if verdict.kind == DIFFERENT:
        late = shortened_pause(read_frames(os.path.join(folder, "in.pcap")), scene)
        if late:
            return Verdict(UNCLEAR, "%s; %s" % (late, verdict.why), verdict.text)
    return verdict


def judge_replay(lvsctl, folder, scene):
    why = unplayable(folder, scene)
    if why:
        return Verdict(UNCLEAR, why)
    with tempfile.TemporaryDirectory() as place:
        scenario = Scenario(lvsctl, folder, place)
        if scenario.missing:
            return Verdict(LACKS, "; ".join(scenario.missing))
        expected, cuts = os.path.join(folder, "out.pcap"), fragments.in_scene(scene)
        if cuts:
            frames = fragments.as_lvsd_sends(read_frames(expected), cuts)
            expected = os.path.join(place, "cut.pcap")
            fragments.write_pcap(expected, frames)
        report, text = scenario.replay(explain.ignored_fields(scene), expected)
    refused = [event for event in report["events"] if event["result"] != "applied"]
    if refused:
        return Verdict(DIFFERENT, "refused: %s" % refused[0]["messages"], text)
    if report["comparison"]["result"] != "equal":
        why = first_difference(report)
        explained = explain.frame(report, scene)
        return Verdict(EXPLAINED if explained else DIFFERENT, explained or why, text)
    if report["comparison"]["not_compared"]:
        return Verdict(DIFFERENT, "frames not compared", text)
    counts = explain.unexplained(count_differences(report, folder), report, scene)
    if counts:
        return Verdict(DIFFERENT, "counts: " + "; ".join(map(str, counts)), text)
    return Verdict(SAME)
