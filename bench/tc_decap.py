# SPDX-License-Identifier: GPL-2.0-or-later
"""The end of a tunnel on a real server: a program in tc where kernel and clang have what it takes,
else lvsd-decap, which takes packets one by one and is slower than what it is to be measured with."""
import os
import platform
import sys

import servers
from lab import LabError, VIP, run

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "decap.bpf.c")


def start(lab, server):
    """Returns the name of what it is."""
    try:
        attach(lab, server)
    except (LabError, OSError) as wrong:
        print(f"tunnels end in lvsd-decap, not in tc: {str(wrong).splitlines()[-1]}",
              file=sys.stderr)
        servers.start_tunnel_end(lab, server)
        return "lvsd-decap"
    lab.ip(server, f"addr add {VIP['tun']}/32 dev lo")
    return "tc-BPF"


def attach(lab, server):
    program = lab.path("decap.o")
    run(["clang", "-O2", "-target", "bpf", f"-I/usr/include/{platform.machine()}-linux-gnu",
         "-c", SOURCE, "-o", program])
    lab.run(server, ["tc", "qdisc", "add", "dev", "eth0", "clsact"])
    lab.run(server, ["tc", "filter", "add", "dev", "eth0", "ingress", "bpf", "direct-action",
                     "object-file", program, "section", "tc"])
