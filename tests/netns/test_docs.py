# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands of the documents that ask a running daemon."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def test_documented_live_commands():
    build = os.environ.get("LVSD_BUILD", os.path.join(HERE, "..", "..", "build"))
    done = subprocess.run([sys.executable, "-B", os.path.join(HERE, "../docs/run.py"), build,
                           "--live"], capture_output=True, text=True, timeout=270, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
