# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes up a scenario from a seed: the same seed and features give the same scenario."""
import random

from conversations import Conversation
import icmp
import packets
from rules import PORTS, RuleMaker, SERVERS, VIPS
from scene import Scene

# name: (on unless --features says otherwise, what it adds)
FEATURES = {
    "events": (True, "rules change under way"),
    "remove": (True, "destinations and services are removed under way"),
    "flags": (True, "-b, the flags of sh and mh"),
    "icmp": (True, "ICMP errors from clients, servers and routers, and echo requests"),
    "odd": (True, "strange TCP flags, bad checksums, TTL 1, types of service"),
    "persistence": (True, "-p, netmasks"),
    "any-port": (True, "persistent services for port 0"),
    "ops": (True, "-o, each datagram scheduled anew"),
    "sctp": (True, "SCTP"),
    "thresholds": (True, "-x and -y"),
    "fwmark": (True, "services by firewall mark"),
    "options": (True, "IPVS's settings (sysctl)"),
    "orphans": (False, "packets of connections whose service or server was removed"),
    "cut": (False, "TCP and UDP headers cut short: lvsd drops them, the kernel not in all cases"),
    "wrong-tunnel": (False, "ICMP errors about tunnels that do not carry that connection"),
    "large": (True, "packets about as long as the MTU, with DF and without; smaller MTUs"),
    "waits": (True, "waits for timeouts, which are set short"),
    "ipv6": (True, "services, clients and servers of IPv6"),
    "tunnels": (True, "GRE and GUE, with and without checksums, beside IPIP"),
    "fragments": (False, "datagrams in fragments, in any order"),
    "unserved": (True, "packets that belong to no service"),
}
SHORT = 6  # seconds of the timeouts that --set can set, where waits are on
WAITS = (13.5, 13.5)  # past SHORT and past a closed connection's 10 s, with the kernel's lateness


OPTIONS = (("conn_reuse_mode", (0, 2, 3)), ("expire_nodest_conn", (1,)), ("sloppy_tcp", (1,)),
           ("expire_quiescent_template", (1,)), ("nat_icmp_send", (1,)), ("schedule_icmp", (1,)),
           ("secure_tcp", (3,)), ("sloppy_sctp", (1,)))


WAIT_FOR_TICK = 0.03  # seconds; the guest's kernel ticks every 10 ms


class Generator:
    def __init__(self, seed, features):
        self.random = random.Random("lvsd %s" % seed)
        self.features = features
        self.scene = Scene(str(seed), features=sorted(features))
        self.maker = RuleMaker(self.random, features)
        self.services = self.maker.services()
        self.open, self.used, self.barred, self.opened = [], [], set(), set()
        self.waits = list(WAITS) if "waits" in features and self.chance(0.35) else []
        self.identification = 100
        self.server_mtu = self.next_pause = 0

    def chance(self, probability):
        return self.random.random() < probability

    def make(self):
        scene, random_ = self.scene, self.random
        if "options" in self.features:
            self.set_options()
        for service in self.services:
            self.add_mark(service)
            scene.rules += service.lines()
        if self.waits:
            scene.rules.append("--set %d %d %d" % (SHORT, SHORT, SHORT))
        if "large" in self.features and self.chance(0.3):
            self.server_mtu = random_.choice((1300, 1400, 1492))
            scene.before.append("ip link set be mtu %d" % self.server_mtu)
        for _ in range(random_.choice((20, 40, 60, 90))):
            self.step()
        return scene

    def set_options(self):
        for option, values in OPTIONS:
            if self.chance(0.12):
                value = self.random.choice(values)
                self.scene.before.append("sysctl net.ipv4.vs.%s=%d" % (option, value))

    def add_mark(self, service):
        if service.mark:
            self.scene.before.append(self.maker.mark_command(service))

    def step(self):
        draw = self.random.random()
        if draw < 0.05 and "events" in self.features:
            self.change_rules()
        elif draw < 0.09 and "icmp" in self.features:
            icmp.random_error(self)
        elif draw < 0.12 and "unserved" in self.features:
            self.send_unserved()
        elif draw < 0.14 and self.waits:
            self.pause(self.waits.pop())
        elif draw < 0.40 or not self.open:
            self.start_conversation()
        else:
            one = self.random.choice(self.open)
            if not one.go_on():
                self.open.remove(one)

    # Frames
    def frame(self, data, note=""):
        self.scene.frame(data, note, self.take_pause())

    def take_pause(self):
        pause, self.next_pause = self.next_pause, 0
        return 0.004 + pause

    def pause(self, seconds):
        self.next_pause = seconds

    def after_opening(self, name):
        """A connection that a new opening replaces ends with the kernel's next tick, 10 ms in the
        guest; what comes before that may still find it."""
        if name in self.opened:
            self.next_pause = max(self.next_pause, WAIT_FOR_TICK)
        self.opened.add(name)

    def next_identification(self):
        self.identification += 1
        return self.identification

    # Conversations
    def start_conversation(self):
        service = self.random.choice(self.services)
        if self.used and self.chance(0.25):  # the same ports again
            tuple_ = self.random.choice(self.used)
            if tuple_[2] not in self.services:
                return
        else:
            tuple_ = (self.random_client(service.family()), self.random_port(), service,
                      service.port or
                      self.random.choice(service.mark_ports or PORTS[service.protocol]))
            if name_of(tuple_) in self.barred:
                return
            self.used.append(tuple_)
        one = Conversation(self, *tuple_)
        if one.go_on():
            self.open.append(one)

    def random_client(self, family):
        number = self.random.choice((1, 1, 2, 3, 4, 5))
        if family == 6:
            return "fd00:c::%x" % number
        return "10.1.%d.%d" % (self.random.choice((0, 0, 0, 7)), number)

    def random_port(self):
        return self.random.choice((20, 1023)) if self.chance(0.01) else \
            self.random.randint(1024, 65535)

    def bar(self, service):
        """No packet more of its connections: what becomes of them is lvsd's own decision. Those that
        another service of that address for any port has may be its."""
        if "orphans" in self.features:
            return

        def near(other):
            return (other.vip, other.protocol) == (service.vip, service.protocol)
        self.open = [one for one in self.open if not near(one.service)]
        self.barred.update(name_of(tuple_) for tuple_ in self.used if near(tuple_[2]))
        self.used = [tuple_ for tuple_ in self.used if not near(tuple_[2])]

    # Changes
    def change_rules(self):
        service = self.random.choice(self.services)
        changes = ["change_weight"] * 4 + ["change_scheduler", "add", "add", "change_thresholds"]
        if "remove" in self.features:
            changes += ["remove", "remove_service"]
        change = self.random.choice(changes)
        if change == "remove_service":
            self.replace_service(service)
            return
        command = getattr(self.maker, change)(service)
        if command:
            self.scene.command(command, self.take_pause())
        if change == "remove":
            self.bar(service)

    def replace_service(self, service):
        """Removes a service, and adds another, perhaps with the same address and port."""
        self.bar(service)
        self.scene.command("ipvsadm -D " + service.key(), self.take_pause())
        self.services.remove(service)
        added = self.maker.service({one.key() for one in self.services})
        if added and not added.mark:
            self.services.append(added)
            for line in added.lines():
                self.scene.command("ipvsadm " + line, self.take_pause())
        elif not self.services:
            self.services.append(service)
            for line in service.lines():
                self.scene.command("ipvsadm " + line, self.take_pause())

    # What is none of the services' business
    def send_unserved(self):
        random_ = self.random
        client = self.random_client(4)
        source = (client, self.random_port())
        draw = random_.randrange(4)
        if draw == 0:
            self.frame(packets.from_client(packets.echo(client, random_.choice(VIPS[4]))), "echo")
        elif draw == 1:
            to = (random_.choice(VIPS[4]), 9)
            self.frame(packets.from_client(packets.udp(source, to)), "no service")
        elif draw == 2:
            to = (random_.choice(SERVERS[4]), 80)
            self.frame(packets.from_client(packets.tcp(source, to)), "routed to a server")
        else:
            server = random_.choice(SERVERS[4])
            packet = packets.tcp((server, 8000), source, flags="SA")
            self.frame(packets.from_server(packet, server), "routed to a client")


def name_of(tuple_):
    """A connection by what packets have: its service may be made anew."""
    client, port, service, service_port = tuple_
    return client, port, service.protocol, service.vip, service_port


def generate(seed, features):
    return Generator(seed, features).make()
