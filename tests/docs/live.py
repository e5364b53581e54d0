# SPDX-License-Identifier: GPL-2.0-or-later
"""The documented commands that need a daemon, or a host that they may change: run in network, mount and
process namespaces of their own. What the daemon serves is the configuration that README.md shows."""
import os
import re
import subprocess
import tempfile

# A command, where it is run, and the exit statuses that the documents promise for it there.
DIRECTOR, SERVER = "director", "server"
STAYS = (0, 130)  # goes on until it is interrupted, of which the shell says 130
LIVE = {
    r"lvsctl plan new.yaml$": (DIRECTOR, (2,)),
    r"lvsctl explain (?!-c)": (DIRECTOR, (0,)),
    r"lvsctl (list|status|rules|network|zero|health|reload)\b": (DIRECTOR, (0,)),
    r"lvsctl (drain|undrain|weight|drift)\b": (DIRECTOR, (0,)),
    r"lvsctl doctor$": (DIRECTOR, (1,)),  # none of the real servers is there
    r"lvsctl capture --drops ": (DIRECTOR, (0,)),
    r"lvsctl realserver (?!.*--persist)": (SERVER, (0,)),  # that writes to /etc
    r"lvsctl top$": (DIRECTOR, (0,)),
    r"lvsctl (trace|capture --service) ": (DIRECTOR, STAYS),
    r"dumpcap ": (DIRECTOR, STAYS),
    r"lvsd-decap ": (SERVER, STAYS),
}
LIMIT = 100  # seconds for all commands of one place; they take ten
START = """
mount -t tmpfs none /run
mkdir -p /run/lvsd
mount -t tmpfs none /var/lib
ip link set lo up
for i in 0 1; do
  ip link add eth$i type veth peer name peer$i
  ip link set eth$i up
  ip link set peer$i up
done
"""
PLACES = {
    DIRECTOR: """
ip addr add 192.0.2.1/24 dev eth0
ip addr add 10.0.0.1/24 dev eth1
ip route add default via 192.0.2.254
ip route add 10.0.1.0/24 via 10.0.0.254
ip route add 172.16.0.0/24 via 10.0.0.254
lvsd -c lvsd.yaml --log-target stderr &
for i in $(seq 100); do lvsctl status >/dev/null 2>&1 && break; sleep 0.1; done
""",
    SERVER: """
ip addr add 10.0.0.11/24 dev eth0
ip addr add 10.0.2.11/24 dev eth0
ip route add default via 10.0.0.254
""",
}


def entry_of(command):
    return next((entry for pattern, entry in LIVE.items() if re.match(pattern, command)), None)


def is_live(command):
    return entry_of(command) is not None


def quoted(command):
    return "'" + command.replace("'", "'\\''") + "'"


def step(command):
    """The command as a person would end it, and what its exit status must be."""
    _, statuses = entry_of(command)
    if command == "lvsctl top":
        run = "script -qec 'lvsctl top' /dev/null <<<q"
    elif statuses is STAYS:
        run = f"bash -o pipefail -c {quoted('timeout --preserve-status --signal INT 2 ' + command)}"
    else:
        run = f"bash -o pipefail -c {quoted(command)}"
    expected = "|".join(map(str, statuses))
    lines = [f"echo == {quoted(command)}", f"{{ {run}; }} && status=0 || status=$?",
             f"case $status in {expected}) ;; *) echo {quoted(command)} gave $status; exit 1 ;; esac"]
    if command.startswith("lvsctl realserver apply"):
        lines.append("lvsctl realserver undo")
    return "\n".join(lines)


def shown_configuration(top):
    with open(os.path.join(top, "README.md"), encoding="utf-8") as file:
        return re.search(r"^```yaml\n(# /etc/lvsd/lvsd.yaml\n.*?)^```", file.read(), re.S | re.M)[1]


def inside(directory, build, script):
    """Its exit status and all that it said, also where it did not end."""
    words = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-e", "-c", script]
    with open(os.path.join(directory, "said"), "w+", encoding="utf-8", errors="replace") as said:
        try:
            status = subprocess.run(words, cwd=directory, stdout=said, stderr=subprocess.STDOUT, timeout=LIMIT,
                                    stdin=subprocess.DEVNULL, check=False,
                                    env=dict(os.environ, PATH=f"{build}:{os.environ['PATH']}", TERM="xterm")).returncode
        except subprocess.TimeoutExpired:
            status = "none in time"
        said.seek(0)
        return status, said.read()


def run(build, top, found):
    """What was said where one failed."""
    unused = [each for each in LIVE if not any(re.match(each, command) for _, command in found)]
    failed = [f"no document has a command such as {each} any more" for each in unused]
    for place, start in PLACES.items():
        chosen = [command for _, command in found if is_live(command) and entry_of(command)[0] == place]
        assert len(chosen) >= 4, chosen
        with tempfile.TemporaryDirectory() as directory:
            text = shown_configuration(top)
            for name, content in (("lvsd.yaml", text), ("new.yaml", text.replace("weight: 3", "weight: 4"))):
                with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                    file.write(content)
            script = START + start + "\n".join(map(step, chosen)) + "\necho all fine\n"
            status, said = inside(directory, build, script)
        if status != 0 or not said.endswith("all fine\n"):
            failed.append(said)
        print(f"{len(chosen)} commands run on a {place}")
    return failed
