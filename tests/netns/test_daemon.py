# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon beside its packets: control socket, listing, privileges, retirement, refusals."""
import contextlib
import json
import grp
import os
import re
import select
import signal
import socket
import threading
import time

import pytest

from daemon import Lvsd, configuration, flush_ruleset, service
from lab import ADDRESS, VIP, LabError, wait_for
from servers import read
from traffic import curl, curl_many, udp_ask

RS1, RS2, RS3 = (ADDRESS[name] for name in ("rs1", "rs2", "rs3"))
METHODS = ("dr", "tun", "nat")
OTHER = "10.0.3.103"


def web(method="nat", *servers, address=None, name="web", **more):
    return service(name, f"{address or VIP[method]}:80/tcp", method, *(servers or (RS1, RS2)),
                   **more)


def addresses(lab):
    return lab.run("director", ["ip", "-o", "addr"])


def raw(daemon, data, timeout=3.0):
    """Bytes as they are into the control socket; what comes back until it is closed or silent."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(timeout)
        client.connect(os.path.join(daemon.run_dir, "lvsd.sock"))
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before the end: the answer says so
        answer = b""
        try:
            while piece := client.recv(65536):
                answer += piece
        except (socket.timeout, ConnectionResetError):
            pass
        return answer


# ---- what it says of itself ----------------------------------------------------------------------
def test_list_is_shaped_like_ipvsadm(lab, lvsd):
    daemon = lvsd(configuration(web("nat", (RS2, 2), RS1), web("dr", RS3, name="web-dr"),
                                service("dns", f"{VIP['nat']}:5353/udp", "nat", RS1)))
    for method in ("nat", "dr"):
        curl_many(lab, VIP[method], 3)
    udp_ask(lab, VIP["nat"])
    lines = daemon.ctl("list", "-n").splitlines()
    assert re.fullmatch(r"IP Virtual Server version 1\.2\.1 \(size=\d+\)", lines[0])
    assert lines[1] == "Prot LocalAddress:Port Scheduler Flags"
    assert lines[2] == "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn"
    names = [" ".join(line.split()[:2]) for line in lines[3:]]
    assert names == [f"TCP {VIP['dr']}:80", f"-> {RS3}:80",
                     f"TCP {VIP['nat']}:80", f"-> {RS1}:80", f"-> {RS2}:80",
                     f"UDP {VIP['nat']}:5353", f"-> {RS1}:5353"]
    assert re.search(rf"^  -> {re.escape(RS2)}:80 +Masq    2 +\d+ +\d+ *$", "\n".join(lines), re.M)
    assert re.search(rf"^  -> {re.escape(RS3)}:80 +Route   1 +\d+ +\d+ *$", "\n".join(lines), re.M)
    stats = daemon.ctl("list", "--stats")
    found = re.search(rf"^TCP  {re.escape(VIP['nat'])}:80 +3 +(\d+) +(\d+) +(\d+) +(\d+)$", stats, re.M)
    assert found and all(int(number) > 10 for number in found.groups()), stats
    assert daemon.ctl("list", "--timeout") == "Timeout (tcp tcpfin udp): 900 120 300\n"
    reply = daemon.ctl_json("list")
    assert reply["ok"] is True and reply["version"] == 1
    assert {s["name"]: s["statistics"]["connections"] for s in reply["services"]} == {
        "web": 3, "web-dr": 3, "dns": 1}


def test_status_counts_what_happened(lab, lvsd):
    daemon = lvsd(configuration(web("nat")))
    curl_many(lab, VIP["nat"], 2)
    status = daemon.ctl_json("status")["status"]
    assert status["pid"] == daemon.child.pid
    assert status["packets"]["forwarded"] >= 20
    assert status["connections"] == 2
    assert status["capture"]["in_place"] is True
    assert status["announced"] == [VIP["nat"]]
    assert status["last_reload"] is None
    assert status["workers"][0]["queue_dropped"] == 0
    text = daemon.ctl("status")
    assert f"pid {daemon.child.pid}" in text and "rules in place" in text


def test_rules_and_network_print_what_is_there(lab, lvsd):
    daemon = lvsd(configuration(web("nat")))
    rules = daemon.ctl("rules")
    assert "NFQUEUE" in rules or "queue" in rules
    path = lab.path("network.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(daemon.ctl("network"))
    assert "interfaces:" in read(path) and "neighbors:" in read(path)


def test_usr1_dumps_to_the_log(lab, lvsd):
    daemon = lvsd(configuration(web("nat")))
    daemon.child.send_signal(signal.SIGUSR1)
    daemon.await_log(f"dump: TCP  {VIP['nat']}:80 ")
    daemon.await_log('"forwarded":')


def test_a_listing_of_one_service(lab, lvsd):
    daemon = lvsd(configuration(service("web", f"{VIP['dr']}:80/tcp", "dr", RS1),
                                service("dns", f"{VIP['dr']}:53/udp", "dr", RS1)))
    web, dns = f"{VIP['dr']}:80", f"{VIP['dr']}:53"
    for words in (["--service", "web"], ["--service", f"{web}/tcp"], ["-t", web]):
        text = daemon.ctl("list", "-n", "-X", "--sort", *words)
        assert web in text and dns not in text, words
        assert [s["name"] for s in daemon.ctl_json("list", *words)["services"]] == ["web"]
    assert web not in daemon.ctl("list", "-n", "--stats", "-u", dns)
    for words in (["--service", "wob"], ["-t", dns], ["-c", "--stats"], ["--state", "SYN_RECV"],
                  ["--drops", "--rate"], ["-c", "-t", web]):
        with pytest.raises(LabError):
            daemon.ctl("list", *words)


def test_connections_are_listed_one_by_one(lab, lvsd):
    daemon = lvsd(configuration(web("nat", RS1)))
    with lab.inside("client"):
        held = socket.create_connection((VIP["nat"], 80), timeout=5)
    client = ":".join(str(part) for part in held.getsockname())
    with held:
        lines = daemon.ctl("list", "-n", "-c").splitlines()
        rows = [line.split() for line in lines[2:] if line.split()[3] == client]
    assert lines[:2] == ["IPVS connection entries",
                         "pro expire state       source             virtual            destination"]
    assert len(rows) == 1, lines
    assert rows[0][0] == "TCP" and re.fullmatch(r"1[45]:\d\d", rows[0][1])
    assert rows[0][2:] == ["ESTABLISHED", client, f"{VIP['nat']}:80", f"{RS1}:80"]
    reply = json.loads(daemon.ctl("list", "--connections", "--json"))
    address, _, port = client.rpartition(":")
    assert [c["state"] for c in reply["connections"]
            if c["client"] == {"address": address, "port": int(port)}]


def test_without_a_daemon_lvsctl_says_which_socket_it_tried(lab):
    empty = lab.path("empty-run")
    os.makedirs(empty, exist_ok=True)
    for command in ("list", "status", "rules", "network", "reload"):
        with pytest.raises(LabError, match=rf"exit status 3\nlvsctl: .*{empty}/lvsd\.sock"):
            lab.run("director", [os.path.join(os.path.dirname(Lvsd(lab, "").program), "lvsctl"),
                                 command, "--run-dir", empty])


# ---- the control socket --------------------------------------------------------------------------
GARBAGE = [b"\n", b"{}\n", b"[]\n", b"\x00\xff\x80\n", b'{"command": "lst"}\n', b'{"command": 1}\n',
           b'{"command": "list", "more": 1}\n', b'{"command": "connections", "worker": 9}\n',
           b'{"version": 9, "command": "list"}\n',
           b'{"command"', b"[" * 60000 + b"\n", b"GET / HTTP/1.1\r\n\r\n", b"x" * 200000]


def test_garbage_gets_an_error_and_harms_nobody(lab, lvsd):
    daemon = lvsd(configuration(web("nat")))
    # The group's only where it exists.
    mode = os.stat(os.path.join(daemon.run_dir, "lvsd.sock")).st_mode & 0o777
    assert mode == (0o660 if any(g.gr_name == "lvsd" for g in grp.getgrall()) else 0o600)
    for data in GARBAGE:
        for line in raw(daemon, data).splitlines():
            reply = json.loads(line)
            assert reply["ok"] is False and reply["error"], data[:60]
    assert json.loads(raw(daemon, b'{"command": "list"}\n'))["ok"] is True
    assert curl_many(lab, VIP["nat"], 2) == {"rs1": 1, "rs2": 1}


def test_a_long_listing_keeps_nobody_waiting(lab, lvsd):
    """Listings as JSON, of which one is made at a time, and pages of metrics are made by threads of their
    own; others, even with a listing as text, are answered before the last of them is there."""
    services = [service(f"s{i}", f"198.18.{i // 250}.{i % 250 + 1}:80/tcp", "nat",
                        *(f"198.19.{i % 250}.{j + 1}" for j in range(10))) for i in range(2000)]
    daemon = lvsd(configuration(*services, director={"announce": False, "capture": {"backend": "manual"}}),
                  options=["--metrics"])
    path = os.path.join(daemon.run_dir, "lvsd.sock")
    with contextlib.ExitStack() as stack:
        scrapers = [stack.enter_context(lab.socket("director", socket.AF_INET, socket.SOCK_STREAM))
                    for _ in range(6)]
        clients = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(20)]
        for slow in scrapers:
            slow.connect(("127.0.0.1", 9811))
            slow.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        for slow in clients:
            slow.connect(path)
            slow.sendall(b'{"command": "list"}\n')
        for request in (b'{"command": "rules"}\n', b'{"command": "status"}\n',
                        b'{"command": "list", "form": "stats"}\n'):
            assert json.loads(raw(daemon, request, 10.0))["ok"] is True
            assert not select.select([clients[-1]], [], [], 0)[0], f"all JSON before {request}"
            assert not select.select([scrapers[-1]], [], [], 0)[0], f"all metrics before {request}"
        with clients[-1].makefile("rb") as lines:
            reply = json.loads(lines.readline())
        with scrapers[-1].makefile("rb") as page:
            text = page.read()
    assert text.startswith(b"HTTP/1.0 200") and text.count(b"\nlvsd_backend_weight{") == 20000
    assert reply["ok"] is True and reply["version"] == 1 and "tcp" in reply["timeouts"]
    listed = {one["name"]: len(one["destinations"]) for one in reply["services"]}
    assert listed == {one["name"]: 10 for one in services}


def test_clients_that_only_hold_on_keep_nobody_out_for_long(lab, lvsd):
    daemon = lvsd(configuration(web("nat")))
    idle = []
    for _ in range(80):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(2)
        client.connect(os.path.join(daemon.run_dir, "lvsd.sock"))
        idle.append(client)
    try:
        assert json.loads(raw(daemon, b'{"command": "list"}\n') or b'{"ok": false}')["ok"] is False
        wait_for(lambda: "TCP" in daemon.ctl("list", check=False), "idle clients to be dismissed", 15)
    finally:
        for client in idle:
            client.close()


# ---- reload --------------------------------------------------------------------------------------
def test_reload_says_what_changed(lab, lvsd):
    daemon = lvsd(configuration(web("nat")))
    daemon.write(configuration(web("nat", (RS1, 5), RS3), web("dr", name="web-dr")))
    answer = daemon.ctl("reload")
    *lines, last = answer.splitlines()  # first what plan prints
    assert [line.split()[:2] for line in lines] == [["service", "web-dr"], ["service", "web"]]
    assert last == ("reload applied: 1 service added, 1 destination added, 1 destination removed, "
                    "1 destination edited")
    for line in ("service web-dr", f"{RS1}:80 now weight 5 (was 1)", f"{RS2}:80 removed"):
        assert line in daemon.log()
    assert daemon.ctl("reload") == "reload applied: nothing changed\n"
    daemon.write("servces: []\n")
    with pytest.raises(LabError, match=r"exit status 1\n.*:1:1: .*\nreload refused: 1 mistake; "):
        daemon.ctl("reload")
    last = daemon.ctl_json("status")["status"]["last_reload"]
    assert last["outcome"] == "refused" and len(last["problems"]) >= 1
    assert "refused" in daemon.ctl("status")


def test_settings_read_at_start_are_named(lab, lvsd):
    daemon = lvsd(configuration(web("nat")))
    daemon.write(configuration(web("nat"), director={"announce": True, "connections": {"limit": 5000}}))
    answer = daemon.ctl("reload")
    assert "director.connections.limit: takes effect at the next restart only" in answer
    assert daemon.ctl_json("status")["status"]["connection_limit"] == 1 << 20


def test_systemd_hears_of_each_reload(lab, lvsd):
    daemon = lvsd(configuration(web("nat")))
    for text in (configuration(web("nat", RS1)), "broken: [", configuration(web("nat"))):
        before = time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
        daemon.write(text)
        daemon.child.send_signal(signal.SIGHUP)
        said = daemon.await_notice("RELOADING=1")
        stamp = next(line for line in said if line.startswith("MONOTONIC_USEC="))
        assert before <= int(stamp.split("=")[1]) <= time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
        if "READY=1" not in said:
            daemon.await_notice("READY=1")
    assert daemon.stop() == 0


@contextlib.contextmanager
def read_notifications(daemon):
    """As a service manager does: sd_notify waits for one that does not read."""
    done = threading.Event()

    def read():
        daemon.notify.settimeout(0.05)
        while not done.is_set():
            with contextlib.suppress(TimeoutError):
                daemon.notify.recv(4096)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        done.set()
        reader.join()


def test_hups_in_a_burst_end_with_the_last_file(lab, lvsd):
    daemon = lvsd(configuration(web("nat")))
    with read_notifications(daemon):
        for number in range(20):
            daemon.write(configuration(web("nat", (RS1, 1 + number), RS2)))
            daemon.child.send_signal(signal.SIGHUP)
        wait_for(lambda: re.search(rf"{re.escape(RS1)}:80 +Masq +20 ", daemon.ctl("list")),
                 "weight 20")


# ---- retired -------------------------------------------------------------------------------------
def download(lab, address, seconds):
    """A download that takes about that long; its process."""
    path, log = lab.path("files", "slow"), lab.path("slow.log")
    if not os.path.exists(path):
        with open(path, "wb") as file:
            file.write(os.urandom(4_000_000))
    open(log, "w", encoding="ascii").close()
    child = lab.start("client", ["curl", "--silent", "--show-error", "--limit-rate",
                                 str(4_000_000 // seconds), "--max-time", str(10 * seconds),
                                 "--output", lab.path("slow.got"),
                                 f"http://{address}/files/slow"], log=log)
    wait_for(lambda: os.path.exists(lab.path("slow.got")), "the download to begin")
    return child


def arrived(lab, child, timeout=60):
    status = child.wait(timeout)
    lab.children.remove(child)
    with open(lab.path("files", "slow"), "rb") as sent, open(lab.path("slow.got"), "rb") as got:
        same = sent.read() == got.read()
    os.unlink(lab.path("slow.got"))
    return status == 0 and same


@pytest.mark.parametrize("method", METHODS)
def test_a_removed_destination_ends_what_it_began(lab, lvsd, method):
    daemon = lvsd(configuration(web(method, RS1)))
    child = download(lab, VIP[method], 4)
    daemon.reload(configuration(web(method, RS2)))
    assert "1 removed destination still has 1 connection" in daemon.ctl("list")
    assert curl_many(lab, VIP[method], 4) == {"rs2": 4}
    assert arrived(lab, child)


@pytest.mark.parametrize("method", METHODS)
def test_a_removed_service_ends_what_it_began(lab, lvsd, method):
    daemon = lvsd(configuration(web(method, RS1), web("nat", RS2, address=OTHER, name="other")))
    child = download(lab, VIP[method], 4)
    daemon.reload(configuration(web("nat", RS2, address=OTHER, name="other")))
    assert VIP[method] in addresses(lab), "for the download"
    assert "stays captured" in daemon.ctl("status")
    assert arrived(lab, child)
    wait_for(lambda: VIP[method] not in addresses(lab), "the address to go with the download")
    assert curl_many(lab, OTHER, 2) == {"rs2": 2}


def test_an_address_deleted_by_another_hand_comes_back(lab, lvsd):
    daemon = lvsd(configuration(web("nat")))
    line = next(line for line in addresses(lab).splitlines() if VIP["nat"] in line)
    device = line.split()[1]
    lab.ip("director", f"addr del {VIP['nat']}/32 dev {device}")
    wait_for(lambda: VIP["nat"] in addresses(lab), "the address", timeout=1.0)
    daemon.await_log(f"virtual address {VIP['nat']} was gone from its interface: restored")
    assert curl_many(lab, VIP["nat"], 2) == {"rs1": 1, "rs2": 1}
    assert daemon.stop() == 0


# ---- life ----------------------------------------------------------------------------------------
def test_privileges_are_given_away_and_nothing_misses_them(lab, lvsd):
    daemon = lvsd(configuration(web("nat")))
    wanted = 1 << 12 | 1 << 13  # CAP_NET_ADMIN, CAP_NET_RAW
    for task in os.listdir(f"/proc/{daemon.child.pid}/task"):
        status = dict(line.split(":\t", 1) for line in
                      read(f"/proc/{daemon.child.pid}/task/{task}/status").splitlines()
                      if ":\t" in line)
        for kind in ("CapPrm", "CapEff", "CapBnd"):
            assert int(status[kind], 16) == wanted, (task, kind)
        assert status["NoNewPrivs"] == "1"
    daemon.reload(configuration(web("nat", RS1), web("dr", RS2, name="web-dr")))
    flush_ruleset(lab, daemon)
    lab.run("director", ["ipset", "flush"])
    daemon.await_log("restored")
    assert curl_many(lab, VIP["dr"], 2) == {"rs2": 2}
    assert daemon.stop() == 0


def test_zero_sets_counters_of_one_service_or_of_all(lab, lvsd):
    """As ipvsadm -Z; connections and their destinations stay."""
    other = service("other", f"{VIP['nat']}:8080/tcp", "nat", f"{ADDRESS['rs1']}:80")
    daemon = lvsd(configuration(web("nat"), other))
    curl_many(lab, VIP["nat"], 2)
    curl_many(lab, f"{VIP['nat']}:8080", 2)

    def counted():
        return [(one["statistics"]["connections"],
                 sum(row["statistics"]["connections"] for row in one["destinations"]))
                for one in daemon.ctl_json("list")["services"]]
    assert counted() == [(2, 2), (2, 2)]
    daemon.ctl("zero", "--service", "other")
    assert counted() == [(2, 2), (0, 0)]
    key = f"{VIP['nat']}:80/tcp"
    daemon.ctl("zero", "--service", key)
    assert counted() == [(0, 0), (0, 0)]
    assert f" > {VIP['nat']}:80 " in daemon.ctl("trace", "--recent", "--service", key)
    assert sum(row["inactive"] + row["active"]
               for one in daemon.ctl_json("list")["services"] for row in one["destinations"]) == 4
    with pytest.raises(LabError, match="there is no service called 'nobody'|called nobody"):
        daemon.ctl("zero", "--service", "nobody")
    daemon.ctl("zero")
    assert counted() == [(0, 0), (0, 0)]


def test_a_second_daemon_is_told_why(lab, lvsd):
    daemon = lvsd(configuration(web("nat")))
    with pytest.raises(LabError, match=rf"in use by lvsd with pid {daemon.child.pid}"):
        lab.run("director", [daemon.program, "-c", daemon.file, "--run-dir", daemon.run_dir],
                timeout=10)
    with pytest.raises(LabError, match=r"exit status 1\n.*queue 0\b"):
        lab.run("director", [daemon.program, "-c", daemon.file, "--run-dir",
                             lab.path("another-run")], timeout=10)
    assert curl_many(lab, VIP["nat"], 2) == {"rs1": 1, "rs2": 1}


def test_without_privileges_it_says_so(lab):
    plain = Lvsd(lab, configuration(web("nat")), name="plain")
    with pytest.raises(LabError, match="CAP_NET_ADMIN is missing"):
        lab.run("director", ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-all",
                             plain.program, "-c", plain.file, "--run-dir", plain.run_dir],
                timeout=10)


def test_a_kill_under_way_leaves_no_stale_socket_or_lock(lab, lvsd):
    daemon = lvsd(configuration(web("nat")))
    daemon.stop(signal.SIGKILL)
    assert os.path.exists(os.path.join(daemon.run_dir, "lvsd.sock"))
    with pytest.raises(LabError, match="exit status 3"):
        daemon.ctl("status")
    daemon.start()
    assert curl(lab, f"http://{VIP['nat']}/").strip() in ("rs1", "rs2")
    assert daemon.stop() == 0
    assert sorted(os.listdir(daemon.run_dir)) == ["lvsd.lock"]
