# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays many scenario folders in one boot of the oracle's guest: guest.py AT_ONCE FOLDER...

Several at a time, each in a laboratory of its own: most of a scenario's time is waiting, for its
timeouts and for the kernel's counters, and the guest has one CPU.
"""
import ctypes
import fcntl
import os
import socket
import struct
import sys
import time
import traceback

import lab
import replay

NEW_MOUNTS = 0x00020000
PRIVATE, RECURSIVE = 1 << 18, 1 << 14
LISTINGS = (("Ln", "-L -n"), ("Lnc", "-L -n -c"), ("stats-exact", "-L -n --stats --exact"))
COUNTERS_LAG = 2.2  # ipvsadm --stats is brought up to date every 2 s


# Offloads as in linux/ethtool.h (SIOCETHTOOL): without them checksums are whole when captured.
SET_OFFLOADS = (0x15, 0x17, 0x19, 0x1F, 0x24, 0x2C)  # rx, tx, sg, tso, gso, gro
ETHTOOL = 0x8946
run_program = lab.sh


def offloads_off(space, device):
    """ethtool -K, which takes a second per laboratory as a program."""
    with lab.ns(space), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in SET_OFFLOADS:
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            request = struct.pack("16sP", device.encode(), ctypes.addressof(value))
            try:
                fcntl.ioctl(control, ETHTOOL, request.ljust(40, b"\0"))
            except OSError:
                pass  # what this device has not


def run(args, inp=None, check=True):
    words = args.split() if isinstance(args, str) else args
    if words[:3] == ["ip", "netns", "exec"] and words[4:6] == ["ethtool", "-K"]:
        offloads_off(words[3], words[6])
        return ""
    return run_program(args, inp, check)


def errors_unlimited():
    """The one limit of ICMP errors that all network namespaces have together."""
    for name in ("icmp_msgs_per_sec", "icmp_msgs_burst"):
        with open("/proc/sys/net/ipv4/" + name, "w", encoding="ascii") as file:
            file.write("1000000")


def own_namespaces():
    """The laboratory's network namespaces have fixed names: a /run/netns for each player."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_MOUNTS) or libc.mount(None, b"/", None, PRIVATE | RECURSIVE, None) or \
            libc.mount(b"run", b"/run/netns", b"tmpfs", 0, None):
        raise OSError(ctypes.get_errno(), "namespaces of a player")


def load_rules(self, text):
    """As the laboratory's, but one process instead of one per rule."""
    text = "\n".join(line.strip() for line in text.strip().splitlines()) + "\n"
    with open(self.out + "/ipvs.rules", "w", encoding="utf-8") as file:
        file.write(text)
    with lab.ns("director"):
        lab.sh(["ipvsadm", "-R"], text)
    self.event("# ipvs.rules loaded")


def dump_listings(self, tag="end", short=False):
    self.event("# listing")  # which takes a while; the time of the counts is between this and that
    with lab.ns("director"):
        for name, options in LISTINGS:
            if name == "stats-exact":
                time.sleep(COUNTERS_LAG)
            with open("%s/%s-%s.txt" % (self.out, tag, name), "w", encoding="utf-8") as file:
                file.write(lab.sh("ipvsadm " + options, check=False))
            if name == "Ln":
                self.event("# dump " + tag)


def run_command(self, command, inp=None, check=True, quiet=False):
    """As the laboratory's; a command that fails is in the events as a remark, for it did nothing."""
    words = command.split() if isinstance(command, str) else command
    with lab.ns("director"):
        try:
            answer = lab.sh(words, inp)
        except RuntimeError as error:
            self.event("# failed: " + " ".join(str(error).split()))
            return ""
    if not quiet:
        self.event(" ".join(words))
    return answer


def play(folders):
    own_namespaces()
    for folder in folders:
        name = os.path.basename(folder)
        try:
            replay.time = Pauses()
            replay.replay(folder, os.path.join(os.environ["OUT"], name))
            print("played", name, flush=True)
        except Exception:  # the others go on
            print("failed", name, traceback.format_exc(), flush=True)


class Pauses:
    """The clock of replay.py, on which nothing but its pauses takes time: where the guest was late,
    it would make up for it, and leave out pauses in which the kernel has something to do."""

    def __init__(self):
        self.slept = 0.0

    def monotonic(self):
        return self.slept

    def sleep(self, seconds):
        self.slept += seconds
        time.sleep(seconds)


def main():
    at_once, folders = int(sys.argv[1]), sys.argv[2:]
    if folders and folders[0].startswith("@"):
        with open(folders[0][1:], encoding="utf-8") as file:
            folders = file.read().split()
    errors_unlimited()
    lab.sh = run
    lab.Lab.rules, lab.Lab.dump, lab.Lab.d = load_rules, dump_listings, run_command
    players = []
    for i in range(min(at_once, len(folders))):
        player = os.fork()
        if player == 0:
            play(folders[i::at_once])
            os._exit(0)
        players.append(player)
    for player in players:
        os.waitpid(player, 0)


if __name__ == "__main__":
    main()
