# SPDX-License-Identifier: GPL-2.0-or-later
"""What the running daemon says of packets and of changes: explain and plan change nothing, trace and
capture show what passes, and what was refused is kept with its reason."""
import json
import os
import re
import socket
import subprocess
import threading
import time

import pytest

from daemon import configuration, service
from lab import ADDRESS, VIP, wait_for
from servers import build_directory
from traffic import curl_many, udp_ask

RS1, RS2, RS3 = (ADDRESS[name] for name in ("rs1", "rs2", "rs3"))
LVSCTL = os.path.join(build_directory(), "lvsctl")


def web(*rows, name="web", **more):
    return service(name, f"{VIP['nat']}:80/tcp", "nat", *rows, **more)


def ctl(lab, daemon, *words):
    """Status, standard output and standard error."""
    done = subprocess.run(["ip", "netns", "exec", lab.namespace("director"), LVSCTL, *words,
                           "--run-dir", daemon.run_dir], text=True, capture_output=True, timeout=30,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def counts(daemon):
    """Connections that began, by destination of the first service."""
    service_listed = daemon.ctl_json("list")["services"][0]
    return [d["statistics"]["connections"] for d in service_listed["destinations"]]


def refused_packets(lab, daemon, name):
    """What lvsctl capture --drops wrote: the file, and its packets as scapy reads them."""
    scapy = pytest.importorskip("scapy.all")
    path = lab.path(name)
    status, _, said = ctl(lab, daemon, "capture", "--drops", path)
    assert status == 0, said
    reader = scapy.RawPcapNgReader(path)
    found = [scapy.IP(data) for data, _ in reader]
    reader.close()
    return path, found


def test_explain_changes_nothing(lab, lvsd):
    daemon = lvsd(configuration(web(RS1, RS2)))
    curl_many(lab, VIP["nat"], 2)  # each server one, so that their MACs are known
    before = counts(daemon)
    words = ("explain", "tcp", f"{ADDRESS['client']}:40000", f"{VIP['nat']}:80")
    said = [ctl(lab, daemon, *words)[1] for _ in range(3)]
    assert said[0] == said[1] == said[2]  # nobody's turn has passed
    assert f"It chose {RS1}:80." in said[0] and "Forwarded (scheduled)" in said[0], said[0]
    assert "Emitted on be, 02:00:00:00:02:01 > 02:00:00:00:02:11" in said[0], said[0]
    assert counts(daemon) == before == [1, 1]
    curl_many(lab, VIP["nat"], 1)
    assert counts(daemon) == [2, 1]
    assert f"It chose {RS2}:80." in ctl(lab, daemon, *words)[1]
    status, out, _ = ctl(lab, daemon, "explain", "tcp", f"{ADDRESS['client']}:40000",
                         f"{VIP['nat']}:81", "--json")
    packet = json.loads(out)["packets"][0]
    assert status == 0 and packet["reason"] == "no-service"
    assert ctl(lab, daemon, "explain", "tcp", "nonsense", "x")[0] == 2


def cpu_of_workers(daemon):
    """Seconds that the workers' threads have run."""
    total = 0
    tasks = f"/proc/{daemon.child.pid}/task"
    for thread in os.listdir(tasks):
        with open(f"{tasks}/{thread}/comm", encoding="ascii") as file:
            worker = file.read().startswith("lvsd-w")
        with open(f"{tasks}/{thread}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0]) if worker else 0
    return total / 1e9


def ask_in_a_loop(daemon, request, until, answers):
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(10)
        asking.connect(os.path.join(daemon.run_dir, "lvsd.sock"))
        with asking.makefile("rb") as lines:
            while time.monotonic() < until:
                asking.sendall(request)
                answers.append(lines.readline())


def test_explaining_in_a_loop_takes_a_tenth_of_a_worker(lab, lvsd):
    """Each is answered, but late. A worker that is slow, or not given a CPU, only uses less."""
    scapy = pytest.importorskip("scapy.all")
    services = [service(f"s{i}", f"198.18.{i // 250}.{i % 250 + 1}:80/tcp", "nat",
                        *(f"198.19.{i % 250}.{j + 1}" for j in range(10))) for i in range(500)]
    daemon = lvsd(configuration(*services, director={"announce": False, "capture": {"backend": "manual"}}))
    packet = scapy.IP(src=ADDRESS["client"], dst="198.18.1.7") / scapy.TCP(sport=4000, dport=80)
    request = json.dumps({"command": "explain", "packet": bytes(packet).hex()}).encode() + b"\n"
    answers, length = ([], []), 3.0
    before, start = cpu_of_workers(daemon), time.monotonic()
    asking = [threading.Thread(target=ask_in_a_loop, args=(daemon, request, start + length, mine))
              for mine in answers]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    used, took = cpu_of_workers(daemon) - before, time.monotonic() - start
    for mine in answers:
        assert len(mine) >= 5
        assert all(json.loads(one)["explanation"]["service"] == "s256" for one in mine[:5])
    assert used < 0.15 * took, f"{used:.2f} of {took:.2f} s, {[len(mine) for mine in answers]} answers"


def test_plan_is_what_reload_does(lab, lvsd):
    daemon = lvsd(configuration(web(RS1, RS2)))
    curl_many(lab, VIP["nat"], 2)
    assert ctl(lab, daemon, "plan", daemon.file)[0] == 0
    daemon.write(configuration(web((RS1, 5)),
                               service("more", f"{VIP['dr']}:80/tcp", "dr", RS3)))
    before = counts(daemon)
    status, out, said = ctl(lab, daemon, "plan", daemon.file)
    assert status == 2, said
    assert f"+ service more ({VIP['dr']}:80/tcp) with 1 destination" in out
    assert re.search(rf"- {RS2}:80 \[1 connection\]", out), out
    assert re.search(rf"~ {RS1}:80: weight 5 \(was 1\) \[1 connection\]", out), out
    assert "1 connection of what is removed go on until they end" in out
    assert counts(daemon) == before
    plan = json.loads(ctl(lab, daemon, "plan", daemon.file, "--json")[1])["plan"]
    status, out, said = ctl(lab, daemon, "reload")
    assert status == 0, said
    assert out.splitlines()[:-1] == plan["lines"]
    assert daemon.ctl_json("status")["status"]["last_reload"]["changes"] == plan["lines"]
    for line in plan["lines"]:
        assert f"reload: {line}" in daemon.log()
    assert ctl(lab, daemon, "plan", daemon.file)[0] == 0
    bad = lab.path("bad.yaml")
    with open(bad, "w", encoding="utf-8") as file:
        file.write("services: 1\n")
    status, _, said = ctl(lab, daemon, "plan", bad)
    assert status == 1 and "bad.yaml:1" in said


def test_trace_and_capture_show_what_passes(lab, lvsd):
    daemon = lvsd(configuration(web(RS1), service("dns", f"{VIP['nat']}:5353/udp", "nat", RS1)))
    curl_many(lab, VIP["nat"], 1)  # so that no packet waits for the neighbour
    name = lab.path("passing.pcapng")
    log = lab.path("trace.json")
    streamed = lab.path("streamed.txt")
    listening = [
        lab.start("director", ["sh", "-c", f"{LVSCTL} capture --service dns -w - --count 2 --run-dir {daemon.run_dir}"
                               f" | tcpdump -n -r - >{streamed}"]),
        lab.start("director", [LVSCTL, "trace", "--service", "web", "--json", "--count", "4",
                               "--run-dir", daemon.run_dir], log=log),
        lab.start("director", [LVSCTL, "capture", "--service", "dns", "-w", name, "--count", "2",
                               "--run-dir", daemon.run_dir])]

    def heard():
        curl_many(lab, VIP["nat"], 1)
        udp_ask(lab, VIP["nat"])
        return all(child.poll() is not None for child in listening)
    wait_for(heard, "four packets of web and two of dns", timeout=20.0, interval=0.2)
    with open(log, encoding="utf-8") as file:
        packets = [json.loads(line) for line in file]
    assert len(packets) == 4
    assert all(p["verdict"] == "forwarded" and ":80" in p["asked"] for p in packets), packets
    read = subprocess.run(["tcpdump", "-n", "-r", name], text=True, capture_output=True, check=True)
    assert len(read.stdout.splitlines()) == 2 and "5353" in read.stdout
    with open(streamed, encoding="utf-8") as file:
        assert sum(" > " in line and "5353" in line for line in file) == 2


def test_refused_packets_are_kept_with_their_reasons(lab, lvsd):
    scapy = pytest.importorskip("scapy.all")
    daemon = lvsd(configuration(web((RS1, 0)), service("dr", f"{VIP['dr']}:80/tcp", "dr", RS3)))

    def send(packet):
        frame = scapy.Ether(src="02:00:00:00:01:02", dst="02:00:00:00:01:01") / packet
        lab.send_frame("client", "eth0", bytes(frame))
    client = ADDRESS["client"]
    send(scapy.IP(src=client, dst=VIP["nat"]) / scapy.TCP(sport=4001, dport=80, flags="S"))
    send(scapy.IP(src=client, dst=VIP["dr"]) / scapy.TCP(sport=4002, dport=80, flags="A"))
    send(scapy.IP(src=client, dst=VIP["dr"], ttl=1) / scapy.TCP(sport=4003, dport=80, flags="S"))
    wanted = {4001: "no-destination", 4002: "not-schedulable", 4003: "ttl-exceeded"}

    def all_there():
        _, found = refused_packets(lab, daemon, "refused.pcapng")
        return {ip.sport for ip in found if ip.haslayer("TCP")} >= set(wanted)
    wait_for(all_there, "three refused packets")
    path, found = refused_packets(lab, daemon, "refused.pcapng")
    assert {ip.sport for ip in found} >= set(wanted)
    done = subprocess.run(["tshark", "-r", path, "-T", "fields", "-e", "tcp.srcport", "-e",
                           "frame.comment"], text=True, capture_output=True, check=True)
    lines = dict(line.split("\t", 1) for line in done.stdout.splitlines())
    for port, reason in wanted.items():
        assert lines[str(port)].startswith(reason + ": ")
    with open(path, "rb") as file:
        text = file.read()
    for reason in wanted.values():
        assert reason.encode() + b": " in text
