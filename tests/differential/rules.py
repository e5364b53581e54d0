# SPDX-License-Identifier: GPL-2.0-or-later
"""Random services and destinations, as ipvsadm's words, and random changes to them."""

SCHEDULERS = ("rr", "wrr", "lc", "wlc", "sh", "dh", "sed", "nq", "fo", "ovf", "mh", "lblc", "lblcr")
FLAGS = {"sh": ("sh-fallback", "sh-port"), "mh": ("mh-fallback", "mh-port")}
PROTOCOL_OPTION = {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}
METHOD_OPTION = {"dr": "-g", "tun": "-i", "nat": "-m"}
WEIGHTS = (0, 1, 1, 1, 1, 2, 2, 3, 4, 5, 6, 10, 17, 100, 1000)
PORTS = {"tcp": (80, 443, 8080, 2000), "udp": (53, 80, 5060, 2000), "sctp": (3868, 80)}
VIPS = {4: ("10.0.3.100", "10.0.3.101", "10.0.3.102"), 6: ("fd00:3::100", "fd00:3::101")}
MARKED_VIPS = ("10.0.3.105", "10.0.3.106", "10.0.3.107", "10.0.3.108")
SERVERS = {4: ("10.0.2.11", "10.0.2.12", "10.0.2.13"),
           6: ("fd00:2::11", "fd00:2::12", "fd00:2::13")}


def endpoint(address, port):
    return ("[%s]:%d" if ":" in address else "%s:%d") % (address, port)


class Destination:
    def __init__(self, address, port, method, weight):
        self.address, self.port, self.method, self.weight = address, port, method, weight
        self.upper = self.lower = 0
        self.tunnel = ""

    def words(self):
        more = " -x %d -y %d" % (self.upper, self.lower) if self.upper or self.lower else ""
        tunnel = " " + self.tunnel if self.method == "tun" and self.tunnel else ""
        return "-r %s %s -w %d%s%s" % (endpoint(self.address, self.port),
                                       METHOD_OPTION[self.method], self.weight, more, tunnel)


class Service:
    def __init__(self, protocol, vip, port):
        self.protocol, self.vip, self.port = protocol, vip, port
        self.mark, self.mark_ports = 0, ()  # by firewall mark: what marks it, ports of `vip`
        self.scheduler, self.flags = "rr", ()
        self.persistence, self.netmask = 0, ""
        self.one_packet = False
        self.destinations = []  # as ipvsadm added them

    def family(self):
        return 6 if ":" in self.vip else 4

    def key(self):
        if self.mark:
            return "-f %d%s" % (self.mark, " -6" if self.family() == 6 else "")
        return "%s %s" % (PROTOCOL_OPTION[self.protocol], endpoint(self.vip, self.port))

    def words(self):
        words = "-s " + self.scheduler
        if self.flags:
            words += " -b " + ",".join(self.flags)
        if self.persistence:
            words += " -p %d" % self.persistence
            if self.netmask:
                words += " -M " + self.netmask
        return words + (" -o" if self.one_packet else "")

    def lines(self):
        """What makes it, an -A and its -a."""
        return ["-A %s %s" % (self.key(), self.words())] + \
            ["-a %s %s" % (self.key(), one.words()) for one in self.destinations]


class RuleMaker:
    """Makes services and their changes from a random source, with the features that are on."""

    def __init__(self, random, features):
        self.random, self.features, self.marks = random, features, 0

    def scheduler(self, service, not_this=""):
        names = [name for name in SCHEDULERS if name != not_this]
        service.scheduler = self.random.choice(names)
        flags = FLAGS.get(service.scheduler, ()) if "flags" in self.features else ()
        service.flags = tuple(flag for flag in flags if self.random.random() < 0.4)

    def service(self, taken):
        """A service whose key is none of these; None if chance had only those."""
        random = self.random
        protocols = ["tcp", "tcp", "udp"] + (["sctp"] if "sctp" in self.features else [])
        family = 6 if "ipv6" in self.features and random.random() < 0.5 else 4
        protocol = random.choice(protocols)
        service = Service(protocol, random.choice(VIPS[family]), random.choice(PORTS[protocol]))
        self.scheduler(service)
        self.persistence(service)
        if protocol == "udp" and "ops" in self.features and random.random() < 0.3:
            service.one_packet = True
        if service.key() in taken:
            return None
        self.mark(service)
        methods = [random.choice(("dr", "tun", "nat"))]
        if random.random() < 0.3:
            methods = ["dr", "tun", "nat"]
        for _ in range(random.choice((0, 1, 2, 2, 3, 3, 3, 4))):
            self.add_destination(service, methods)
        return service

    def mark(self, service):
        """Perhaps makes it one by firewall mark, of an address that no other service has."""
        if "fwmark" not in self.features or service.family() == 6 or \
                service.protocol == "sctp" or self.random.random() < 0.7:
            return
        self.marks += 1
        service.mark, service.vip = self.marks, MARKED_VIPS[self.marks % len(MARKED_VIPS)]
        service.mark_ports = PORTS[service.protocol][:2]
        service.port = 0

    def mark_command(self, service):
        return ("iptables -t mangle -A PREROUTING -d %s -p %s -m multiport --dports %s"
                " -j MARK --set-mark %d" % (service.vip, service.protocol,
                                            ",".join(map(str, service.mark_ports)), service.mark))

    def persistence(self, service):
        random = self.random
        if "persistence" not in self.features or random.random() < 0.5:
            return
        service.persistence = random.choice((60, 300))
        if service.family() == 4 and random.random() < 0.4:
            service.netmask = random.choice(("255.255.255.0", "255.255.0.0", "255.255.255.254"))
        elif service.family() == 6 and random.random() < 0.4:
            service.netmask = random.choice(("64", "120", "127"))
        if "any-port" in self.features and random.random() < 0.3:
            service.port = 0

    def add_destination(self, service, methods=("dr", "tun", "nat")):
        """Adds one that is new and gives it, or None."""
        random = self.random
        method = random.choice(methods)
        port = service.port
        mapped = service.port or (service.mark and not service.persistence)  # lvsd maps no other
        if method == "nat" and mapped and random.random() < 0.4:
            port = random.choice((8000, 8001, 80))
        one = Destination(random.choice(SERVERS[service.family()]), port, method,
                          random.choice(WEIGHTS))
        if any((one.address, one.port) == (d.address, d.port) for d in service.destinations):
            return None
        self.thresholds(one)
        self.tunnel(one)
        service.destinations.append(one)
        return one

    def thresholds(self, one):
        one.upper = one.lower = 0
        if "thresholds" in self.features and self.random.random() < 0.4:
            one.upper = self.random.randint(1, 4)
            one.lower = self.random.randint(0, one.upper)

    def tunnel(self, one):
        if one.method == "tun" and "tunnels" in self.features:
            one.tunnel = self.random.choice((
                "", "--tun-type gre", "--tun-type gre --tun-csum",
                "--tun-type gue --tun-port 6080", "--tun-type gue --tun-port 6080 --tun-csum"))

    def services(self):
        made = {}
        for _ in range(self.random.choice((1, 1, 2, 3, 4))):
            one = self.service(made)
            if one:
                made[one.key()] = one
        return list(made.values()) or [self.service({})]

    # Changes: each gives ipvsadm's words, or None where there was nothing to change.
    def change_weight(self, service):
        if not service.destinations:
            return None
        one = self.random.choice(service.destinations)
        one.weight = self.random.choice([w for w in WEIGHTS + (0, 0, 0) if w != one.weight])
        return "ipvsadm -e %s %s" % (service.key(), one.words())

    def change_thresholds(self, service):
        if not service.destinations or "thresholds" not in self.features:
            return None
        one = self.random.choice(service.destinations)
        before = one.words()
        self.thresholds(one)
        return "ipvsadm -e %s %s" % (service.key(), one.words()) if one.words() != before else None

    def change_scheduler(self, service):
        self.scheduler(service, service.scheduler)
        return "ipvsadm -E %s %s" % (service.key(), service.words())

    def add(self, service):
        one = self.add_destination(service)
        return "ipvsadm -a %s %s" % (service.key(), one.words()) if one else None

    def remove(self, service):
        if not service.destinations:
            return None
        one = self.random.choice(service.destinations)
        service.destinations.remove(one)
        return "ipvsadm -d %s -r %s" % (service.key(), endpoint(one.address, one.port))
