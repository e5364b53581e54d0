#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An expectation that is not met: the status is 1, and the field is named."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import *  # noqa: E402, F403

case = Case()
packet = case.from_client(tcp(CLIENT, 4000, 80))
case.to_server(forwarded(packet), RS1)
packet = case.from_client(tcp(CLIENT, 4000, 80, "A"))
case.to_server(forwarded(forwarded(packet)), RS1)  # wrong on purpose
case.write()
