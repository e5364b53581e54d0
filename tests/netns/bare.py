# SPDX-License-Identifier: GPL-2.0-or-later
"""Laboratories whose hosts have addresses and routes and nothing else: what a real server needs, it
gets from `lvsctl realserver`.

`Bare` is the network of lab.py. `Flat` is one network for all:

    10.0.2.0/24, fd00:2::/64
    client (.2)   director (.1)   rs1 (.11)   rs2 (.12)

`Classic` is the one of the LVS documents, NAT with the director between two networks:

    202.100.1.0/24          202.103.106.0/24          172.16.0.0/24
    client (.2) -- router -- director (.1, VIP .5) -- rs1 (.2) rs2 (.3)
"""
import glob
import os

from lab import ADDRESS, ADDRESS6, MAC, OFFLOADS, SERVERS, SYSCTLS, Lab, run
from servers import build_directory

FLAT = {"client": 2, "director": 1, "rs1": 11, "rs2": 12}

# Links of Small: director and router between clients and real servers, beside each other.
TWO_NETWORKS = (("client", "eth0", "brcl", ("10.0.1.2/24", "fd00:1::2/64")),
                ("director", "cl", "brcl", ("10.0.1.1/24", "fd00:1::1/64")),
                ("router", "cl", "brcl", ("10.0.1.254/24", "fd00:1::fe/64")),
                ("director", "be", "brbe", ("10.0.2.1/24", "fd00:2::1/64")),
                ("router", "be", "brbe", ("10.0.2.254/24", "fd00:2::fe/64")),
                ("rs1", "eth0", "brbe", ("10.0.2.11/24", "fd00:2::11/64")))


class Bare(Lab):
    def _keep_vip_silent(self, server):
        pass

    def _build_hosts(self):
        super()._build_hosts()
        for server in SERVERS:
            self.ip(server, f"rule del from {ADDRESS[server]} lookup 100", "route flush table 100")
            self.run(server, ["ip", "-6", "rule", "del", "from", ADDRESS6[server], "lookup", "100"])
            self.run(server, ["ip", "-6", "route", "flush", "table", "100"])
        for server in (*SERVERS, "rs4"):
            self.run(server, ["ip", "addr", "flush", "dev", "lo", "scope", "global"])


class Small(Lab):
    """Namespaces on bridges, from a table: (space, device, bridge, addresses)."""
    LINKS = ()
    ROUTES = ()
    FORWARDING = ()

    def _build(self):
        spaces = dict.fromkeys(["fabric", *(link[0] for link in self.LINKS)])
        run(["ip", "-batch", "-"], "".join(f"netns add {self.namespace(space)}\n" for space in spaces))
        bridges = dict.fromkeys(link[2] for link in self.LINKS)
        lines = []
        for bridge in bridges:
            lines += [f"link add {bridge} type bridge mcast_snooping 0", f"link set {bridge} up"]
        for number, (space, device, bridge, _) in enumerate(self.LINKS):
            lines += [f"link add p{number} type veth peer name {device}"
                      f" address {self.mac(space, device)} netns {self.namespace(space)}",
                      f"link set p{number} master {bridge}", f"link set p{number} up"]
        for space in spaces:
            for key, value in SYSCTLS.items():
                for scope in ("all", "default"):
                    if "redirects" not in key:
                        self.sysctl(space, key.format(scope), value)
            self.sysctl(space, "net/ipv6/conf/default/addr_gen_mode", 1)
            self.sysctl(space, "net/ipv4/icmp_ratelimit", 0)
            self.sysctl(space, "net/ipv4/ip_forward", int(space in self.FORWARDING))
        self.ip("fabric", *lines)
        for space, device, _, addresses in self.LINKS:
            self.ip(space, "link set lo up", f"link set {device} up",
                    f"addr add fe80::{self.mac(space, device)[-5:]}/64 dev {device} nodad",
                    *(f"addr add {one} dev {device}" + (" nodad" if ":" in one else "")
                      for one in addresses))
        for space, route in self.ROUTES:
            self.ip(space, f"route add {route}")

    def mac(self, space, device):
        index = [link[:2] for link in self.LINKS].index((space, device))
        return f"02:00:00:00:10:{index + 1:02x}"

    def set_offloads(self, enabled):
        words = [word for name in OFFLOADS for word in (name, "on" if enabled else "off")]
        for space, device, _, _ in self.LINKS:
            self.run(space, ["ethtool", "-K", device, *words], check=False)

    def close(self):
        super().close()
        for space in dict.fromkeys(link[0] for link in self.LINKS):
            run(["ip", "netns", "del", self.namespace(space)], check=False)


class Flat(Small):
    LINKS = tuple((space, "eth0", "lan", (f"10.0.2.{last}/24", f"fd00:2::{last}/64"))
                  for space, last in FLAT.items())


class Classic(Small):
    LINKS = (("client", "eth0", "brc", ("202.100.1.2/24",)),
             ("router", "eth0", "brc", ("202.100.1.1/24",)),
             ("router", "eth1", "brv", ("202.103.106.1/24",)),
             ("director", "eth0", "brv", ("202.103.106.4/24",)),
             ("director", "eth1", "brs", ("172.16.0.1/24",)),
             ("rs1", "eth0", "brs", ("172.16.0.2/24",)),
             ("rs2", "eth0", "brs", ("172.16.0.3/24",)))
    ROUTES = (("client", "default via 202.100.1.1"), ("director", "default via 202.103.106.1"))
    FORWARDING = ("router",)


def realserver(lab, space, verb, *words, check=True):
    """lvsctl realserver on that host, with a state file of its own."""
    state = lab.path(f"{space}-realserver", "state.json")
    return lab.run(space, [os.path.join(build_directory(), "lvsctl"), "realserver", verb, *words,
                           "--state", state], check=check)


def snapshot(lab, space):
    """Every setting of the network, all addresses in their order, routes and rules."""
    settings = {}
    with lab.inside(space):
        for path in glob.glob("/proc/sys/net/ipv[46]/**", recursive=True):
            if os.path.isdir(path):
                continue
            try:
                with open(path, encoding="ascii") as file:
                    settings[path] = file.read()
            except OSError:
                pass  # some are written only
    words = {}
    words["addr"] = lab.run(space, ["ip", "-o", "-d", "addr"]).splitlines()
    for name in (("-o", "-d", "link"), ("-4", "route", "show", "table", "all"),
                 ("-6", "route", "show", "table", "all"), ("-4", "rule"), ("-6", "rule")):
        words[name] = sorted(lab.run(space, ["ip", *name], check=False).splitlines())
    settings.pop("/proc/sys/net/ipv6/conf/all/stable_secret", None)
    return settings, words


__all__ = ["ADDRESS", "MAC", "Bare", "Classic", "Flat", "Small", "realserver", "snapshot"]
