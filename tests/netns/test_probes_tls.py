# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks over TLS against nginx: names, authorities, fingerprints, certificates of clients."""
import os
import re
import signal
import time

import pytest

from certificates import Authority, expiry, fingerprint
from checking import reports
from daemon import configuration, service
from lab import ADDRESS, VIP, wait_for
from servers import listening, read

RS1 = ADDRESS["rs1"]
NAMED, CLIENTS, EXPIRING, BARE = 443, 444, 445, 446
INTERVAL, TIMEOUT, FALL = 0.4, 0.4, 2
DUE = FALL * INTERVAL + TIMEOUT
SLACK = 3.0  # other work on this machine
TIMES = {"interval": "400ms", "timeout": "400ms", "rise": 1, "fall": FALL, "damping": "off"}

CONF = """\
user root;
daemon off;
worker_processes 1;
pid {home}/nginx.pid;
error_log {home}/error.log warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  {servers}
}}
"""
SERVER = """
  server {{
    listen {port} ssl {default};
    server_name {name};
    ssl_certificate {file};
    ssl_certificate_key {file};
    {more}
    location / {{ return 200 "{name} $ssl_client_s_dn\\n"; }}
  }}
"""


class Secure:
    """nginx on rs1, with its certificates."""

    def __init__(self, lab):
        self.home = lab.path("https")
        self.authority = Authority(self.home)
        self.clients = Authority(self.home, "clients")
        self.shop, self.other = (self.authority.issue(name) for name in ("shop", "other"))
        self.client = self.clients.issue("prober")
        self.mine = self.authority.issue("soon")
        self.bare = self.authority.issue(RS1)
        conf = os.path.join(self.home, "nginx.conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write(CONF.format(home=self.home, servers="".join(self.servers())))
        log = os.path.join(self.home, "nginx.log")
        self.child = lab.start("rs1", ["nginx", "-p", self.home, "-e", log, "-c", conf], log=log)
        wait_for(lambda: listening(lab, "rs1", EXPIRING), lambda: read(log))

    def servers(self):
        rows = ((NAMED, "default_server", "other", self.other, ""),
                (NAMED, "", "shop", self.shop, ""),
                (CLIENTS, "default_server", "shop", self.shop,
                 f"ssl_client_certificate {self.clients.file}; ssl_verify_client on;"),
                (EXPIRING, "default_server", "soon", self.mine, ""),
                (BARE, "default_server", "bare", self.bare, ""))
        for port, default, name, file, more in rows:
            yield SERVER.format(port=port, default=default, name=name, file=file, more=more)

    def renew(self, seconds):
        """Another certificate on the port EXPIRING; when it expires."""
        self.authority.issue("soon", seconds)
        self.child.send_signal(signal.SIGHUP)
        return expiry(self.mine)


@pytest.fixture(scope="module")
def secure(lab):
    return Secure(lab)


def cases(secure, unreadable):
    """name -> port, what the check adds, state, evidence."""
    ca = {"verify": {"ca": secure.authority.file}}
    card = {"certificate": secure.client, "key": secure.client}
    pin = fingerprint(secure.other)
    wrong = pin[:-1] + ("0" if pin[-1] != "0" else "1")
    return {
        "named": (NAMED, {"server_name": "shop", "body": "shop", "host": "shop", **ca}, "up",
                  "GET /: 200"),
        "misnamed": (NAMED, {"server_name": "elsewhere", **ca}, "down",
                     "certificate: hostname mismatch"),
        "nameless": (NAMED, ca, "up", "GET /: 200"),
        "addressed": (BARE, {"server_name": RS1, **ca}, "up", "GET /: 200"),
        "misaddressed": (BARE, {"server_name": "10.0.2.99", **ca}, "down",
                         "certificate: IP address mismatch"),
        "handshake": (NAMED, {"type": "tls", "server_name": "shop", **ca}, "up",
                      "TLS handshake, TLSv1.[23]"),
        "strangers": (NAMED, {"server_name": "shop", "verify": {"ca": secure.clients.file}}, "down",
                      "certificate: unable to get local issuer certificate"),
        "system": (NAMED, {"server_name": "shop"}, "down",
                   "certificate: unable to get local issuer certificate"),
        "unverified": (NAMED, {"server_name": "elsewhere", "verify": False}, "up", "GET /: 200"),
        "pinned": (NAMED, {"verify": {"sha256": pin}}, "up", "GET /: 200"),
        "mispinned": (NAMED, {"verify": {"sha256": wrong}}, "down",
                      "certificate: another certificate: " + pin.replace(":", "").lower()),
        "introduced": (CLIENTS, {"server_name": "shop", "body": "CN=prober", **card, **ca}, "up",
                       "GET /: 200"),
        "unknown": (CLIENTS, {"server_name": "shop", **ca}, "down", "GET /: 400"),
        "unreadable": (CLIENTS, {"certificate": unreadable, "key": unreadable, **ca}, "down",
                       "use_certificate_chain_file: .*"),
        "missing": (NAMED, {"verify": {"ca": secure.authority.path("none.pem")}}, "down",
                    "load_verify_file: .*"),
    }


def checked(number, name, port, more):
    """A service of its own, so that each has its name."""
    return service(name, f"{VIP['dr']}:{5000 + number}/tcp", "dr", RS1,
                   health={"type": "https", "port": port, **TIMES, **more})


def seen(daemon):
    return {name: (one["state"], one["results"][-1]["text"] if one["results"] else "")
            for (name, _), one in reports(daemon).items()}


def test_certificates_are_judged_as_the_check_says(secure, lab, lvsd):
    unreadable = secure.clients.issue("secret")
    os.chmod(unreadable, 0o600)
    expected = cases(secure, unreadable)
    rows = enumerate(expected.items())
    daemon = lvsd(configuration(*(checked(number, name, port, more)
                                  for number, (name, (port, more, *_)) in rows)))

    def differing():
        found = seen(daemon)
        return {name: found[name] for name, (_, _, state, evidence) in expected.items()
                if found[name][0] != state or not re.fullmatch(evidence, found[name][1])}
    wait_for(lambda: not differing(), lambda: str(differing()), 15)
    known = {name for (name, _), one in reports(daemon).items()
             if one.get("certificate_expires") in (expiry(secure.shop), expiry(secure.other))}
    assert known == set(expected) - {"unreadable", "missing"}
    assert "died" not in daemon.log()


def test_a_certificate_that_expires_is_noticed(secure, lab, lvsd):
    ca = {"verify": {"ca": secure.authority.file}, "server_name": "soon"}
    daemon = lvsd(configuration(checked(0, "request", EXPIRING, ca),
                                checked(1, "handshake", EXPIRING, {"type": "tls", **ca})))

    def both(state):
        wait_for(lambda: [one["state"] for one in reports(daemon).values()] == [state] * 2,
                 lambda: f"{state}: {seen(daemon)}", 15)
    both("up")
    end = secure.renew(4)
    wait_for(lambda: all(one["certificate_expires"] == end for one in reports(daemon).values()),
             lambda: str(reports(daemon)))
    shown = time.strftime("certificate until %Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
    assert daemon.ctl("health").count(shown) == 2
    both("down")
    assert end <= time.time() < end + 1 + DUE + SLACK
    assert {text for _, text in seen(daemon).values()} == {"certificate: certificate has expired"}
    secure.renew(3600)
    both("up")
