# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel: plays folders in the oracle's guest. Where the oracle is, the environment says."""
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


def why_not(place):
    """Why the oracle cannot be asked; empty if it can."""
    if not place:
        return "ORACLE=DIR is not set: the folder of the oracle, with its run and guest/replay.py"
    for name in ("run", "guest/lab.py", "guest/replay.py"):
        if not os.path.exists(os.path.join(place, name)):
            return "%s has no %s" % (place, name)
    built = os.environ.get("ORACLE_DIR") or \
        os.path.join(os.environ.get("TMPDIR", "/tmp"), "lvsd-oracle")
    if not os.path.exists(os.path.join(built, "modprobe")):
        return "%s: the guest is not built, see %s/build" % (built, place)
    return ""


def play(place, folders, out, at_once, seconds):
    """One boot of the guest. OUT gets a folder for each; the names of those that were not played."""
    os.makedirs(out, exist_ok=True)
    wanted = os.path.join(out, "folders.txt")
    with open(wanted, "w", encoding="utf-8") as file:
        file.write("".join(folder + "\n" for folder in folders))
    subprocess.run(
        ["nice", "-n", "10", os.path.join(place, "run"), os.path.join(HERE, "guest.py"), out,
         str(at_once), "@" + wanted],
        env=dict(os.environ, T=str(seconds)), stdout=subprocess.DEVNULL, check=False)
    with open(os.path.join(out, "console.log"), encoding="utf-8", errors="replace") as file:
        played = {line.split()[1] for line in file if line.startswith("played ")}
    return [name for name in map(os.path.basename, folders) if name not in played]
