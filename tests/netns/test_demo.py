# SPDX-License-Identifier: GPL-2.0-or-later
"""What scripts/demo runs once it has built: the table it prints, and what it says to try then."""
import os
import re
import shutil
import subprocess
import sys

import pytest

import servers
from lab import KEPT_PREFIX, PREFIX, namespaces, remove_namespace

DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "demo.py")


def demo(*words):
    with subprocess.Popen([sys.executable, DEMO, *words], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, cwd=servers.SOURCE) as process:
        printed, _ = process.communicate(timeout=60)
        assert process.returncode == 0, printed
        assert not namespaces(f"{PREFIX}{process.pid}."), "what is not kept is removed"
    return printed


@pytest.fixture
def kept():
    """What `--keep` printed. Somebody's own kept laboratory stays."""
    before = namespaces(KEPT_PREFIX)
    places = []
    try:
        printed = demo("--keep")
        places += re.findall(rf"/run/{KEPT_PREFIX}\w+", printed)[:1]
        yield printed, not before
    finally:
        for name in set(namespaces(KEPT_PREFIX)) - set(before):
            remove_namespace(name)
        for place in places:
            shutil.rmtree(place, ignore_errors=True)


def served(printed):
    return re.findall(r"rs[123] +[321] +(\d+) +(\d+)$", printed, re.M)


def test_all_are_served_by_weight_and_nothing_stays():
    printed = demo()
    assert served(printed) == [("60", "60"), ("40", "40"), ("20", "20")] * 3, printed
    assert "the namespaces are gone" in printed


def test_what_it_says_to_try(kept):
    printed, alone = kept
    assert served(printed) == [("60", "60"), ("40", "40"), ("20", "20")] * 3, printed
    lines = re.findall(r"^  sudo (ip netns exec .*)$", printed, re.M)
    assert len(lines) == 6, printed
    said = []
    for line in lines:
        if "tcpdump" in line:  # it goes on
            line = "timeout --preserve-status --signal INT 1 " + line
        done = subprocess.run(line.split(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              cwd=servers.SOURCE, timeout=30, check=False)
        assert done.returncode == 0, done.stdout
        said.append(done.stdout)
    assert re.search(r"^rs[123]$", said[0], re.M) and "10.0.3.100:80 wrr" in said[1]
    assert "3 destinations changed" in said[2]
    again = [subprocess.run(lines[0].split(), text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, timeout=30, check=True).stdout.strip()
             for _ in range(9)]
    assert set(again) == {"rs2", "rs3"}, again
    if alone:
        assert "Ended the kept laboratory" in demo("--stop") and not namespaces(KEPT_PREFIX)
