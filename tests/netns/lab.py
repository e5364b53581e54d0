# SPDX-License-Identifier: GPL-2.0-or-later
"""A network of namespaces with a director in the middle, for the tests and for scripts/demo.

             10.0.1.0/24                      10.0.2.0/24
    client --+--- cl  director  be ---+--- rs1 rs2 rs3       (.11 .12 .13)
      .2     |  .1              .1    |
             +--- cl   router   be ---+
               .254            .254  +--- far 10.0.4.0/24 --- rs4 (.11)

The client reaches virtual addresses (10.0.3.0/24) by way of the director; what DR and TUN servers
answer goes by the router, past the director, and what NAT servers answer goes back through it. Every
real server can serve all three methods at once: a rule sends what carries its own address as source
(that is NAT) to the director, all else to the router. rs4 is not on the director's network.

IPv6 is the same: fd00:N::/64 for 10.0.N.0/24, hosts with the same last digits, and fd01::/64 for
10.1.0.0/16.

Nothing happens outside the namespaces. Their names carry the process id, so that runs do not meet,
and what a killed run left behind is removed by the next one.
"""
import ctypes
import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager

SPACES = ("fabric", "client", "router", "director", "rs1", "rs2", "rs3", "rs4")
SERVERS = ("rs1", "rs2", "rs3")
ADDRESS = {"client": "10.0.1.2", "director": "10.0.2.1", "rs1": "10.0.2.11", "rs2": "10.0.2.12",
           "rs3": "10.0.2.13", "rs4": "10.0.4.11"}
VIP = {"dr": "10.0.3.100", "tun": "10.0.3.101", "nat": "10.0.3.102"}
ADDRESS6 = {"client": "fd00:1::2", "director": "fd00:2::1", "rs1": "fd00:2::11",
            "rs2": "fd00:2::12", "rs3": "fd00:2::13", "rs4": "fd00:4::11"}
VIP6 = {"dr": "fd00:3::100", "tun": "fd00:3::101", "nat": "fd00:3::102"}
MAC = {("client", "eth0"): "02:00:00:00:01:02", ("director", "cl"): "02:00:00:00:01:01",
       ("director", "be"): "02:00:00:00:02:01", ("router", "cl"): "02:00:00:00:01:fe",
       ("router", "be"): "02:00:00:00:02:fe", ("router", "far"): "02:00:00:00:04:fe",
       ("rs1", "eth0"): "02:00:00:00:02:11", ("rs2", "eth0"): "02:00:00:00:02:12",
       ("rs3", "eth0"): "02:00:00:00:02:13", ("rs4", "eth0"): "02:00:00:00:04:11"}
BRIDGE = {"cl": "brcl", "be": "brbe", "far": "brfar"}
SEGMENT = {"client": "cl", "rs1": "be", "rs2": "be", "rs3": "be", "rs4": "far"}
PREFIX, KEPT_PREFIX = "lvsd-lab-", "lvsd-kept-"

SYSCTLS = {
    "net/ipv4/conf/{}/rp_filter": 0,         # replies of DR and TUN take another way than requests
    "net/ipv4/conf/{}/send_redirects": 0,
    "net/ipv4/conf/{}/accept_redirects": 0,
    "net/ipv6/conf/{}/accept_dad": 0,
    "net/ipv6/conf/{}/accept_ra": 0,
}
OFFLOADS = ("tx", "rx", "sg", "tso", "gso", "gro")

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_next_lab = 0


class LabError(RuntimeError):
    pass


def run(args, stdin=None, check=True, timeout=60):
    """Runs a command in this namespace; its output, or LabError with it."""
    done = subprocess.run(args, input=stdin, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=timeout)
    if check and done.returncode:
        raise LabError(f"{' '.join(args)}: exit status {done.returncode}\n{done.stdout}")
    return done.stdout


def wait_for(condition, what, timeout=10.0, interval=0.02):
    """Returns the first true value of condition(); LabError once `timeout` has passed."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise LabError(f"waited {timeout} s for {what() if callable(what) else what}")
        time.sleep(interval)


def processes_in(namespace):
    listed = run(["ip", "netns", "pids", namespace], check=False)
    return [int(word) for word in listed.split() if word.isdigit()]


def remove_namespace(namespace):
    """Ends what still runs inside a namespace of ours, then removes it."""
    for pid in processes_in(namespace):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    run(["ip", "netns", "del", namespace], check=False)


def namespaces(prefix):
    listed = run(["ip", "netns", "list"], check=False)
    return [line.split()[0] for line in listed.splitlines() if line.startswith(prefix)]


def remove_leftovers():
    """Removes the namespaces of runs whose process is gone."""
    for name in namespaces(PREFIX):
        owner = name[len(PREFIX):].split("-")[0].split(".")[0]
        if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
            remove_namespace(name)


def remove_kept():
    """Ends what `scripts/demo --keep` left running; how many namespaces that were."""
    kept = namespaces(KEPT_PREFIX)
    for name in kept:
        remove_namespace(name)
    for directory in glob.glob(f"/run/{KEPT_PREFIX}*"):
        shutil.rmtree(directory, ignore_errors=True)
    return len(kept)


def clean_up_when_terminated():
    """Ends on SIGTERM (timeout(1), a CI that gives up) as on Ctrl-C: what was started is stopped."""
    def interrupt(*_):
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread() \
            and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, interrupt)


class Lab:
    def __init__(self, offloads=False, keep=False):
        global _next_lab
        clean_up_when_terminated()
        _next_lab += 1
        self.prefix = f"{KEPT_PREFIX if keep else PREFIX}{os.getpid()}.{_next_lab}-"
        self.children = []  # Popen objects, in order of their start
        self.directory = (tempfile.mkdtemp(prefix=KEPT_PREFIX, dir="/run") if keep
                          else tempfile.mkdtemp(prefix=PREFIX))
        os.chmod(self.directory, 0o755)  # nginx's workers read from here
        try:
            if not keep:
                remove_leftovers()
            self._build()
            self.set_offloads(offloads)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- namespaces ------------------------------------------------------------------------------
    def namespace(self, space):
        return self.prefix + space

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def ip(self, space, *lines):
        """Several ip(8) commands in one namespace at once."""
        run(["ip", "-n", self.namespace(space), "-batch", "-"], "\n".join(lines) + "\n")

    def command(self, space, args):
        return ["ip", "netns", "exec", self.namespace(space), *args]

    def run(self, space, args, **keywords):
        return run(self.command(space, args), **keywords)

    def start(self, space, args, log=None, **keywords):
        """Starts a program in a namespace; it is ended with the laboratory at the latest. `ip netns
        exec` becomes the program, so the process id is the program's own."""
        output = open(log, "ab") if log else subprocess.DEVNULL
        try:
            child = subprocess.Popen(self.command(space, args), stdin=subprocess.DEVNULL,
                                     stdout=output, stderr=subprocess.STDOUT, **keywords)
        finally:
            if log:
                output.close()
        self.children.append(child)
        return child

    def stop(self, child, timeout=5.0):
        if child in self.children:
            self.children.remove(child)
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(timeout)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        return child.returncode

    @contextmanager
    def inside(self, space):
        """This thread opens its sockets in that namespace."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        after = os.open("/run/netns/" + self.namespace(space), os.O_RDONLY)
        try:
            if _libc.setns(after, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            try:
                yield
            finally:
                _libc.setns(before, _CLONE_NEWNET)
        finally:
            os.close(before)
            os.close(after)

    def socket(self, space, *args):
        with self.inside(space):
            return socket.socket(*args)

    def sysctl(self, space, key, value=None):
        path = "/proc/sys/" + key
        with self.inside(space):
            if value is None:
                with open(path, encoding="ascii") as file:
                    return file.read().strip()
            with open(path, "w", encoding="ascii") as file:
                file.write(str(value))
        return str(value)

    def send_frame(self, space, device, frame):
        with self.socket(space, socket.AF_PACKET, socket.SOCK_RAW, 0) as out:
            out.bind((device, 0))
            out.send(bytes(frame))

    def set_offloads(self, enabled):
        """All offloads of all interfaces. Off, every packet on the wire is at most one MTU long and
        carries finished checksums, so that bytes can be compared."""
        words = [word for name in OFFLOADS for word in (name, "on" if enabled else "off")]
        for space, device in MAC:
            self.run(space, ["ethtool", "-K", device, *words], check=False)

    # ---- topology --------------------------------------------------------------------------------
    def _build(self):
        run(["ip", "-batch", "-"],
            "".join(f"netns add {self.namespace(space)}\n" for space in SPACES))
        for space in SPACES:
            for key, value in SYSCTLS.items():
                for scope in ("all", "default"):
                    self.sysctl(space, key.format(scope), value)
            self.sysctl(space, "net/ipv6/conf/default/addr_gen_mode", 1)  # chosen by us
            self.sysctl(space, "net/ipv4/icmp_ratelimit", 0)
            self.sysctl(space, "net/ipv6/icmp/ratelimit", 0)
            self.sysctl(space, "net/ipv4/ip_forward", 1 if space == "router" else 0)
            self.sysctl(space, "net/ipv6/conf/all/forwarding", 1 if space == "router" else 0)
        self._build_fabric()
        self._build_hosts()

    def _build_fabric(self):
        lines = ["link set lo up"]
        for bridge in BRIDGE.values():
            lines += [f"link add {bridge} type bridge mcast_snooping 0", f"link set {bridge} up"]
        for (space, device), mac in MAC.items():
            port = f"{space[:8]}-{device}"[:15]
            bridge = BRIDGE[SEGMENT.get(space, device)]
            lines += [f"link add {port} type veth peer name {device} address {mac}"
                      f" netns {self.namespace(space)}",
                      f"link set {port} master {bridge}", f"link set {port} up"]
        self.ip("fabric", *lines)

    def _build_hosts(self):
        self.ip("client", "link set lo up", "link set eth0 up", "addr add 10.0.1.2/24 dev eth0",
                "route add local 10.1.0.0/16 dev lo",  # any of these is the client, too
                "route add 10.0.3.0/24 via 10.0.1.1", "route add default via 10.0.1.254")
        self.ip("router", "link set lo up", "link set cl up", "link set be up", "link set far up",
                "addr add 10.0.1.254/24 dev cl", "addr add 10.0.2.254/24 dev be",
                "addr add 10.0.4.254/24 dev far", "route add 10.1.0.0/16 via 10.0.1.2",
                "route add 10.0.3.0/24 via 10.0.2.1")
        self.ip("director", "link set lo up", "link set cl up", "link set be up",
                "addr add 10.0.1.1/24 dev cl", "addr add 10.0.2.1/24 dev be",
                "route add 10.1.0.0/16 via 10.0.1.2", "route add 10.0.4.0/24 via 10.0.2.254")
        for server in SERVERS:
            address = ADDRESS[server]
            self.ip(server, "link set lo up", "link set eth0 up", f"addr add {address}/24 dev eth0",
                    "route add default via 10.0.2.254",
                    f"rule add from {address} lookup 100",
                    "route add 10.0.2.0/24 dev eth0 table 100",
                    "route add default via 10.0.2.1 table 100")
            self._keep_vip_silent(server)
        self.ip("rs4", "link set lo up", "link set eth0 up", "addr add 10.0.4.11/24 dev eth0",
                "route add default via 10.0.4.254")
        self._keep_vip_silent("rs4")
        self._build_ipv6()

    def _build_ipv6(self):
        # Who solicits a neighbour for others does so from a link-local address.
        for (space, device), mac in MAC.items():
            self.ip(space, f"addr add fe80::{mac[-5:]}/64 dev {device} nodad")
        self.ip("client", "addr add fd00:1::2/64 dev eth0 nodad",
                "route add local fd01::/64 dev lo", "route add fd00:3::/64 via fd00:1::1",
                "route add default via fd00:1::fe")
        self.ip("router", "addr add fd00:1::fe/64 dev cl nodad",
                "addr add fd00:2::fe/64 dev be nodad", "addr add fd00:4::fe/64 dev far nodad",
                "route add fd01::/64 via fd00:1::2", "route add fd00:3::/64 via fd00:2::1")
        self.ip("director", "addr add fd00:1::1/64 dev cl nodad",
                "addr add fd00:2::1/64 dev be nodad", "route add fd01::/64 via fd00:1::2",
                "route add fd00:4::/64 via fd00:2::fe")
        for server in SERVERS:
            address = ADDRESS6[server]
            self.ip(server, f"addr add {address}/64 dev eth0 nodad",
                    "route add default via fd00:2::fe",
                    "route add fd00:2::/64 dev eth0 table 100",
                    "route add default via fd00:2::1 table 100")
            self.run(server, ["ip", "-6", "rule", "add", "from", address, "lookup", "100"])
        self.ip("rs4", "addr add fd00:4::11/64 dev eth0 nodad", "route add default via fd00:4::fe")
        # No host answers for an IPv6 address that is not on the interface that was asked.
        for server in (*SERVERS, "rs4"):
            self.ip(server, f"addr add {VIP6['dr']}/128 dev lo nodad")

    def _keep_vip_silent(self, server):
        """A real server neither answers ARP for a virtual address nor speaks in its name."""
        self.sysctl(server, "net/ipv4/conf/all/arp_ignore", 1)
        self.sysctl(server, "net/ipv4/conf/all/arp_announce", 2)
        self.ip(server, f"addr add {VIP['dr']}/32 dev lo")

    # ---- the end ---------------------------------------------------------------------------------
    def close(self):
        for child in reversed(list(self.children)):
            self.stop(child)
        for space in SPACES:
            remove_namespace(self.namespace(space))
        shutil.rmtree(self.directory, ignore_errors=True)
