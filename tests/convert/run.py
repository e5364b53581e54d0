#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of other programs, converted: the result and every remark are as in NAME.expected, lvsd
takes the result, and it converts on to ipvsadm.   run.py LVSCTL LVSD [--bless]"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = {"keepalived.conf": "keepalived", "ldirectord.cf": "ldirectord"}


def run(*words, text=None):
    return subprocess.run(words, cwd=HERE, input=text, capture_output=True, text=True, timeout=60,
                          check=False)


def converted(lvsctl, lvsd, name):
    done = run(lvsctl, "convert", "--from", CASES[name], "--to", "lvsd", name)
    assert done.returncode == (1 if done.stderr else 0), done
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(done.stdout)
        file.flush()
        checked = run(lvsd, "--check", "-c", file.name)
    assert checked.returncode == 0, checked
    there = run(lvsctl, "convert", "--from", CASES[name], "--to", "ipvsadm", name)
    back = run(lvsctl, "convert", "--from", "ipvsadm", "--to", "lvsd", text=there.stdout)
    assert back.returncode == 0 and "listen" in back.stdout, back
    return done.stdout + "\n" + done.stderr


def main(lvsctl, lvsd, bless):
    failed = 0
    for name in CASES:
        path = os.path.join(HERE, name + ".expected")
        text = converted(os.path.abspath(lvsctl), os.path.abspath(lvsd), name)
        if bless:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                continue
        print(subprocess.run(["diff", "-u", path, "-"], input=text, capture_output=True, text=True,
                             check=False).stdout)
        failed += 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], "--bless" in sys.argv))
