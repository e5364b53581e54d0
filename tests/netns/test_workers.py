# SPDX-License-Identifier: GPL-2.0-or-later
"""Several workers: each client is one worker's, in both directions, whatever the method."""
import os
import re
import signal
import time
from collections import Counter

import pytest

from daemon import configuration, service
from lab import ADDRESS, MAC, SERVERS, VIP, wait_for
from load import under_load
from traffic import UdpClient, curl, curl_many, udp_ask

RIPS = [ADDRESS[server] for server in SERVERS]
METHODS = ("dr", "tun", "nat")
CLIENTS = [f"10.1.0.{last}" for last in range(1, 21)]
TWO = {"workers": 2}


def services(**more):
    made = []
    for method in METHODS:
        made.append(service(f"web-{method}", f"{VIP[method]}:80/tcp", method, *RIPS, **more))
        made.append(service(f"echo-{method}", f"{VIP[method]}:5353/udp", method, *RIPS, **more))
    return made


def workers(daemon):
    return daemon.ctl_json("status")["status"]["workers"]


def serve_all(lab, method):
    for client in CLIENTS:
        assert curl(lab, f"http://{VIP[method]}/", "--interface", client).strip() in SERVERS
        with UdpClient(lab, VIP[method], source=client) as udp:
            name = udp.ask()[0]
            assert udp.ask()[0] == name


def test_all_methods_and_no_packet_meets_the_wrong_worker(lab, lvsd):
    """Rules steer all of this right, marks stay as they are, and both workers have work."""
    lab.run("director", ["iptables", "-t", "mangle", "-A", "PREROUTING", "-m", "mark", "!",
                         "--mark", "0", "-j", "DROP"])
    daemon = lvsd(configuration(*services(), director=TWO))
    try:
        for method in METHODS:
            serve_all(lab, method)
    finally:
        lab.run("director", ["iptables", "-t", "mangle", "-F", "PREROUTING"])
    found = workers(daemon)
    assert len(found) == 2 and all(one["received"] > 50 for one in found), found
    assert [one["handed_on"] for one in found] == [0, 0]
    assert sum(one["connections"] for one in found) >= 6 * len(CLIENTS)
    assert all(one["queue_dropped"] == 0 for one in found)


def test_what_rules_cannot_tell_is_handed_on(lab, lvsd):
    """Everything to the first worker's queue, as rules of an operator's might have it."""
    daemon = lvsd(configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", *RIPS),
                                director={**TWO, "capture": {"backend": "manual", "queue": 10,
                                                             "super_packets": False},
                                          "overload": "drop"}))
    rule = ["-p", "tcp", "-j", "NFQUEUE", "--queue-num", "10"]
    lab.run("director", ["iptables", "-t", "raw", "-A", "PREROUTING", *rule])
    try:
        for client in CLIENTS:
            assert curl(lab, f"http://{VIP['nat']}/", "--interface", client).strip() in SERVERS
    finally:
        lab.run("director", ["iptables", "-t", "raw", "-D", "PREROUTING", *rule])
    first, second = workers(daemon)
    assert first["handed_on"] > 50 and second["handed_on"] == 0
    assert first["connections"] > 0 and second["connections"] > 0


def test_rules_for_as_many_workers_as_there_can_be(lab, lvsd):
    """Their table goes to the kernel in one message, larger than a socket holds by default."""
    daemon = lvsd(configuration(*services(), director={"workers": 64}))
    for method in METHODS:
        assert curl(lab, f"http://{VIP[method]}/", "--interface", CLIENTS[0]).strip() in SERVERS
    assert len(workers(daemon)) == 64


def test_persistence_keeps_a_network_together(lab, lvsd):
    daemon = lvsd(configuration(service("web", f"{VIP['dr']}:80/tcp", "dr", *RIPS,
                                        persistence={"timeout": "60s", "netmask": 24}),
                                director={"workers": 4}))
    for network in range(8):
        served = Counter(curl(lab, f"http://{VIP['dr']}/", "--interface", f"10.1.{network}.{last}")
                         .strip() for last in (1, 2, 3))
        assert len(served) == 1, served
    assert sum(one["connections"] > 0 for one in workers(daemon)) >= 2


def test_least_connections_and_thresholds_count_across_workers(lab, lvsd):
    rows = [{"address": RIPS[0], "thresholds": {"upper": 6}}, {"address": RIPS[1]}]
    daemon = lvsd(configuration({"name": "echo", "listen": f"{VIP['nat']}:5353/udp", "method": "nat",
                                 "scheduler": "lc", "destinations": rows}, director=TWO))
    for client in CLIENTS:
        udp_ask(lab, VIP["nat"], source=client)
    listed = daemon.ctl_json("list")["services"][0]["destinations"]
    assert [one["inactive"] for one in listed] == [6, 14]
    assert all(one["connections"] > 0 for one in workers(daemon))


def test_reload_and_a_kill_under_load(lab, lvsd):
    """A reload is applied by all workers; what a killed daemon left is taken over."""
    daemon = lvsd(configuration(*services(), director=TWO))
    with under_load(lab, *(f"http://{VIP[m]}/" for m in METHODS), connections=8) as loads:
        for weight in (1, 2) * 5:
            daemon.reload(configuration(*(service(f"web-{m}", f"{VIP[m]}:80/tcp", m,
                                                  (RIPS[0], weight), RIPS[1]) for m in METHODS),
                                        director=TWO))
    assert [load.report.failed for load in loads] == [0, 0, 0], [l.report.text for l in loads]
    for client in CLIENTS[:6]:
        assert curl_many(lab, VIP["nat"], 2, source=client)["rs3"] == 0
    daemon.stop(signal.SIGKILL)
    daemon.start()
    serve_one = curl_many(lab, VIP["dr"], 6, source="10.1.0.40")
    assert serve_one["rs3"] == 0 and sum(serve_one.values()) == 6
    assert daemon.stop() == 0


def test_a_shorter_mask_waits_for_a_restart(lab, lvsd):
    def text(mask):
        return configuration(service("web", f"{VIP['dr']}:80/tcp", "dr", *RIPS,
                                     persistence={"netmask": mask}), director=TWO)
    daemon = lvsd(text(32))
    for _ in range(2):  # not only the first time
        daemon.write(text(24))
        assert "persistence.netmask" in daemon.ctl("reload")
    daemon.write(text(32))
    assert "persistence.netmask" not in daemon.ctl("reload")


def test_one_worker_per_cpu_and_where_it_runs(lab, lvsd):
    daemon = lvsd(configuration(*services(), director={"workers": "auto", "cpus": "0"}))
    assert len(workers(daemon)) == 1
    threads = lab.run("director", ["sh", "-c", f"grep -l lvsd-w /proc/{daemon.child.pid}/task/*/comm"])
    (task,) = [line.split("/")[4] for line in threads.split()]
    allowed = lab.run("director", ["grep", "Cpus_allowed_list", f"/proc/{task}/status"])
    assert allowed.split()[1] == "0"


def test_openers_have_a_queue_of_their_own(lab, lvsd):
    daemon = lvsd(configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", *RIPS)))
    assert curl_many(lab, VIP["nat"], 3) == {"rs1": 1, "rs2": 1, "rs3": 1}
    rules = daemon.ctl("rules")
    assert "--tcp-flags SYN,ACK SYN" in rules
    (one,) = workers(daemon)
    assert one["queue_dropped"] == one["openers_dropped"] == 0


@pytest.mark.parametrize("overload", ("drop", "bypass"))
def test_other_ways_to_meet_overload(lab, lvsd, overload):
    daemon = lvsd(configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", *RIPS),
                                director={"overload": overload}))
    assert curl_many(lab, VIP["nat"], 3) == {"rs1": 1, "rs2": 1, "rs3": 1}
    assert "SYN,ACK SYN" not in daemon.ctl("rules")
    wait_for(lambda: workers(daemon)[0]["queue_waiting"] == 0, "an empty queue")


FLOOD = """
import random, socket, struct, sys, time
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
out.bind(("eth0", 0))
ends = bytes.fromhex(sys.argv[1].replace(":", "")), bytes.fromhex(sys.argv[2].replace(":", ""))
def total(data):
    value = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    value = (value & 0xffff) + (value >> 16)
    return 0xffff - ((value & 0xffff) + (value >> 16))
vip = socket.inet_aton(sys.argv[3])
frames = []
for number in range(2000):  # of clients that nobody is
    source = bytes([10, 1, 100 + number % 100, number // 100 % 256])
    tcp = struct.pack(">HHIIBBHHH", 1024 + number, 80, number, 0, 80, 2, 1000, 0, 0)
    tcp = tcp[:16] + struct.pack(">H", total(source + vip + bytes([0, 6, 0, 20]) + tcp)) + tcp[18:]
    ip = struct.pack(">BBHHHBBH4s4s", 69, 0, 40, number, 0, 64, 6, 0, source, vip)
    ip = ip[:10] + struct.pack(">H", total(ip)) + ip[12:]
    frames.append(ends[0] + ends[1] + b"\\x08\\x00" + ip + tcp)
end = time.monotonic() + float(sys.argv[4])
while time.monotonic() < end:
    for frame in frames:
        try:
            out.send(frame)
        except OSError:
            pass
"""


def test_established_connections_come_first_in_a_flood(lab, lvsd):
    """A transfer goes on under a flood of SYNs, reload and lvsctl answer, and the log tells."""
    daemon = lvsd(configuration(service("web", f"{VIP['dr']}:80/tcp", "dr", *RIPS[:1]),
                                director={"capture": {"queue_length": 256},
                                          "connections": {"limit": 4096}}), options=["--metrics"])
    source = lab.path("flooded")
    with open(source, "wb") as file:
        file.write(os.urandom(2_000_000))
    upload = lab.start("client", ["curl", "--silent", "--fail", "--max-time", "60", "--limit-rate",
                                  "400K", "--upload-file", source,
                                  f"http://{VIP['dr']}/upload/flooded"])
    wait_for(lambda: workers(daemon)[0]["connections"] > 0, "the upload to begin")
    flood = lab.start("client", ["/usr/bin/python3", "-c", FLOOD, MAC["director", "cl"],
                                 MAC["client", "eth0"], VIP["dr"], "8"])
    try:
        wait_for(lambda: workers(daemon)[0]["openers_dropped"] > 0, "the openers' queue to fill")
        begin = time.monotonic()
        daemon.ctl("reload")
        took = time.monotonic() - begin
        daemon.await_log("new connections) is full")
        assert upload.wait(60) == 0
    finally:
        flood.kill()
        flood.wait()
        lab.children.remove(flood)
        lab.children.remove(upload)
    with open(source, "rb") as sent, open(lab.path("rs1", "upload", "flooded"), "rb") as stored:
        assert sent.read() == stored.read()
    (one,) = workers(daemon)
    assert one["queue_dropped"] == one["user_dropped"] == 0, one
    page = lab.run("director", ["curl", "-sS", "--fail", "http://127.0.0.1:9811/metrics"])
    lost = dict(re.findall(r'lvsd_queue_dropped_packets_total\{worker="0",cause="([a-z-]+)"\} (\d+)', page))
    assert int(lost["new-connections-queue-full"]) > 0 and int(lost["queue-full"]) == 0, lost
    daemon.await_log("is over", timeout=15)
    assert took < 5, f"a reload took {took} s"  # a second on a machine with nothing else to do
