#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Takes a length of eight bytes and so much data, and answers with the data's SHA-256: scripts/bench
compares what arrives. (A half-closed connection would do instead of a length, but not through nginx.)"""
import hashlib
import socketserver
import sys


class Hasher(socketserver.StreamRequestHandler):
    def handle(self):
        left = int.from_bytes(self.rfile.read(8), "big")
        digest = hashlib.sha256()
        while left and (data := self.rfile.read(min(left, 1 << 16))):
            left -= len(data)
            digest.update(data)
        self.wfile.write(digest.hexdigest().encode())


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


Server(("0.0.0.0", int(sys.argv[1])), Hasher).serve_forever()
