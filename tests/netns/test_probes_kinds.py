# SPDX-License-Identifier: GPL-2.0-or-later
"""Every kind of check against two servers of each protocol, all at once: one of them answers
wrongly, or not at all; every kind notices it in time, and nothing else is touched."""
import os
import re
import time

import pytest

from certificates import Authority
from checking import children, odd, reports
from daemon import configuration, service
from lab import ADDRESS, VIP, wait_for
from protocol_server import DATAGRAMS, PORTS
from servers import HERE, PYTHON, listening, read

INTERVAL, TIMEOUT, FALL = 0.4, 0.3, 3
DUE = FALL * INTERVAL + TIMEOUT
SLACK = 3.0  # other work on this machine
TIMES = {"interval": "400ms", "timeout": "300ms", "rise": 2, "fall": FALL, "damping": "off"}
SERVERS = ("rs1", "rs2")
PROGRAM_PORT, PING_PORT = 9, 7

# kind -> evidence when good, bad, silent; each a regular expression
EVIDENCE = {
    "tcp": ("answers as expected", "no answer as expected: End of file",
            "no answer as expected within 300 ms"),
    "http": ("GET /: 200", "GET /: 503", "GET /: no answer within 300 ms"),
    "body": ("OPTIONS /state\\?deep: 404", "OPTIONS /state\\?deep: 404 without all of it ready",
             "OPTIONS /state\\?deep: no answer within 300 ms"),
    "https": ("GET /: 200", "GET /: 503", "no TLS handshake within 300 ms"),
    "tls": ("TLS handshake, TLSv1.[23]", "no TLS handshake: wrong version number.*",
            "no TLS handshake within 300 ms"),
    "smtp": ("250 mx", "554 no service here", "no answer within 300 ms"),
    "ssh": ("SSH-2.0-lab", "no answer: End of file", "no answer within 300 ms"),
    "redis": ("\\+PONG", "-LOADING it reads its data", "no answer within 300 ms"),
    "mysql": ("MySQL 8.0.36-lab", "Host is blocked", "no answer within 300 ms"),
    "dns": ("NOERROR", "SERVFAIL", "no answer within 300 ms"),
    "ntp": ("stratum 2", "is not synchronized", "no answer within 300 ms"),
    "udp": ("answers as expected", "does not answer as expected", "no answer within 300 ms"),
    "ping": ("echo reply", "no echo reply within 300 ms", "no echo reply within 300 ms"),
    "exec": ("exit status 0", "exit status 3", "not done within 300 ms"),
}
PROGRAM = """\
#!/bin/sh
test "$LVSD_ADDRESS" = {bad} || exit 0
read mode < {mode_file}
case $mode in bad) exit 3;; silent) sleep 600 & sleep 600; exit 0;; esac
"""


def check_of(lab, kind):
    tls = {"server_name": "shop", "verify": {"ca": lab.path("tls", "authority.pem")}}
    more = {"tcp": {"send": "are you\\\\there?\\x00\\n", "expect": "\\xff I am"},
            "body": {"type": "http", "method": "OPTIONS", "path": "/state?deep", "host": "shop",
                     "status": ["200-299", 404], "body": "all of it ready"},
            "https": tls, "tls": tls,
            "dns": {"query": "example.net"},
            "udp": {"send": "state?\\x00", "expect": "=up"},
            "exec": {"command": [lab.path("program")]}}
    return {"type": kind, **TIMES, **more.get(kind, {})}


def services(lab):
    ports = {**PORTS, "ping": PING_PORT, "exec": PROGRAM_PORT}
    for kind, port in ports.items():
        listen = f"{VIP['dr']}:{port}/{'udp' if kind in DATAGRAMS else 'tcp'}"
        yield service(kind, listen, "dr", *(ADDRESS[name] for name in SERVERS),
                      health=check_of(lab, kind))


def be(lab, mode):
    odd(lab, "rs1", mode)
    lab.sysctl("rs1", "net/ipv4/icmp_echo_ignore_all", int(mode != "good"))


@pytest.fixture
def daemon(lab, lvsd):
    certificate = Authority(lab.path("tls")).issue("shop")
    with open(lab.path("program"), "w", encoding="ascii") as file:
        file.write(PROGRAM.format(bad=ADDRESS["rs1"], mode_file=lab.path("rs1.mode")))
    os.chmod(lab.path("program"), 0o755)
    be(lab, "good")
    for server in SERVERS:
        odd(lab, server, "good")
        log = lab.path(f"{server}-protocols.log")
        lab.start(server, [PYTHON, os.path.join(HERE, "protocol_server.py"),
                           lab.path(f"{server}.mode"), certificate], log=log)
        wait_for(lambda: listening(lab, server, PORTS["udp"], "-u"), lambda: read(log))
    yield lvsd(configuration(*services(lab)))
    be(lab, "good")


def await_all(daemon, server, state):
    """Every kind finds that server so, and the other one up. How long it took."""
    begin = time.monotonic()
    address = ADDRESS[server]

    def others():
        return {kind: one["state"] for (kind, where), one in reports(daemon).items()
                if where.startswith(address) and one["state"] != state}
    wait_for(lambda: not others(), lambda: f"{state}: {others()}", DUE + SLACK + 5)
    return time.monotonic() - begin


def last_texts(daemon, server):
    return {kind: one["results"][-1]["text"] for (kind, where), one in reports(daemon).items()
            if where.startswith(ADDRESS[server])}


def assert_evidence(daemon, server, column):
    texts = last_texts(daemon, server)
    assert set(texts) == set(EVIDENCE)
    for kind, text in texts.items():
        assert re.fullmatch(EVIDENCE[kind][column], text), (kind, text)


def test_every_kind_notices_its_server_and_no_other(lab, daemon):
    for server in SERVERS:
        await_all(daemon, server, "up")
        assert_evidence(daemon, server, 0)
    mark = len(daemon.log())
    for column, mode in enumerate(("bad", "silent"), 1):
        be(lab, mode)
        assert await_all(daemon, "rs1", "down") < DUE + SLACK, mode
        wait_for(lambda: all(re.fullmatch(EVIDENCE[kind][column], text)
                             for kind, text in last_texts(daemon, "rs1").items()),
                 lambda: f"{mode}: {last_texts(daemon, 'rs1')}")
        be(lab, "good")
        await_all(daemon, "rs1", "up")
    assert f"{ADDRESS['rs2']}" not in re.sub("for .*", "", daemon.log()[mark:])
    await_all(daemon, "rs2", "up")
    prober, = children(children(daemon.child.pid)[0])
    wait_for(lambda: not children(prober), "programs past their deadline to end")
