# SPDX-License-Identifier: GPL-2.0-or-later
"""lvsctl top on a terminal of 80 columns: it shows what goes on, q quits, the terminal is put back."""
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

from daemon import configuration, service
from lab import ADDRESS, VIP
from servers import build_directory
from traffic import curl_many


def read_until(fd, wanted, seconds=10):
    seen, end = b"", time.monotonic() + seconds
    while wanted not in seen and time.monotonic() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                seen += os.read(fd, 65536)
            except OSError:
                break
    return seen


def test_top(lab, lvsd):
    daemon = lvsd(configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", ADDRESS["rs1"],
                                        ADDRESS["rs2"])))
    curl_many(lab, VIP["nat"], 10)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(theirs)
    child = subprocess.Popen([os.path.join(build_directory(), "lvsctl"), "top", "--interval", "0.2",
                              "--run-dir", daemon.run_dir], stdin=theirs, stdout=theirs)
    try:
        screen = read_until(ours, b"10.0.2.12:80") + read_until(ours, b"lvsd 0.")
        text = screen.decode()
        assert "\x1b[?1049h" in text and "web 10.0.3.102:80/tcp" in text
        assert "10.0.2.11:80" in text and "q quits" in text
        for line in text.replace("\x1b[H", "\n").replace("\x1b[K", "").split("\n"):
            assert len(line.replace("\x1b[?1049h\x1b[?25l", "").replace("\x1b[J", "").rstrip()) <= 80
        os.write(ours, b"q")
        rest = read_until(ours, b"\x1b[?1049l")
        assert b"\x1b[?1049l" in rest and child.wait(5) == 0
        assert termios.tcgetattr(theirs) == before
    finally:
        child.kill()
        os.close(ours)
        os.close(theirs)
    assert "10.0.2.11:80" in daemon.ctl("top", "--once")


def test_top_says_why_it_ended(lab, lvsd):
    daemon = lvsd(configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", ADDRESS["rs1"])))
    ours, theirs = pty.openpty()
    child = subprocess.Popen([os.path.join(build_directory(), "lvsctl"), "top", "--interval", "0.2",
                              "--run-dir", daemon.run_dir], stdin=theirs, stdout=theirs, stderr=theirs)
    try:
        read_until(ours, b"10.0.2.11:80")
        daemon.stop()
        text = read_until(ours, b"lvsctl: ")
        assert b"lvsctl: " in text.split(b"\x1b[?1049l")[-1] and child.wait(10) != 0
    finally:
        child.kill()
        os.close(ours)
        os.close(theirs)


def test_connections_can_be_narrowed_down(lab, lvsd):
    daemon = lvsd(configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", ADDRESS["rs1"]),
                                service("other", f"{VIP['dr']}:80/tcp", "dr", ADDRESS["rs2"])))
    curl_many(lab, VIP["nat"], 3, source="10.1.0.1")
    curl_many(lab, VIP["dr"], 2, source="10.1.0.2")

    def count(*words):
        return len(daemon.ctl_json("list", "-c", *words)["connections"])
    assert count() == 5
    assert count("--client", "10.1.0.1") == 3 and count("--client", "10.1.0.0/24") == 5
    assert count("--service", "other") == 2 and count("--destination", ADDRESS["rs1"]) == 3
    assert count("--state", "time_wait", "--service", "web") <= 3
    assert count("--client", "10.1.0.1", "--service", "other") == 0
    assert "there is no service called x" in daemon.ctl("list", "-c", "--service", "x", check=False)
    assert "--client takes" in daemon.ctl("list", "-c", "--client", "10.1/8", check=False)
    assert daemon.ctl("list", "-Ln") == daemon.ctl("list", "-n")
