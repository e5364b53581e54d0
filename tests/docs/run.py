#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every command line that the documents show is run, or listed here with the reason why not.
    run.py BUILD-DIRECTORY           those that need no daemon
    run.py BUILD-DIRECTORY --live    as root: those that ask one, in namespaces of their own"""
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

import commands
import live

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
REPLAY = os.path.join(TOP, "tests", "replay")

NOT_RUN = {
    r"sudo scripts/demo$": "tests/netns/test_demo.py runs it",
    r"sudo scripts/test$": "it is what runs this",
    r"cmake -S \. -B build": "it built what is tested here",
    r"\(cd build && cpack": "tests/package/run makes the package and installs it by apt, in a container",
    r"systemctl (start|reload) lvsd$": "tests/systemd/run does it, in a container",
}
# Programs that are not here, and files that have another name here.
IPVSADM = """#!/bin/sh
if [ "$1" = -S ]; then printf '%s\\n' '-A -t 192.0.2.10:80 -s rr' '-a -t 192.0.2.10:80 -r 10.0.0.1:80 -g -w 1'
else grep -q '^-A '; fi
"""
KEEPALIVED = "virtual_server 192.0.2.10 80 {\n lvs_sched rr\n lvs_method DR\n protocol TCP\n real_server 10.0.0.1 80 { }\n}\n"
LDIRECTORD = "virtual=192.0.2.10:80\n real=10.0.0.1:80 gate\n protocol=tcp\n"
PLACES = {"/etc/lvsd/": "", "/etc/keepalived/": "", "/etc/ha.d/": ""}


def records(path):
    """A capture's magic, link type, and (nanoseconds, header, bytes) of its packets."""
    with open(path, "rb") as file:
        data = file.read()
    magic, *_, link = struct.unpack("<IHHiIII", data[:24])
    scale = {0xa1b2c3d4: 1000, 0xa1b23c4d: 1}[magic]
    at, out = 24, []
    while at < len(data):
        seconds, fraction, length, whole = struct.unpack("<IIII", data[at:at + 16])
        out.append((seconds * 10**9 + fraction * scale, whole, data[at + 16:at + 16 + length]))
        at += 16 + length
    return link, out


def merge(first, second, into):
    """What a capture of all interfaces has: what came, and what was sent."""
    link, came = records(first)
    other, sent = records(second)
    assert link == other, f"{first} and {second} have different link types"
    with open(into, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 65535, link))
        for time, whole, data in sorted(came + sent, key=lambda each: each[0]):
            file.write(struct.pack("<IIII", *divmod(time, 10**9), len(data), whole) + data)


def write(place, name, text, mode=0o644):
    path = os.path.join(place, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def repository(place, build):
    """The files that the commands name."""
    case = os.path.join(REPLAY, "nat-tcp-port")
    for name in ("lvsd.yaml", "old.yaml", "new.yaml"):
        shutil.copy(os.path.join(case, "lvsd.yaml"), os.path.join(place, name))
    for name in ("network.yaml", "net.yaml"):
        shutil.copy(os.path.join(REPLAY, "network.yaml"), os.path.join(place, name))
    os.makedirs(os.path.join(place, "captures", "one"))
    for name in ("requests.pcap", "peak.pcap", "odd.pcap", "captures/one/in.pcap"):
        shutil.copy(os.path.join(case, "in.pcap"), os.path.join(place, name))
    replay = [os.path.join(build, "lvsctl"), "replay", "-c", "lvsd.yaml", "--in", "requests.pcap"]
    for more in (["--network", "network.yaml", "--out", "sent.pcap"],
                 ["--network", "network.yaml", "--expect", "peak-expected.pcap", "--bless"],
                 ["--expect", "expected.pcap", "--bless"]):
        subprocess.run(replay + more, cwd=place, check=True, capture_output=True, timeout=60)
    for name in ("traffic.pcapng", "live.pcapng"):
        merge(os.path.join(place, "requests.pcap"), os.path.join(place, "sent.pcap"),
              os.path.join(place, name))
    os.makedirs(os.path.join(place, "bin"))
    write(place, "bin/ipvsadm", IPVSADM, 0o755)
    write(place, "keepalived.conf", KEEPALIVED)
    write(place, "ldirectord.cf", LDIRECTORD)


def run(command, place, build):
    """What it said where it failed."""
    for old, new in PLACES.items():
        command = command.replace(old, new)
    path = ":".join([os.path.join(place, "bin"), build, os.environ["PATH"]])
    done = subprocess.run(["bash", "-eo", "pipefail", "-c", command], cwd=place, timeout=60,
                          env=dict(os.environ, PATH=path), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        return f"{command}\n  gave {done.returncode}: {done.stdout}{done.stderr}"
    return None


def offline(build, all_commands):
    failed, ran, used = [], 0, set()
    for where, command in all_commands:
        listed = next((each for each in NOT_RUN if re.match(each, command)), None)
        used.add(listed)
        if listed or live.is_live(command):
            continue
        with tempfile.TemporaryDirectory() as place:  # one command's files are not the next one's
            repository(place, build)
            said = run(command, place, build)
        ran += 1
        if said:
            failed.append(f"{where}: {said}")
    failed += [f"no document has a command such as {each} any more" for each in NOT_RUN
               if each not in used]
    print(f"{ran} commands run, {len(failed)} failed")
    return failed


def main(build, *more):
    found = list(commands.all_commands(TOP))
    assert len(found) >= 20, f"only {len(found)} commands found in the documents"
    build = os.path.abspath(build)
    failed = live.run(build, TOP, found) if "--live" in more else offline(build, found)
    print("\n".join(failed))
    if failed:
        print("(What cannot be run is listed in tests/docs/run.py, with the reason.)")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
