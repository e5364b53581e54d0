#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""FTP through NAT, both families: answers name the virtual address, every number behind them is
shifted, in SACK blocks too; answers sent again are rewritten again; third hosts are nobody's."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from ftp_lab import *  # noqa: E402, F403

case = Case()


four = Control(case, client(1), VIP, RS1, 2121, 40001)
four.server(words=b"220 hello\r\n")
four.client(words=b"USER me\r\n")
four.client(words=b"PASV\r\n")
said, told = b"227 Passive (10,0,2,11,117,48).\r\n", b"227 Passive (10,0,3,100,117,48).\r\n"
four.server(words=said, becomes=told, again=True)
four.server(words=said, becomes=told)  # sent again: the same segment leaves
four.passive(30000, 40002)
four.client("A", sack=(9500, 9600))
four.server(words=b"150 here it comes\r\n")
four.client(words=b"TYPE I\r\nPASV\r\n")  # two commands in one segment
four.server(words=b"227 (10,0,2,11,117,49)\r\n", becomes=b"227 (10,0,3,100,117,49)\r\n")
four.passive(30001, 40003)
four.client(words=b"PORT 10,1,0,1,156,74\r\n")
four.server(words=b"200 ok\r\n")
four.active(40010)
four.client(words=b"EPSV\r\n")
four.server(words=b"229 (|1|10.0.2.11|30002|)\r\n", becomes=b"229 (|||30002|)\r\n")
four.passive(30002, 40004)
four.server(words=b"226 bye\r\n")
four.client("A")

# Third hosts: the words pass, and nothing comes of them.
other = Control(case, client(2), VIP, RS1, 2121, 40001)
other.client(words=b"PORT 10,1,0,3,156,74\r\n")
case.from_server(segment(RS1, client(3), 2120, 40010, "S", 1, 0, b""), RS1)
other.client(words=b"PASV\r\n")
other.server(words=b"227 (10,0,2,12,0,22)\r\n")
case.from_client(segment(client(2), VIP, 40005, 22, "S", 1, 0, b""))

six = Control(case, CLIENT6, VIP6, RS61, 21, 40001)
six.client(words=b"EPSV\r\n")
six.server(words=b"229 Extended (|||30000|)\r\n")
six.passive(30000, 40002)
six.client(words=b"EPSV 2\r\n")
six.server(words=b"229 (|2|fd00:2::11|30001|)\r\n", becomes=b"229 (|||30001|)\r\n")
six.passive(30001, 40003)
six.client(words=b"EPRT |2|fd00:c::1|40010|\r\n")
six.active(40010)
six.server(words=b"226 bye\r\n")
six.client("A")
case.write()
