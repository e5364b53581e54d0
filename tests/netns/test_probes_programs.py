# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs as checks, and hooks: what they are given, what they may not do, how they end."""
import http.server
import json
import os
import threading

import pytest

from checking import odd, reports, start_odd
from daemon import configuration, service
from lab import ADDRESS, VIP, processes_in, wait_for
from servers import read

RS1 = ADDRESS["rs1"]
TIMES = {"interval": "400ms", "timeout": "300ms", "rise": 1, "fall": 2, "damping": "off"}
SHELL = "/bin/sh"


def checked(number, name, health, **more):
    return service(name, f"{VIP['dr']}:{5000 + number}/tcp", "dr", RS1, health={**TIMES, **health},
                   **more)


def run_by(number, name, *command, **more):
    """Programs have more time than servers: a shell on a busy machine starts when it can."""
    return checked(number, name, {"type": "exec", "command": list(command), "interval": "1s",
                                  "timeout": "1s"}, **more)


def state_of(daemon, name):
    (one,) = [one for (service_name, _), one in reports(daemon).items() if service_name == name]
    return one["state"], one["results"][-1]["text"] if one["results"] else ""


def sleepers(lab):
    """Processes called sleep in the director's namespace."""
    return [pid for pid in processes_in(lab.namespace("director"))
            if read(f"/proc/{pid}/comm").strip() == "sleep"]


@pytest.fixture
def open_directory(lab):
    path = lab.path("open")
    os.makedirs(path, exist_ok=True)
    os.chmod(path, 0o777)
    return path


def test_a_program_gets_nothing_but_what_it_is_for(lab, lvsd, open_directory):
    start_odd(lab, "rs1")
    odd(lab, "rs1", "hang")  # so that another check's socket is open at any time
    saved = {name: os.path.join(open_directory, name) for name in ("environ", "status", "files")}
    listing = f"ls -l /proc/self/fd >{saved['files']}.new; mv {saved['files']}.new {saved['files']}"
    daemon = lvsd(configuration(
        *(checked(number, f"busy{number}", {"type": "http", "port": 9000}) for number in range(8)),
        run_by(11, "environ", "/bin/cp", "/proc/self/environ", saved["environ"]),
        run_by(12, "status", "/bin/cp", "/proc/self/status", saved["status"]),
        run_by(13, "files", SHELL, "-c", listing)))
    for name in saved:
        wait_for(lambda: state_of(daemon, name)[0] == "up", lambda: state_of(daemon, name)[1])
    assert set(read(saved["environ"]).rstrip("\0").split("\0")) == {
        f"LVSD_ADDRESS={RS1}", f"LVSD_DESTINATION={RS1}:5011", "LVSD_PORT=5011",
        "LVSD_SERVICE=environ", "LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
    status = dict(line.split(":\t", 1) for line in read(saved["status"]).splitlines())
    assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split()
    assert status["Groups"].strip() == "" and status["NoNewPrivs"] == "1"
    assert all(int(status[name], 16) == 0 for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"))
    plain = (1 << 31) - 1  # those above are glibc's own
    assert {name: int(status[name], 16) & plain for name in ("SigBlk", "SigIgn", "SigCgt")} == \
        {"SigBlk": 0, "SigIgn": 0, "SigCgt": 0}
    files = {line.split()[-3]: line.split()[-1] for line in read(saved["files"]).splitlines()
             if "->" in line}
    assert files.pop("0") == "/dev/null" and files.pop("2").startswith("pipe:")
    assert not [where for where in files.values() if where.startswith(("socket:", "anon_inode:"))]


def test_programs_end_as_they_must(lab, lvsd):
    cases = {
        "fine": ("echo all is well; exit 0", "up", "exit status 0"),
        "wrong": ("printf 'no \\033[31m\\ndisk' >&2; exit 7", "down", "exit status 7"),
        "killed": ("kill -KILL $$", "down", "exit status 137"),
        "forever": ("sleep 7001 & exec sleep 7001", "down", "not done within 1 s"),
        "orphan": ("echo done; sleep 7002 & exit 0", "up", "exit status 0"),
        "closed": ("exec >/dev/null 2>&1; sleep 7003", "down", "not done within 1 s"),
        "flood": ("exec yes", "down", "not done within 1 s"),
    }
    daemon = lvsd(configuration(
        *(run_by(number, name, SHELL, "-c", script)
          for number, (name, (script, *_)) in enumerate(cases.items())),
        run_by(20, "missing", "/nowhere/program"), run_by(21, "text", "/etc/passwd"),
        checked(22, "nginx", {"port": 80})))
    expected = {name: rest for name, (_, *rest) in cases.items()}
    expected |= {"missing": ["down", "cannot be run: No such file or directory"],
                 "text": ["down", "cannot be run: Permission denied"],
                 "nginx": ["up", "connected"]}

    def differing():
        return {name: state_of(daemon, name) for name, wanted in expected.items()
                if list(state_of(daemon, name)) != wanted}
    wait_for(lambda: not differing(), lambda: str(differing()), 15)
    log = daemon.log()
    assert f"health: {SHELL} for fine {RS1}:5000: all is well" in log
    assert f"health: {SHELL} for orphan {RS1}:5004: done" in log
    assert f"health: {SHELL} for wrong {RS1}:5001: no ?[31m?disk" in log
    assert "died" not in log and "nginx 10.0.2.11:5022 is down" not in log
    daemon.reload(configuration(checked(22, "nginx", {"port": 80})))
    wait_for(lambda: not sleepers(lab), lambda: f"they outlive their check: {sleepers(lab)}")


class Hooked(http.server.BaseHTTPRequestHandler):
    told = []

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        body = json.loads(self.rfile.read(length))
        self.told.append((self.path, self.headers["Content-Type"], body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver(lab):
    """Takes hooks on the director itself; what it was told."""
    Hooked.told.clear()
    with lab.inside("director"):
        server = http.server.ThreadingHTTPServer(("10.0.2.1", 8088), Hooked)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield Hooked.told
    server.shutdown()
    server.server_close()
    thread.join()


def test_hooks_are_told_and_hold_nobody_up(lab, lvsd, receiver):
    silent = lab.socket("director")
    silent.bind(("10.0.2.1", 8089))
    silent.listen(16)  # takes connections, and never says a word
    urls = {"told": "http://10.0.2.1:8088/hook?a=b", "hung": "http://10.0.2.1:8089/",
            "refused": "http://10.0.2.1:8090/"}
    start_odd(lab, "rs1")
    check = {"type": "http", "port": 9000}
    daemon = lvsd(configuration(
        *(checked(number, name, check, hooks={"url": url})
          for number, (name, url) in enumerate(urls.items())),
        checked(9, "program", check, hooks={"command": [SHELL, "-c", "sleep 7004"]})))

    def events(name):
        return [body["LVSD_EVENT"] for _, _, body in receiver].count(name)

    def all_are(state):
        return all(state_of(daemon, name)[0] == state for name in (*urls, "program"))
    for _ in range(3):  # no hook of an earlier transition has ended when the next one comes
        wait_for(lambda: all_are("up"), lambda: str(reports(daemon)), 10)
        odd(lab, "rs1", "wrong")
        wait_for(lambda: all_are("down"), lambda: str(reports(daemon)), 10)
        odd(lab, "rs1", "fine")
    wait_for(lambda: all_are("up"), lambda: str(reports(daemon)), 10)
    wait_for(lambda: events("up") >= 4 and events("down") >= 3, lambda: str(receiver))
    assert {(path, kind) for path, kind, _ in receiver} == {("/hook?a=b", "application/json")}
    wait_for(lambda: events("up") >= 4 and events("down") >= 3, lambda: str(receiver))
    down = next(body for _, _, body in receiver if body["LVSD_EVENT"] == "down")
    assert down["LVSD_SERVICE"] == "told" and down["LVSD_WAS"] == "up"
    assert down["LVSD_DESTINATION"] == f"{RS1}:5000"
    assert down["LVSD_EVIDENCE"].startswith("GET /: 503 after ")
    daemon.await_log("hook http://10.0.2.1:8090/: Connection refused")
    silent.close()
