#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""DR: an answer that a real server sends through the director is left to the stack and counted."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
syn = case.from_client(tcp(CLIENT, 4000, 80))
case.to_server(forwarded(syn), RS1)
case.from_server(IP(bytes(IP(src=VIP, dst=CLIENT) / TCP(sport=80, dport=4000, flags="SA"))))
case.write()
