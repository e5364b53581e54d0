# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may ask and who may change, by the groups of the client's process, and that the malformed, the
slow and the vanished harm nobody. The groups exist only in a mount namespace of this test's own."""
import json
import os
import socket
import subprocess

import pytest

from daemon import configuration, service
from lab import ADDRESS, VIP, wait_for
from servers import build_directory
from traffic import curl_many

READERS, ADMINS, USER = 64201, 64202, 64200
WORLD = configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", ADDRESS["rs1"]))


@pytest.fixture
def guarded(lab):
    """(run directory, ask): a daemon in a world with both groups; ask(groups, words) is lvsctl's
    exit status and words as a user in those groups."""
    place = lab.path("rights")
    os.makedirs(place)
    os.chmod(place, 0o755)
    for name, text in (("group", f"root:x:0:\nlvsd:x:{READERS}:\nlvsd-admin:x:{ADMINS}:\n"),
                       ("lvsd.yaml", WORLD)):
        with open(os.path.join(place, name), "w", encoding="utf-8") as file:
            file.write(text)
    run_dir, log = os.path.join(place, "run"), os.path.join(place, "log")
    script = 'mount --bind "$0/group" /etc/group && exec "$1/lvsd" -c "$0/lvsd.yaml" --run-dir "$0/run"'
    child = lab.start("director", ["unshare", "--mount", "sh", "-c", script, place,
                                   build_directory()], log=log)
    socket_path = os.path.join(run_dir, "lvsd.sock")
    wait_for(lambda: os.path.exists(socket_path), lambda: open(log, encoding="utf-8").read())

    def ask(groups, *words):
        done = subprocess.run(
            ["setpriv", "--reuid", str(USER), "--regid", str(USER),
             *(["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]),
             os.path.join(build_directory(), "lvsctl"), *words, "--run-dir", run_dir],
            capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    yield run_dir, ask
    lab.stop(child)


def test_readers_read_and_admins_change(lab, guarded):
    run_dir, ask = guarded
    status = os.stat(os.path.join(run_dir, "lvsd.sock"))
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (0, READERS, 0o660)
    code, said = ask([], "list")
    assert code == 3 and "ermission denied" in said, said
    code, said = ask([READERS], "list")
    assert code == 0 and "10.0.2.11:80" in said, said
    for words in (["drift"], ["status"], ["rules"]):
        assert ask([READERS], *words)[0] == 0, words
    for words in (["trace", "--count", "1"], ["capture", "--drops", "/dev/null"], ["drain", ADDRESS["rs1"]], ["weight", ADDRESS["rs1"], "3"], ["zero"], ["reload"]):
        code, said = ask([READERS], *words)
        assert code == 1 and "lvsd-admin" in said, (words, said)
    assert ask([READERS, ADMINS], "weight", ADDRESS["rs1"], "3")[0] == 0
    assert "weight 3" in ask([READERS], "drift")[1]


def test_the_malformed_slow_and_vanished_harm_nobody(lab, lvsd):
    daemon = lvsd(WORLD)
    path = os.path.join(daemon.run_dir, "lvsd.sock")

    def client(data):
        end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        end.connect(path)
        end.sendall(data)
        return end

    slow = [client(b'{"command": "li') for _ in range(20)]
    for data in (b"\n", b"\xff\xfe\n", b"[" * 60000 + b"\n", b'{"command": 7}\n',
                 b'{"command": "drain", "destination": {}}\n', b"x" * 70000):
        end = client(b"")
        try:
            end.sendall(data)
            end.shutdown(socket.SHUT_WR)
            reply = end.makefile().readline()
        except (BrokenPipeError, ConnectionResetError):
            continue  # refused before all of it was sent
        assert json.loads(reply)["ok"] is False, data[:20]
        end.close()
    for _ in range(50):  # gone before the answer
        client(b'{"command": "list"}\n').close()
    assert curl_many(lab, VIP["nat"], 10) == {"rs1": 10}
    assert daemon.ctl_json("list")["ok"]
    for end in slow:
        end.close()
