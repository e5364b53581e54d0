#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""protocol_server.py MODEFILE CERTIFICATE: small servers of the protocols that checks know, each on
the port of PORTS. MODEFILE says how all of them are at that moment: "good", "bad" (each answers
wrongly in its own way), or "silent" (they accept and read, and say nothing)."""
import selectors
import socket
import ssl
import struct
import sys
import threading

PORTS = {"tcp": 7000, "http": 8000, "body": 8001, "https": 8443, "tls": 8444, "smtp": 2525,
         "ssh": 2222, "redis": 6379, "mysql": 3306, "dns": 5300, "ntp": 1230, "udp": 7001}
DATAGRAMS = ("dns", "ntp", "udp")

SMTP_REFUSES = b"554 no service here\r\n"
MYSQL_GREETING = b"\x0a8.0.36-lab\x00" + bytes(60)
MYSQL_BLOCKED = b"\xff" + struct.pack("<H", 1129) + b"Host is blocked"
TIME = struct.pack(">II", 0xE0000000, 0)


def http(status, body):
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


def until(connection, end):
    """What came, up to `end`; ValueError where it does not."""
    text = b""
    while not text.endswith(end):
        part = connection.recv(4096)
        if not part:
            raise ValueError("closed")
        text += part
    return text


# ---- over TCP: (connection, whether it is good) --------------------------------------------------
def tcp(connection, good):
    if until(connection, b"\n") == b"are you\\there?\x00\n":
        connection.sendall(b"yes, \xff I am\n" if good else b"no\n")


def plain_http(connection, good):
    until(connection, b"\r\n\r\n")
    connection.sendall(http(b"200 OK" if good else b"503 Gone", b"ready"))


def body(connection, good):
    asked = until(connection, b"\r\n\r\n")
    right = asked.startswith(b"OPTIONS /state?deep HTTP/1.1\r\n") and b"\r\nHost: shop\r\n" in asked
    connection.sendall(http(b"404 Not Found" if right else b"400 Bad Request",
                            b"all of it ready" if good else b"half of it"))


def smtp(connection, good):
    connection.sendall(b"220-mx\r\n220 mx ESMTP\r\n" if good else SMTP_REFUSES)
    if good and until(connection, b"\r\n").startswith(b"HELO "):
        connection.sendall(b"250 mx\r\n")
        until(connection, b"QUIT\r\n")


def ssh(connection, good):
    connection.sendall(b"Welcome\r\nSSH-2.0-lab\r\n" if good else b"Welcome\r\n")


def redis(connection, good):
    if until(connection, b"\r\n") == b"PING\r\n":
        connection.sendall(b"+PONG\r\n" if good else b"-LOADING it reads its data\r\n")


def mysql(connection, good):
    packet = MYSQL_GREETING if good else MYSQL_BLOCKED
    connection.sendall(struct.pack("<I", len(packet)) + packet)
    connection.recv(1)  # until the other side goes


# ---- over UDP: (question, whether it is good) -> answer ------------------------------------------
def dns(question, good):
    return question[:2] + (b"\x81\x80" if good else b"\x81\x82") + question[4:]  # SERVFAIL


def ntp(question, good):
    leap, stratum = (0, 2) if good else (3, 16)
    return bytes([leap << 6 | 4 << 3 | 4, stratum]) + bytes(22) + question[40:48] + TIME + TIME


def udp(question, good):
    return b"state=" + (b"up" if good else b"down") if question == b"state?\x00" else b"?"


class Server:
    def __init__(self, mode_file, certificate):
        self.mode_file, self.kept = mode_file, []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)

    def mode(self):
        with open(self.mode_file, encoding="ascii") as file:
            return file.read().strip()

    def answer(self, kind, connection):
        mode = self.mode()
        connection.settimeout(3.0)
        try:
            if mode == "silent":
                while connection.recv(4096):
                    pass
            elif kind == "tls" and mode == "bad":
                connection.sendall(SMTP_REFUSES)
            elif kind in ("https", "tls"):
                with self.context.wrap_socket(connection, server_side=True) as inner:
                    plain_http(inner, mode == "good")
            else:
                handler = {"http": plain_http}.get(kind) or globals()[kind]
                handler(connection, mode == "good")
        except (OSError, ValueError):
            pass  # a probe that went
        finally:
            connection.close()

    def take(self, kind, listener):
        if kind in DATAGRAMS:
            question, peer = listener.recvfrom(4096)
            mode = self.mode()
            if mode != "silent":
                listener.sendto(globals()[kind](question, mode == "good"), peer)
            return
        connection, _ = listener.accept()
        threading.Thread(target=self.answer, args=(kind, connection), daemon=True).start()

    def run(self):
        events = selectors.DefaultSelector()
        for kind, port in PORTS.items():
            if kind in DATAGRAMS:
                listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                listener.bind(("", port))
            else:
                listener = socket.create_server(("", port), backlog=128)
            events.register(listener, selectors.EVENT_READ, kind)
        while True:
            for key, _ in events.select():
                self.take(key.data, key.fileobj)


if __name__ == "__main__":
    Server(*sys.argv[1:]).run()
