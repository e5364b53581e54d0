# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon under test: its configuration, its life, its log, and lvsctl beside it."""
import json
import os
import re
import signal
import socket
import subprocess

from lab import LabError, wait_for
from servers import build_directory, read


def destinations(*rows):
    """("10.0.2.11", 3) -> {address: 10.0.2.11, weight: 3}; an address alone weighs 1."""
    rows = [row if isinstance(row, tuple) else (row, 1) for row in rows]
    return [{"address": address, "weight": weight} for address, weight in rows]


def service(name, listen, method, *rows, scheduler="rr", **more):
    return {"name": name, "listen": listen, "method": method, "scheduler": scheduler, **more,
            "destinations": destinations(*rows)}


def configuration(*services, director=None, **more):
    """JSON is YAML."""
    head = {"director": {"announce": True, **(director or {})}, **more}
    return json.dumps({**head, "services": list(services)}, indent=1)


class Lvsd:
    def __init__(self, lab, text, space="director", name="lvsd", options=()):
        self.lab, self.space = lab, space
        self.file, self.log_file = lab.path(f"{name}.yaml"), lab.path(f"{name}.log")
        self.run_dir = lab.path(f"{name}-run")
        os.makedirs(self.run_dir, exist_ok=True)
        self.program = os.path.join(build_directory(), "lvsd")
        self.child, self.options = None, list(options)
        self._notify_path = lab.path(f"{name}-notify")
        self.write(text)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def write(self, text):
        """Replaces the file whole, so that a reload never meets half of it."""
        with open(self.file + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(self.file + ".new", self.file)

    # ---- life ------------------------------------------------------------------------------------
    def start(self, timeout=10.0):
        if os.path.exists(self._notify_path):
            os.unlink(self._notify_path)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self._notify_path)
        environment = {**os.environ, "NOTIFY_SOCKET": self._notify_path}
        self.child = self.lab.start(self.space, [self.program, "-c", self.file, "--run-dir",
                                                 self.run_dir, *self.options], log=self.log_file, env=environment)
        self.await_notice("READY=1", timeout)
        return self

    def await_notice(self, wanted, timeout=10.0):
        """Reads the notify socket until a message holds the wanted line; all lines read."""
        seen = []
        self.notify.settimeout(0.1)

        def arrived():
            if self.child.poll() is not None:
                raise LabError(f"lvsd ended with {self.child.returncode}:\n{self.log()}")
            try:
                seen.extend(self.notify.recv(4096).decode().splitlines())
            except socket.timeout:
                pass
            return wanted in seen
        wait_for(arrived, lambda: f"{wanted} from lvsd; it said {seen}\n{self.log()}", timeout)
        return seen

    def stop(self, how=signal.SIGTERM, timeout=10.0):
        """Its exit status. Safe to call when it has ended already."""
        if self.child is None:
            return None
        if self.child.poll() is None:
            self.child.send_signal(how)
            try:
                self.child.wait(timeout)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                self.lab.children.remove(self.child)
                raise LabError(f"lvsd did not end on signal {how}:\n{self.log()}") from None
        if self.child in self.lab.children:
            self.lab.children.remove(self.child)
        self.notify.close()
        status, self.child = self.child.returncode, None
        return status

    def reload(self, text=None):
        """SIGHUP, and wait until it says that it is done, with success or not."""
        if text is not None:
            self.write(text)
        self.child.send_signal(signal.SIGHUP)
        self.await_notice("RELOADING=1")
        self.await_notice("READY=1")

    # ---- looking at it ---------------------------------------------------------------------------
    def log(self):
        return read(self.log_file)

    def await_log(self, text, timeout=5.0, start=0):
        wait_for(lambda: text in self.log()[start:], lambda: f"{text!r} in the log:\n{self.log()}",
                 timeout)

    def ctl(self, *words, check=True):
        return self.lab.run(self.space, [os.path.join(build_directory(), "lvsctl"), *words,
                                         "--run-dir", self.run_dir], check=check)

    def ctl_json(self, *words):
        return json.loads(self.ctl(*words, "--json"))


def check(path):
    """lvsd --check: its exit status and what it printed."""
    done = subprocess.run([os.path.join(build_directory(), "lvsd"), "--check", "-c", path],
                          text=True, capture_output=True, timeout=30, check=False)
    return done.returncode, done.stdout + done.stderr


def replay(*words):
    done = subprocess.run([os.path.join(build_directory(), "lvsctl"), "replay", *words], text=True,
                          capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def capture_rules(lab, space="director"):
    """Everything in the namespace's netfilter, in words: tables of nft and iptables, and sets with
    their members, without what was counted. A table with nothing in it does nothing; iptables leaves
    its own ones so."""
    rules = lab.run(space, ["nft", "--stateless", "list", "ruleset"], check=False)
    rules = re.sub(r"^table .* \{\n\}\n", "", rules, flags=re.MULTILINE)
    sets = lab.run(space, ["ipset", "save", "-sorted"], check=False)
    return rules + re.sub(r" initval \S+", "", sets)


def flush_ruleset(lab, daemon):
    """As a firewall's reload does. Where the kernel lets a table have an owner (6.9), lvsd's rules
    outlive it. Where not, they are back within a second, and the log says so. Whether they did."""
    rules, mark = capture_rules(lab), len(daemon.log())
    lab.run("director", ["nft", "flush", "ruleset"])
    if capture_rules(lab) == rules and "restored" not in daemon.log()[mark:]:
        return True
    wait_for(lambda: capture_rules(lab) == rules, "the capture rules", timeout=1.0)
    daemon.await_log("restored", start=mark)
    return False
