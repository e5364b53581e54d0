# SPDX-License-Identifier: GPL-2.0-or-later
"""What is measured: each puts itself between client and real server for one virtual address, with
TCP 80 (nginx), TCP and UDP 5201 (iperf3), TCP 5202 (the hash of what it gets) and UDP 5353 (an echo)
behind it, and goes away again."""
import os
import re
import shutil

import fill_table
import servers
from daemon import Lvsd, build_directory, configuration, service
from lab import ADDRESS, MAC, VIP, LabError, wait_for

DIRECTOR_CPU = 1
PORTS = (("web", "80/tcp"), ("bulk", "5201/tcp"), ("hash", "5202/tcp"), ("datagrams", "5201/udp"),
         ("echo", "5353/udp"))


def pinned(*command):
    return ["taskset", "-c", str(DIRECTOR_CPU), *command]


class Subject:
    udp = tcp = True
    hashes = True  # what it carries can be compared

    def __init__(self, lab):
        self.lab, self.children = lab, []

    def missing(self):
        """Why it cannot be measured here, or nothing."""

    def verdicts(self):
        """Of those that count them."""
        return {}

    def start(self):
        raise NotImplementedError

    def stop(self):
        for child in self.children:
            self.lab.stop(child)
        self.children = []

    def pids(self):
        return [child.pid for child in self.children]


class Nobody(Subject):
    """The roof: the client's packets go straight to the router, which forwards them to the server."""
    name, method, vip = "none", "routed", VIP["dr"]

    def start(self):
        self.lab.ip("client", f"route add {self.vip}/32 via 10.0.1.254")
        self.lab.ip("router", f"route add {self.vip}/32 via {ADDRESS['rs1']}")

    def stop(self):
        self.lab.ip("client", f"route del {self.vip}/32")
        self.lab.ip("router", f"route del {self.vip}/32")


class Director(Subject):
    def __init__(self, lab, method):
        super().__init__(lab)
        self.name, self.method, self.vip = f"lvsd {method}", method, VIP[method]
        self.daemon = None

    def start(self):
        self.begin(configuration(*(service(name, f"{self.vip}:{port}", self.method, ADDRESS["rs1"])
                                   for name, port in PORTS)))

    def begin(self, text):
        self.daemon = Lvsd(self.lab, text, name=f"bench-{self.method}", options=["--metrics"])
        self.daemon.start()
        self.lab.run("director", ["taskset", "-a", "-p", "-c", str(DIRECTOR_CPU),
                                  str(self.daemon.child.pid)])

    def stop(self):
        self.daemon.stop()

    def pids(self):
        return [self.daemon.child.pid]

    def verdicts(self):
        """How many packets had their verdict within so many microseconds of the turn that received
        them: the daemon's own histogram."""
        page = self.lab.run("director", ["curl", "-sS", "--fail", "http://127.0.0.1:9811/metrics"])
        found = re.findall(r'lvsd_verdict_latency_seconds_bucket\{le="([^"]+)"\} (\d+)', page)
        return {float(bound) * 1e6: int(count) for bound, count in found}


class FullTable(Director):
    """As lvsd dr, with a million established connections of other clients in its table."""
    count = 1_000_000

    def __init__(self, lab):
        super().__init__(lab, "dr")
        self.name = "lvsd dr, 1M connections"

    def start(self):
        self.begin(configuration(
            service("full", f"{self.vip}:{fill_table.PORT}/tcp", "dr", ADDRESS["rs1"]),
            *(service(name, f"{self.vip}:{port}", "dr", ADDRESS["rs1"]) for name, port in PORTS),
            director={"connections": {"limit": self.count + 500_000}}))
        # The server must not answer them, and it is not what is measured.
        self.drop_at_server("-A")
        try:
            fill_table.fill(self.lab, self.vip, self.count)
        finally:
            self.drop_at_server("-D")
        live = self.daemon.ctl_json("status")["status"]["connections"]
        if live < self.count * 0.99:
            raise LabError(f"{self.name}: only {live} connections came into being")

    def drop_at_server(self, action):
        self.lab.run("rs1", ["iptables", "-t", "raw", action, "PREROUTING", "-p", "tcp", "--dport",
                             str(fill_table.PORT), "-j", "DROP"])


class ManyServers(Director):
    """A thousand real servers, which are one: their addresses all have its MAC."""
    count = 1000

    def __init__(self, lab):
        super().__init__(lab, "dr")
        self.name, self.udp, self.hashes = "lvsd dr, 1000 servers", False, False

    def addresses(self):
        return [f"10.0.{64 + i // 250}.{i % 250 + 1}" for i in range(self.count)]

    def start(self):
        neighbours = (f"neigh add {address} lladdr {MAC['rs1', 'eth0']} dev be nud permanent"
                      for address in self.addresses())
        self.lab.ip("director", "route add 10.0.64.0/21 dev be", *neighbours)
        text = configuration(service("web", f"{self.vip}:80/tcp", "dr", *self.addresses()))
        self.begin(text)

    def stop(self):
        super().stop()
        self.lab.ip("director", "route del 10.0.64.0/21 dev be",
                    *(f"neigh del {address} dev be" for address in self.addresses()))


class Null(Subject):
    """The limit of the mechanism: null_forward.cc, behind rules that bring it all of a VIP."""
    program = ()

    def start(self):
        log = self.lab.path("null.log")
        open(log, "w", encoding="ascii").close()
        program = os.path.join(build_directory(), "bench", "null_forward")
        if not os.path.exists(program):
            raise LabError(f"{program} is not there: scripts/bench builds it")
        self.children.append(self.lab.start("director", pinned(program, *self.program), log=log))
        wait_for(lambda: "ready" in servers.read(log), f"the {self.name}")
        self.rules("-A")

    def rules(self, action):
        for match, queue in ((["-p", "tcp"], 101), ([], 100)):
            self.lab.run("director", ["iptables", "-t", "raw", action, "PREROUTING", "-d", self.vip,
                                      *match, "-j", "NFQUEUE", "--queue-num", str(queue)])

    def stop(self):
        self.rules("-D")
        super().stop()


class NullForward(Null):
    """Receives and sends unchanged: what NFQUEUE and a packet socket cost with nothing between."""
    name, method, vip = "null forwarder", "dr", VIP["dr"]
    program = ("forward", "100", "be", MAC["director", "be"], MAC["rs1", "eth0"])


class NullTunnel(Null):
    """Receives super-packets, sends the same bytes in frames of one segment behind a header each."""
    name, method, vip, udp = "null tunnel", "tun", VIP["tun"], False
    program = ("tunnel", "100", "be", MAC["director", "be"], MAC["rs1", "eth0"],
               ADDRESS["director"], ADDRESS["rs1"])


class NullDrop(Null):
    """Receives and drops: no more than small datagrams can be sent to it."""
    name, method, vip = "null drop", "drop", VIP["dr"]
    program, tcp, hashes = ("drop", "100"), False, False


class Nftables(Subject):
    """The kernel's own destination and source NAT."""
    name, method, vip = "nftables dnat", "nat", VIP["nat"]

    def start(self):
        self.lab.sysctl("director", "net/ipv4/ip_forward", 1)
        self.lab.run("director", ["nft", "-f", "-"], stdin=f"""
table ip bench {{
  chain before {{
    type nat hook prerouting priority dstnat
    ip daddr {self.vip} dnat to {ADDRESS['rs1']}
  }}
  chain after {{
    type nat hook postrouting priority srcnat
    oifname "be" masquerade
  }}
}}""")

        # The server forgets at once what is over; so must this, or its ports run out.
        for state in ("time_wait", "close", "last_ack", "fin_wait"):
            self.lab.sysctl("director", f"net/netfilter/nf_conntrack_tcp_timeout_{state}", 1)

    def stop(self):
        self.lab.run("director", ["nft", "delete", "table", "ip", "bench"])
        self.lab.sysctl("director", "net/ipv4/ip_forward", 0)


class Proxy(Subject):
    """A program that ends the client's connection and opens one of its own."""
    method, vip, udp = "proxy", VIP["nat"], False
    program = template = ""

    def missing(self):
        return None if shutil.which(self.program) else f"{self.program} is not installed"

    def arguments(self, file):
        raise NotImplementedError

    def start(self):
        self.lab.ip("director", f"addr add {self.vip}/32 dev lo")
        file = self.lab.path(f"{self.program}.conf")
        with open(file, "w", encoding="ascii") as out:
            out.write(self.template.format(vip=self.vip, server=ADDRESS["rs1"]))
        self.children.append(self.lab.start("director", pinned(*self.arguments(file)),
                                            log=self.lab.path(f"{self.program}.log")))
        servers.await_listener(self.lab, "director", self.children[0], 5201, "-t",
                               self.lab.path(f"{self.program}.log"))

    def stop(self):
        super().stop()
        self.lab.ip("director", f"addr del {self.vip}/32 dev lo")


class Haproxy(Proxy):
    name, program = "haproxy", "haproxy"
    template = """global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  option splice-auto
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen web
  bind {vip}:80
  server rs1 {server}:80
listen bulk
  bind {vip}:5201
  server rs1 {server}:5201
listen hash
  bind {vip}:5202
  server rs1 {server}:5202
"""

    def arguments(self, file):
        return ["haproxy", "-db", "-f", file]


class NginxStream(Proxy):
    name, program = "nginx stream", "nginx"
    module = "/usr/lib/nginx/modules/ngx_stream_module.so"
    template = """load_module %s;
daemon off; master_process off; pid none; error_log stderr;
events {{ worker_connections 8000; }}
stream {{
  server {{ listen {vip}:80; proxy_pass {server}:80; }}
  server {{ listen {vip}:5201; proxy_pass {server}:5201; }}
  server {{ listen {vip}:5202; proxy_pass {server}:5202; }}
}}
""" % module

    def missing(self):
        return None if os.path.exists(self.module) else "libnginx-mod-stream is not installed"

    def arguments(self, file):
        return ["nginx", "-c", file]


def all_subjects(lab):
    return [Nobody(lab), NullDrop(lab), NullForward(lab), NullTunnel(lab), Director(lab, "dr"),
            Director(lab, "tun"), Director(lab, "nat"), ManyServers(lab), FullTable(lab),
            Haproxy(lab), NginxStream(lab), Nftables(lab)]
