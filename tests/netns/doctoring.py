# SPDX-License-Identifier: GPL-2.0-or-later
"""A laboratory that `lvsctl doctor` finds nothing wrong with, and what can be spoilt in it.

    10.0.1.0/24, fd00:1::/64               10.0.2.0/24, fd00:2::/64
    client (.2) -- cl director (.1) be -- rs1 (.11) rs2 (.12) spare (.66)
                      |                     |
                      +---- router (.254) --+-- far: rs4 (10.0.4.11)

Clients are on the network 10.0.1.0/24, and the virtual addresses in it; one service has clients, its
virtual address and its servers on 10.0.2.0/24.
"""
import json
import os
import subprocess

import servers
from bare import TWO_NETWORKS, Small, realserver
from daemon import Lvsd, configuration, service
from servers import build_directory

RIPS, RIPS6 = ["10.0.2.11", "10.0.2.12"], ["fd00:2::11", "fd00:2::12"]
VIP = {"dr": "10.0.1.100", "tun": "10.0.1.101", "nat": "10.0.1.102", "near": "10.0.2.102",
       "flat": "10.0.2.100", "udp": "10.0.1.103"}
VIP6 = {"dr": "fd00:1::100", "tun": "fd00:1::101", "nat": "fd00:1::102"}


class Ward(Small):
    LINKS = (*TWO_NETWORKS,
             ("rs2", "eth0", "brbe", ("10.0.2.12/24", "fd00:2::12/64")),
             ("spare", "eth0", "brbe", ("10.0.2.66/24", "fd00:2::66/64")),
             ("spare", "eth1", "brcl", ("10.0.1.66/24", "fd00:1::66/64")),
             ("router", "far", "brfar", ("10.0.4.254/24",)),
             ("rs4", "eth0", "brfar", ("10.0.4.11/24",)))
    ROUTES = (("client", "default via 10.0.1.254"), ("director", "10.0.4.0/24 via 10.0.2.254"),
              ("rs1", "default via 10.0.2.254"), ("rs2", "default via 10.0.2.254"),
              ("rs1", "default via fd00:2::fe"), ("rs2", "default via fd00:2::fe"),
              ("rs4", "default via 10.0.4.254"))
    FORWARDING = ("router",)

    def __init__(self):
        super().__init__()
        try:
            self.sysctl("router", "net/ipv6/conf/all/forwarding", 1)
            for host in ("rs1", "rs2"):
                servers.start_nginx(self, host)
                servers.start_udp_echo(self, host)
            self.daemon = Lvsd(self, text_of())
            self.daemon.start()
            for host in ("rs1", "rs2"):
                self.treat(host)
        except BaseException:
            self.close()
            raise

    def treat(self, host):
        realserver(self, host, "apply", "-c", self.daemon.file, "--director", "10.0.2.1",
                   "--director", "fd00:2::1", "--clients", "10.0.2.0/24", "--clients", "fd00:2::/64")

    def restart(self, text=None):
        self.daemon.stop()
        self.daemon.write(text or text_of())
        self.daemon.start()


def text_of(*more, director=None, drop=()):
    dr, tun, nat = ([service(method, f"{VIP[method]}:80/tcp", method, *RIPS),
                     service(method + "6", f"[{VIP6[method]}]:80/tcp", method, *RIPS6)]
                    for method in ("dr", "tun", "nat"))
    near = [service("near", f"{VIP['near']}:80/tcp", "nat", *RIPS),
            service("flat", f"{VIP['flat']}:80/tcp", "dr", *RIPS),
            service("echo", f"{VIP['udp']}:5353/udp", "dr", *RIPS)]
    chosen = [one for one in (*dr, *tun, *nat, *near, *more) if one["name"] not in drop]
    return configuration(*chosen, director=director)


def doctor(ward, *words, before=()):
    """Its exit status and what it prints. `before`: a command that runs it."""
    process = subprocess.run(
        ward.command("director", [*before, os.path.join(build_directory(), "lvsctl"), "doctor",
                                  "--run-dir", ward.daemon.run_dir, *words]),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")
    return process.returncode, process.stdout + process.stderr


def examine(ward, *words, before=()):
    """What the doctor says, the exit status of which says the same."""
    status, output = doctor(ward, "--json", "-c", ward.daemon.file, *words, before=before)
    assert status in (0, 1), output
    report = json.loads(output)
    counted = [one["severity"] for one in report["findings"]]
    assert report["version"] == 1
    assert report["ok"] == ("fault" not in counted) == (status == 0)
    assert [report[key] for key in ("faults", "cannot_tell", "notes")] == \
        [counted.count(severity) for severity in ("fault", "cannot tell", "note")]
    return report


def names(report, severity=None):
    return {one["name"] for one in report["findings"] if severity in (None, one["severity"])}
