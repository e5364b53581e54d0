# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests beside what a test does, one connection each, with the client's port of each: what failed
can be asked for at the director."""
import itertools
import socket
import threading
import time
from collections import namedtuple

from lab import ADDRESS

# No port comes twice, so that each belongs to one connection; wrk's are above these.
_ports = itertools.count(10000)

# `begin`: monotonic time; `answer`: the body, None where there was none of a status 200, and why
Request = namedtuple("Request", "begin port answer error")
PATIENCE = 3.0  # seconds until a request counts as failed


class Requests:
    """Asks http://address:port/ until stop(); `context` for TLS, with the name to ask for."""

    def __init__(self, lab, address, port, context=None, name=None, threads=6):
        self.lab, self.place, self.context, self.name = lab, (address, port), context, name
        self.ended, self.made = threading.Event(), []
        self.threads = [threading.Thread(target=self._run) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        with self.lab.inside("client"):
            while not self.ended.wait(0.005):
                self.made.append(self._ask())

    def _ask(self):
        begin, answer, error = time.monotonic(), None, None
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as plain:
            plain.settimeout(PATIENCE)
            port = next(_ports)
            plain.bind((ADDRESS["client"], port))
            try:
                plain.connect(self.place)
                inner = plain
                if self.context:
                    inner = self.context.wrap_socket(plain, server_hostname=self.name)
                answer = self._talk(inner)
                inner.close()
            except OSError as wrong:
                error = wrong
        return Request(begin, port, answer, error)

    @staticmethod
    def _talk(connection):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
        text = b""
        while part := connection.recv(4096):
            text += part
        head, _, body = text.partition(b"\r\n\r\n")
        return body.decode().strip() if head.startswith(b"HTTP/1.1 200 ") and body else None

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        return self.made
