# SPDX-License-Identifier: GPL-2.0-or-later
"""A scenario's folder, as the oracle has them, through lvsctl: rules, events and packets in, and what
differs from the kernel. Shared by run.py and the differential tests; README.md has the format."""
import json
import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
NETWORK = os.path.join(HERE, "network.yaml")

# The ip.id of packets that the director makes itself, and what its local stack answered: a reset,
# an echo reply, an error to a packet that was left to it.
IGNORE = ["--ignore", "made.ip.id", "--ignore", "stack"]

# IPVS's settings that lvsd has always, with the value it has: setting them so changes nothing.
KERNEL_DEFAULTS = {
    "cache_bypass": "0", "conn_reuse_mode": "1", "conntrack": "0", "expire_nodest_conn": "0",
    "expire_quiescent_template": "0", "nat_icmp_send": "0", "pmtu_disc": "1", "schedule_icmp": "0",
    "secure_tcp": "0", "sloppy_tcp": "0", "sync_version": "1",
}


class Scenario:
    """A folder as steps of lvsctl replay; `missing` is what this version has no counterpart for."""

    def __init__(self, lvsctl, folder, place):
        self.lvsctl, self.folder, self.place = lvsctl, folder, place
        self.rules = self.text("ipvs.rules")
        with open(NETWORK, encoding="utf-8") as file:
            self.network = file.read()
        self.missing, self.words, self.files = [], [], 0
        self.ftp = False
        self.loaded = False
        self.first_config = self.first_network = ""
        for line in self.text("events.txt").splitlines():
            time, _, command = line.partition(" ")
            self.take(time, command)

    def text(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return file.read()

    def write(self, text):
        self.files += 1
        path = os.path.join(self.place, "%d.yaml" % self.files)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def convert(self):
        done = subprocess.run(
            [self.lvsctl, "convert", "--from", "ipvsadm", "--to", "lvsd", "--json"],
            input=self.rules, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stderr)
        answer = json.loads(done.stdout)
        for remark in answer["left_out"]:
            if "its service, of line" not in remark["what"]:
                self.miss(remark["what"])
        text = answer["text"]
        if not self.ftp:  # lvsctl convert takes ip_vs_ftp as loaded
            text = text.replace("helper: ftp", "helper: none")
        return self.write(text)

    def miss(self, what):
        what = what.replace(" is not in this version of lvsd", "")
        what = what.replace(" are not in this version of lvsd", "")
        if what not in self.missing:
            self.missing.append(what)

    def take(self, time, command):
        word = command.split()
        if command == "# ipvs.rules loaded":
            self.loaded, self.first_config = True, self.convert()
            self.first_network = self.write(self.network)
        elif command == "# dump end":  # nothing changes, but time goes on until here
            self.words += ["--reload", "%s=%s" % (time, self.convert())]
        elif word[0] == "#":
            if word[1] == "modules":
                self.ftp = "ip_vs_ftp" in word
        elif word[0] == "ipvsadm":
            self.rules += command + "\n"
            self.words += ["--reload", "%s=%s" % (time, self.convert())]
        elif word[0] == "sysctl":
            name, _, value = word[1].rpartition(".")[2].partition("=")
            if KERNEL_DEFAULTS.get(name) != value:
                self.miss("%s=%s" % (name, value))
        elif word[0] == "ip" and self.change_network(word[1:]):
            if self.loaded:
                self.words += ["--network-at", "%s=%s" % (time, self.write(self.network))]
        else:
            self.miss(command)

    def change_network(self, word):
        """ip(8)'s words into the network file; whether they could be."""
        if word[:2] == ["link", "set"] and word[3] == "mtu":
            self.network, count = re.subn(r"(name: %s,.*? mtu: )\d+" % re.escape(word[2]),
                                          r"\g<1>" + word[4], self.network)
            return count == 1
        if word[:2] == ["route", "add"] and word[3] == "via" and len(word) == 5:
            line = "routes:\n  - {to: %s, via: %s}\n" % (word[2], word[4])
            self.network = self.network.replace("routes:\n", line, 1)
            return True
        return False

    def replay(self):
        report = os.path.join(self.place, "report.json")
        done = subprocess.run(
            [self.lvsctl, "replay", "-c", self.first_config, "--network", self.first_network,
             "--in", os.path.join(self.folder, "in.pcap"), "--expect", os.path.join(self.folder, "out.pcap"),
             "--json", report, *IGNORE, *self.words],
            capture_output=True, text=True, timeout=60, check=False)
        if done.returncode not in (0, 1):
            raise RuntimeError("lvsctl replay: status %d\n%s" % (done.returncode, done.stderr))
        with open(report, encoding="utf-8") as file:
            return json.load(file), done.stdout


def read_listing(folder, name, columns):
    """{(service, destination): numbers} of ipvsadm's listing; empty where it printed none."""
    path = os.path.join(folder, name)
    counts, service = {}, None
    if not os.path.exists(path):
        return counts
    with open(path, encoding="utf-8") as file:
        for line in file:
            word = line.split()
            if word[:1] == ["->"] and service and word[1] != "RemoteAddress:Port":
                counts[service, word[1]] = [int(number) for number in word[columns]]
            elif word and word[0] in ("TCP", "UDP", "SCTP"):
                service = word[1] + "/" + word[0].lower()
    return counts


def count_differences(report, folder):
    """Which numbers of the listings at the end are not the kernel's."""
    ours = {(service["listen"], one["destination"]): [one["active"], one["inactive"]]
            for service in report["services"] for one in service["destinations"]}
    packets = {}
    for one in report["destinations"]:
        sums = packets.setdefault((one["listen"], one["destination"]), [0, 0, 0])
        for i, number in enumerate((one["connections"], one["requests"], one["replies"])):
            sums[i] += number
    found = []
    for what, kernel, have in (
            ("active and inactive", read_listing(folder, "end-Ln.txt", slice(4, 6)), ours),
            ("conns, packets in and out", read_listing(folder, "end-stats-exact.txt", slice(2, 5)),
             packets)):
        for (service, destination), numbers in kernel.items():
            got = have.get((service, destination), [0] * len(numbers))
            if got != numbers:
                found.append("%s of %s %s: %s, the kernel's %s" % (what, service, destination, got,
                                                                   numbers))
    return "; ".join(found)


def first_difference(report):
    difference = report["comparison"].get("difference")
    if not difference:
        return "a reload or network change was refused"
    where = "frame %d" % (difference["expected_packet"] or difference["emitted_packet"])
    if not difference["field"]:
        return where + (": not emitted" if difference["expected_packet"] else ": emitted")
    return "%s: %s is %s, the kernel's %s" % (where, difference["field"], difference["got_value"],
                                              difference["expected_value"])
