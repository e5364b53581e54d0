# SPDX-License-Identifier: GPL-2.0-or-later
"""A scenario's folder, as the oracle has them, through lvsctl: rules, events and packets in, and what
differs from the kernel. Shared by run.py and the differential tests; README.md has the format."""
import json
import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
NETWORK = os.path.join(HERE, "network.yaml")

# What the kernel chooses by chance in packets that the director makes itself: the ip.id, the flow
# label, the UDP port that a tunnel packet comes from; and what its local stack answered: a reset, an
# echo reply, an error to a packet that was left to it.
IGNORE = ["--ignore", "made.ip.id", "--ignore", "made.ip.flow_label", "--ignore", "made.udp.src",
          "--ignore", "stack"]

# IPVS's settings that lvsd has no key for, with the value that is like lvsd.
LIKE_LVSD = {"conntrack": "0"}

# Says how a kernel tells its connections to another, which decides about no packet: multicast, which
# is left out of the comparison.
SYNCHRONISATION = "the synchronisation of connections"

# The kernel's settings as lvsd.yaml's `ipvs` has them.
SWITCHES = ("cache_bypass", "expire_nodest_conn", "expire_quiescent_template",
            "nat_icmp_send", "schedule_icmp", "sloppy_sctp", "sloppy_tcp", "snat_reroute")
NUMBERS = ("am_droprate", "amemthresh", "conn_reuse_mode")
MODES = ("drop_entry", "drop_packet", "secure_tcp")
DURATIONS = ("lblc_expiration", "lblcr_expiration")


def ipvs_value(name, value):
    """A sysctl's value in lvsd.yaml; None where lvsd has no such setting."""
    if name in SWITCHES:
        return "false" if value == "0" else "true"
    if name in MODES:
        return {"0": "off", "3": "on"}.get(value, "auto")
    if name in NUMBERS:
        return value
    return value + "s" if name in DURATIONS else None


def mark_rule(word):
    """iptables' words for a rule that marks packets, as a line of the network file's `marks`."""
    if word[:5] != ["iptables", "-t", "mangle", "-A", "PREROUTING"]:
        return None
    keys = {"-d": "destination", "-s": "source", "-i": "dev", "-p": "protocol", "--dports": "ports",
            "--dport": "ports", "--set-mark": "mark"}
    fields = {}
    for option, value in zip(word[5::2], word[6::2]):
        if option in keys:
            fields[keys[option]] = "[%s]" % value if keys[option] == "ports" else value
        elif (option, value) not in (("-m", "multiport"), ("-j", "MARK")):
            return None
    return "  - {%s}\n" % ", ".join("%s: %s" % each for each in fields.items())


class Scenario:
    """A folder as steps of lvsctl replay; `missing` is what this version has no counterpart for."""

    def __init__(self, lvsctl, folder, place):
        self.lvsctl, self.folder, self.place = lvsctl, folder, place
        self.rules = self.text("ipvs.rules")
        with open(NETWORK, encoding="utf-8") as file:
            self.network = file.read()
        self.missing, self.words, self.files = [], [], 0
        # What lvsd does by default instead is to let such connections go on.
        self.options = {"expire_nodest_conn": "false"}
        self.ftp = False
        self.loaded = False
        self.oversize = "icmp"
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
            if SYNCHRONISATION in remark["what"]:
                continue
            if "its service, of line" not in remark["what"]:
                self.miss(remark["what"])
        options = ", ".join("%s: %s" % each for each in self.options.items())
        services = re.sub(r"(?m)^    destinations:", "    oversize: %s\n\\g<0>" % self.oversize,
                          answer["text"])
        if not self.ftp:  # lvsctl convert takes ip_vs_ftp as loaded
            services = services.replace("helper: ftp", "helper: none")
        return self.write("ipvs: {%s}\n%s" % (options, services))

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
            if name == "pmtu_disc" and value in ("0", "1"):
                self.oversize = "icmp" if value == "1" else "fragment"
                if self.loaded:
                    self.words += ["--reload", "%s=%s" % (time, self.convert())]
            elif ipvs_value(name, value) is not None:
                self.options[name] = ipvs_value(name, value)
                if self.loaded:
                    self.words += ["--reload", "%s=%s" % (time, self.convert())]
            elif name == "conntrack" and self.ftp:
                pass  # ip_vs_ftp tracks the connections it reads in any case
            elif name != "sync_version" and LIKE_LVSD.get(name) != value:
                self.miss("%s=%s" % (name, value))
        elif mark_rule(word):
            self.network += ("" if "\nmarks:\n" in self.network else "marks:\n") + mark_rule(word)
        elif command in ("ip rule add fwmark 9 lookup 100",
                         "ip route add local 0.0.0.0/0 dev lo table 100"):
            pass  # makes IPVS see packets to foreign addresses; lvsd captures them by their mark
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

    def replay(self, ignored=(), expected=None):
        """The report and what was printed; `ignored` are fields that do not count, besides IGNORE;
        `expected` is a capture to expect instead of the folder's."""
        report = os.path.join(self.place, "report.json")
        done = subprocess.run(
            [self.lvsctl, "replay", "-c", self.first_config, "--network", self.first_network,
             "--in", os.path.join(self.folder, "in.pcap"), "--expect",
             expected or os.path.join(self.folder, "out.pcap"),
             "--json", report, "--connections", *IGNORE, *(word for name in ignored for word in ("--ignore", name)),
             *self.words],
            capture_output=True, text=True, timeout=60, check=False)
        if done.returncode not in (0, 1):
            raise RuntimeError("lvsctl replay: status %d\n%s" % (done.returncode, done.stderr))
        with open(report, encoding="utf-8") as file:
            return json.load(file), done.stdout


STATISTICS = ("connections", "packets_in", "packets_out", "bytes_in", "bytes_out")


def read_listing(folder, name, columns):
    """{(service, destination): numbers} of ipvsadm's listing, and of --stats {(service, ""): numbers},
    too; empty where it printed none."""
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
                any_port = word[1].endswith(":0")  # lvsd then has the address alone
                service = (word[1][:-2].strip("[]") if any_port else word[1]) + "/" + word[0].lower()
            elif word and word[0] == "FWM":
                service = "fwmark:" + word[1] + ("/ipv6" if word[2] == "IPv6" else "")
            if len(word) >= 2 + len(STATISTICS) and service and word[0] != "->" and \
                    word[-1].isdigit() and word[-5].isdigit():
                counts[service, ""] = [int(number) for number in word[-5:]]
    return counts


class CountDifference:
    """Numbers of a destination, or in all of a service, that are not the kernel's."""

    def __init__(self, what, names, listed, got, kernel):
        self.what, self.names = what, names
        self.service, self.destination = listed
        self.got, self.kernel = got, kernel

    def __str__(self):
        return "%s of %s %s: %s, the kernel's %s" % (self.what, self.service, self.destination,
                                                     self.got, self.kernel)


PROTOCOLS = {6: "TCP", 17: "UDP", 132: "SCTP", 50: "ESP", 51: "AH", 0: "IP"}
CLOCK = 3  # seconds: between the replay's end and ipvsadm's listing, which takes its time


def read_connections(folder):
    """{(protocol, source, virtual, destination): (state, seconds left)} of ipvsadm -Lnc, sorted."""
    path = os.path.join(folder, "end-Lnc.txt")
    found = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                word = line.split()
                if len(word) >= 6 and re.fullmatch(r"\d+:\d+", word[1]):
                    minutes, seconds = word[1].split(":")
                    found[(word[0], *word[3:6])] = (word[2], int(minutes) * 60 + int(seconds))
    return found


def connection_differences(report, folder):
    """Connections at the end that are not the kernel's: their ends, their state, and what is left of
    their time, to CLOCK seconds. One that has no more than that left may be gone."""
    def end(one):
        form = "[%s]:%d" if ":" in one["address"] else "%s:%d"
        return form % (one["address"], one["port"])
    kernel, have = read_connections(folder), {}
    if not os.path.exists(os.path.join(folder, "end-Lnc.txt")):
        return []
    for one in report.get("connections", []):
        name = (PROTOCOLS[one["protocol"]], end(one["client"]), end(one["virtual"]),
                end(one["destination"]))
        have[name] = (one["state"], one["expires"])
    found = []
    for name in sorted(kernel.keys() | have.keys()):
        state, left = kernel.get(name, ("gone", 0))
        got_state, got_left = have.get(name, ("gone", 0))
        near = abs(left - got_left) <= CLOCK
        if not near or (state != got_state and "gone" not in (state, got_state)):
            found.append("connection %s: %s %d s, the kernel's %s %d s" % (
                " ".join(name), got_state, got_left, state, left))
    return found


def count_differences(report, folder):
    """Where the listings at the end are not the kernel's."""
    connections, statistics = {}, {}
    for service in report["services"]:
        if service["removed"]:
            continue
        listen = service["listen"]
        statistics[listen, ""] = [service["statistics"][name] for name in STATISTICS]
        for one in service["destinations"]:
            if not one["retired"]:
                key = (listen, one["destination"])
                connections[key] = [one["active"], one["inactive"]]
                statistics[key] = [one["statistics"][name] for name in STATISTICS]
    found = []
    for what, names, kernel, have in (
            ("active and inactive", ("active", "inactive"),
             read_listing(folder, "end-Ln.txt", slice(4, 6)), connections),
            ("conns, packets and bytes in and out", STATISTICS,
             read_listing(folder, "end-stats-exact.txt", slice(2, 7)), statistics)):
        for listed, numbers in kernel.items():
            got = have.get(listed, [0] * len(numbers))
            if got != numbers:
                found.append(CountDifference(what, names, listed, got, numbers))
    return found


def first_difference(report):
    difference = report["comparison"].get("difference")
    if not difference:
        return "a reload or network change was refused"
    where = "frame %d" % (difference["expected_packet"] or difference["emitted_packet"])
    if not difference["field"]:
        return where + (": not emitted" if difference["expected_packet"] else ": emitted")
    return "%s: %s is %s, the kernel's %s" % (where, difference["field"], difference["got_value"],
                                              difference["expected_value"])
