# SPDX-License-Identifier: GPL-2.0-or-later
"""wrk beside what a test does, and what wrk found afterwards."""
import re
from contextlib import contextmanager

from lab import LabError, wait_for
from servers import read


class Report:
    def __init__(self, text):
        self.text = text
        self.requests = int(re.search(r"(\d+) requests in", text)[1])
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)",
                           text)
        self.socket_errors = sum(map(int, errors.groups())) if errors else 0
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        self.bad_answers = int(bad[1]) if bad else 0

    @property
    def failed(self):
        return self.socket_errors + self.bad_answers


class Load:
    """wrk, running until stop(); a lost packet costs time, a lost connection or answer counts."""

    def __init__(self, lab, url, connections=32, new_connections=False, name="wrk"):
        self.lab, self.log = lab, lab.path(f"{name}.log")
        options = ["--header", "Connection: close"] if new_connections else []
        self.words = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", "600",
                      "--timeout", "5", *options, url]
        self.start()
        try:
            wait_for(self.busy, "wrk to connect", 3.0)
        except LabError:
            # It asks once. A destination is told to be up some milliseconds before its first client.
            lab.stop(self.child)
            self.start()
            wait_for(self.busy, "wrk to connect")

    def start(self):
        open(self.log, "w", encoding="ascii").close()
        self.child = self.lab.start("client", self.words, log=self.log)

    def busy(self):
        return "ESTAB" in self.lab.run("client", ["ss", "-Htn", "state", "connected"])

    def stop(self):
        self.child.send_signal(2)  # wrk reports on SIGINT
        self.child.wait(20)
        self.lab.children.remove(self.child)
        return Report(read(self.log))


@contextmanager
def under_load(lab, *urls, **keywords):
    """The loads in a list; their reports are in `.report` afterwards."""
    loads = [Load(lab, url, name=f"wrk{number}", **keywords) for number, url in enumerate(urls)]
    try:
        yield loads
    finally:
        for load in loads:
            load.report = load.stop()
