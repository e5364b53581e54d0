#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Two reloads in the middle of conversations: templates of persistence, the numbers that FTP's answers
shifted, what they announced, and established connections stay as they were, though names, weights,
schedulers and the order of destinations change; new clients go by the new file."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from ftp_lab import *  # noqa: E402, F403

case = Case()
LONG = client(7)


def asks(n, port, server):
    """A persistent client's new connection by DR."""
    case.to_server(forwarded(case.from_client(tcp(client(n), port, 80))), server)


def exchange(words):
    """A piece of the long connection by NAT, both ways."""
    piece = case.from_client(tcp(LONG, 4000, 8080, "PA", seq=1001, payload=words))
    case.to_server(translated(piece, dest=RS2, dport=8000), RS2)
    answer = case.from_server(tcp(RS2, 8000, 4000, "PA", dest=LONG, seq=501, payload=words), RS2)
    case.to_client(translated(answer, source=VIP, sport=8080))


syn = case.from_client(tcp(LONG, 4000, 8080))
case.to_server(translated(syn, dest=RS2, dport=8000), RS2)
answer = case.from_server(tcp(RS2, 8000, 4000, "SA", dest=LONG), RS2)
case.to_client(translated(answer, source=VIP, sport=8080))
exchange(b"before")
asks(1, 5000, RS1)
asks(2, 5000, RS2)
ftp = Control(case, client(3), VIP, RS1, 2121, 40001)
ftp.client(words=b"PASV\r\n")
ftp.server(words=b"227 (10,0,2,11,117,48)\r\n", becomes=b"227 (10,0,3,100,117,48)\r\n")
ftp.passive(30000, 40002)
ftp.client(words=b"PASV\r\n")
ftp.server(words=b"227 (10,0,2,11,117,49)\r\n", becomes=b"227 (10,0,3,100,117,49)\r\n")

case.wait(1)  # +1: quiesced.yaml
exchange(b"after")
asks(1, 5001, RS1)  # of weight 0 now, and last in the list
asks(2, 5001, RS2)
asks(4, 5000, RS3)
ftp.passive(30001, 40003)  # announced before
ftp.client("A", sack=(9500, 9600))
ftp.server(words=b"150 here it comes\r\n")
ftp.client(words=b"PASV\r\n")
ftp.server(words=b"227 (10,0,2,11,117,50)\r\n", becomes=b"227 (10,0,3,100,117,50)\r\n")

case.wait(1)  # +2: removed.yaml
exchange(b"still")  # its destination is gone from the file
ftp.passive(30002, 40004)
ftp.client(words=b"PORT 10,1,0,3,156,74\r\n")
ftp.server(words=b"200 ok\r\n")
ftp.active(40010)
asks(2, 5002, RS2)
asks(4, 5001, RS3)
asks(1, 5002, RS3)  # the template led to what is no more: rr, which begins
ftp.server(words=b"226 bye\r\n")
ftp.client("A")
case.write()
