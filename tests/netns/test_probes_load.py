# SPDX-License-Identifier: GPL-2.0-or-later
"""A server fails under load: killed, cut off, its certificate expired, slow, wrong. Until that is
noticed requests fail, and only those that went to it; afterwards none. wrk asks another service of
the same servers all the while, and notices nothing."""
import os
import ssl
import time
from contextlib import ExitStack, contextmanager

from certificates import Authority, expiry
from checking import odd, reports, start_odd, without_nginx
from daemon import configuration, service
from lab import ADDRESS, SERVERS, VIP, wait_for
from load import Load
from requesting import Requests
from servers import HERE, PYTHON, listening, read

VICTIM = "rs1"
INTERVAL, TIMEOUT, FALL = 0.3, 0.25, 3
DUE = FALL * INTERVAL + TIMEOUT
LASTS = 7.0  # seconds of a certificate that is to expire
SLACK = 3.0  # other work on this machine
CHECK = {"type": "http", "interval": "300ms", "timeout": "250ms", "rise": 2, "fall": FALL,
         "damping": "off"}
NGINX, ODD, TLS = 80, 9000, 9001


def start_tls(lab, server, certificate):
    """odd_server.py with TLS, which reads its certificate when it starts."""
    log = lab.path(f"{server}-tls.log")
    child = lab.start(server, [PYTHON, os.path.join(HERE, "odd_server.py"),
                               lab.path(f"{server}.tls"), str(TLS), certificate], log=log)
    wait_for(lambda: listening(lab, server, TLS), lambda: read(log))
    return child


# Ways to fail: each gives what makes the server fail, to be called under load.
@contextmanager
def killed(lab, _):
    with ExitStack() as later:
        yield lambda: later.enter_context(without_nginx(lab, VICTIM))


@contextmanager
def cut_off(lab, _):
    rule = ["INPUT", "-p", "tcp", "--dport", str(NGINX), "-j", "DROP"]
    try:
        yield lambda: lab.run(VICTIM, ["iptables", "-w", "-I", *rule])
    finally:
        lab.run(VICTIM, ["iptables", "-w", "-D", *rule])


def answering(mode):
    @contextmanager
    def change(lab, _):
        yield lambda: odd(lab, VICTIM, mode)
        odd(lab, VICTIM, "fine")
    return change


@contextmanager
def expired(_, world):
    """By time alone: it goes on as it is, under a load that began while its certificate was good."""
    soon = world.authority.issue("shop", LASTS, "soon")
    world.replace(soon)
    end = expiry(soon)
    wait_for(lambda: world.certificates().count(end) == 1, lambda: str(world.certificates()))
    world.await_all("up")
    assert time.time() < end - 1, "too late for a load before the end"
    yield lambda: time.sleep(max(0.0, end - time.time()))
    seen = reports(world.daemon)[f"port{TLS}", f"{ADDRESS[VICTIM]}:{TLS}"]
    assert seen["results"][-1]["text"] == "certificate: certificate has expired"
    world.replace(world.good)


# How it fails -> the service, and whether requests must fail. Those of a server that is cut off need
# not: by the time that a client sends its SYN again, the director knows of another server.
WAYS = {"killed": (killed, NGINX, True), "cut_off": (cut_off, NGINX, False),
        "expired": (expired, TLS, True), "slow": (answering("hang"), ODD, True),
        "wrong": (answering("wrong"), ODD, True)}


class World:
    def __init__(self, lab, lvsd):
        self.lab = lab
        self.authority = Authority(lab.path("load"))
        self.good = self.authority.issue("shop")
        self.context = ssl.create_default_context(cafile=self.authority.file)
        self.ends = {}
        for server in SERVERS:
            with open(lab.path(f"{server}.tls"), "w", encoding="ascii") as file:
                file.write("fine")
            start_odd(lab, server)
            self.ends[server] = start_tls(lab, server, self.good)
        tls = {"type": "https", "server_name": "shop", "verify": {"ca": self.authority.file}}
        rows = [ADDRESS[server] for server in SERVERS]
        self.daemon = lvsd(configuration(
            *(service(f"port{port}", f"{VIP['dr']}:{port}/tcp", "dr", *rows, health={**CHECK, **more})
              for port, more in ((NGINX, {}), (ODD, {"body": "well"}), (TLS, tls))),
            ipvs={"expire_nodest_conn": True}))
        self.await_all("up")

    def replace(self, certificate):
        self.lab.stop(self.ends[VICTIM])
        self.ends[VICTIM] = start_tls(self.lab, VICTIM, certificate)

    def certificates(self):
        """When they end, of the servers with TLS."""
        return [one.get("certificate_expires") for (name, _), one in reports(self.daemon).items()
                if name == f"port{TLS}"]

    def await_all(self, state):
        wait_for(lambda: {one["state"] for one in reports(self.daemon).values()} == {state},
                 lambda: str(reports(self.daemon)), 20)
        self.await_weights([1, 1, 1])

    def await_weights(self, wanted, port=NGINX):
        def weights():
            entry = next(one for one in self.daemon.ctl_json("list")["services"]
                         if one["name"] == f"port{port}")
            return [one["weight"] for one in entry["destinations"]]
        wait_for(lambda: weights() == wanted, lambda: str(weights()))

    def destinations(self, port):
        """The client's port -> the server its connection went to."""
        rows = self.daemon.ctl_json("list", "-c", "--service", f"port{port}")["connections"]
        return {one["client"]["port"]: one["destination"]["address"] for one in rows}

    def requests(self, port):
        return Requests(self.lab, VIP["dr"], port, *((self.context, "shop") if port == TLS else ()))


def test_a_server_that_fails_under_load(lab, lvsd):
    world = World(lab, lvsd)
    for name, (way, port, hurts) in WAYS.items():
        with way(lab, world) as fail:
            requests = world.requests(port)
            wrk = Load(lab, f"http://{VIP['dr']}:{ODD if port == NGINX else NGINX}/", connections=4,
                       new_connections=True, name=name)
            time.sleep(0.3)
            fail()
            begin = time.monotonic()
            world.await_weights([0, 1, 1], port)
            noticed = time.monotonic()
            wait_for(lambda: sum(one.begin > noticed for one in requests.made) > 20, "requests", 20)
            made = requests.stop()
            went = world.destinations(port)
            failed = [one for one in made if not one.answer]
            assert noticed - begin < DUE + SLACK, name
            assert failed or not hurts, f"{name}: nobody was hurt"
            assert not [one for one in failed if one.begin > noticed], name
            assert not [one for one in failed if one.begin < begin - 1], name
            assert {went.get(one.port) for one in failed} <= {ADDRESS[VICTIM]}, (name, failed)
            report = wrk.stop()
            assert report.failed == 0 and report.requests > 20, f"{name}: {report.text}"
        world.await_all("up")
    assert "died" not in world.daemon.log()
