#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""odd_server.py MODEFILE PORT [CERTIFICATE]: treats each connection as the file says at that moment:
fine, long, slow, drip, hang, wrong, body, endless, garbage, flood, headers, close, or "agent LINE", which
answers that line. With a certificate (PEM, key included) it speaks TLS."""
import os
import socket
import ssl
import sys
import threading
import time

FINE = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nwell"
NOTHING = bytes(65536)
LONG = FINE.replace(b"\r\n", b"\r\n" + b"".join(b"Set-Cookie: " + b"c" * 1000 + b"\r\n" for _ in range(12)), 1)
ANSWERS = {"fine": FINE,
           "long": LONG,
           "wrong": b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
           "body": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nill"}


def answer(connection, mode):
    if mode.startswith("agent "):
        connection.sendall(mode[6:].encode() + b"\n")
        return
    if mode == "close":
        return
    if mode == "slow":
        connection.sendall(FINE[:10])
        time.sleep(1.0)
        connection.sendall(FINE[10:])
    elif mode == "drip":
        for byte in FINE:
            connection.sendall(bytes([byte]))
            time.sleep(0.25)
    elif mode == "endless":
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(NOTHING)
    elif mode == "hang":
        time.sleep(5.0)
    elif mode == "garbage":
        connection.sendall(os.urandom(4096))
    elif mode == "flood":
        while True:
            connection.sendall(os.urandom(65536))
    elif mode == "headers":
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X-More: " + b"y" * 1000 + b"\r\n")
    else:
        connection.recv(4096)
        connection.sendall(ANSWERS[mode])


def serve(connection, mode_file, context):
    try:
        with open(mode_file, encoding="ascii") as file:
            mode = file.read().strip()
        connection.settimeout(5.0)
        with context.wrap_socket(connection, server_side=True) if context else connection as inner:
            answer(inner, mode)
    except OSError:
        pass  # a probe that gave up


def main(mode_file, port, certificate=None):
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    with socket.create_server(("", int(port)), backlog=128) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, mode_file, context),
                             daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
