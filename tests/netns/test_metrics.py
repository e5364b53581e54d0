# SPDX-License-Identifier: GPL-2.0-or-later
"""What Prometheus reads is well-formed, says what lvsctl says, and harms nobody."""
import json
import os
import re
import shutil
import socket
import subprocess

import pytest

from daemon import configuration, service
from lab import ADDRESS, VIP
from traffic import curl_many, udp_ask

RS1, RS2 = ADDRESS["rs1"], ADDRESS["rs2"]
CONTRIB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../contrib/prometheus")
WHERE = ("127.0.0.1", 9811)


@pytest.fixture
def daemon(lvsd):
    return lvsd(configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", RS1, RS2),
                              service("empty", f"{VIP['nat']}:81/tcp", "nat"),
                              service("echo", f"{VIP['dr']}:5353/udp", "dr", RS1)),
                options=["--metrics"])


def scrape(lab):
    return lab.run("director", ["curl", "-sS", "--fail", "http://127.0.0.1:9811/metrics"])


def values(text):
    """name{labels} -> value"""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_it_says_what_happened(lab, daemon):
    curl_many(lab, VIP["nat"], 10)
    udp_ask(lab, VIP["dr"])
    lab.run("client", ["curl", "-s", "--max-time", "1", f"http://{VIP['nat']}:81/"], check=False)
    seen = values(scrape(lab))
    web = 'service="web",local_address="%s",local_port="80",local_mark="0",proto="tcp"' % VIP["nat"]
    assert seen["lvsd_connections_total{%s}" % web] == 10
    for server in (RS1, RS2):
        labels = '{%s,remote_address="%s",remote_port="80"}' % (web, server)
        assert seen["lvsd_backend_connections_total" + labels] == 5
        assert seen["lvsd_backend_weight" + labels] == 1
    assert seen["lvsd_service_usable_destinations{%s}" % web] == 2
    empty = web.replace('"web"', '"empty"').replace('"80"', '"81"')
    assert seen["lvsd_service_usable_destinations{%s}" % empty] == 0
    assert seen['lvsd_dropped_packets_total{reason="no-destination"}'] >= 1
    assert seen["lvsd_verdict_latency_seconds_count"] > 50
    assert seen['lvsd_neighbors{state="resolved"}'] >= 1
    assert seen["lvsd_capture_rules_in_place"] == 1
    status = daemon.ctl_json("status")["status"]
    for drop in status["packets"]["dropped"]:
        name = 'lvsd_dropped_packets_total{reason="%s"}' % drop["reason"]
        assert values(scrape(lab))[name] == drop["packets"]

    daemon.reload()
    daemon.reload("services: [\n")
    seen = values(scrape(lab))
    assert seen['lvsd_reloads_total{result="applied"}'] == 1
    assert seen['lvsd_reloads_total{result="refused"}'] == 1
    assert seen["lvsd_last_reload_successful"] == 0


def test_promtool_finds_nothing_wrong(lab, daemon):
    promtool = shutil.which(os.environ.get("LVSD_PROMTOOL", "promtool"))
    if promtool is None:
        pytest.skip("promtool (package prometheus) is not there: neither metrics nor rules checked")
    text = scrape(lab)
    done = subprocess.run([promtool, "check", "metrics"], input=text, text=True,
                          capture_output=True)
    assert done.returncode == 0 and not done.stderr.strip(), done.stdout + done.stderr
    subprocess.run([promtool, "check", "rules", CONTRIB + "/lvsd.rules.yml"], check=True)


def test_rules_and_dashboard_ask_for_what_there_is(lab, daemon):
    there = set(re.findall(r"^# TYPE (\S+)", scrape(lab), re.M))
    for name in ("lvsd.rules.yml", "lvsd-dashboard.json"):
        with open(os.path.join(CONTRIB, name), encoding="utf-8") as file:
            text = file.read()
        if name.endswith("json"):
            text = "\n".join(t["expr"] for p in json.loads(text)["panels"] for t in p["targets"])
        asked = {re.sub("_bucket$", "", word) for word in re.findall(r"\blvsd_\w+", text)}
        assert asked and asked <= there, (name, asked - there)


def test_others_are_refused_and_the_slow_harm_nobody(lab, daemon):
    def curl(*words):
        return lab.run("director", ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *words])
    base = "http://127.0.0.1:9811"
    assert curl(base + "/") == "404"
    assert curl("-X", "POST", base + "/metrics") == "405"
    slow = []
    for _ in range(6):
        slow.append(lab.socket("director", socket.AF_INET, socket.SOCK_STREAM))
        slow[-1].connect(WHERE)
        slow[-1].sendall(b"GET /metrics HT")
    garbage = lab.socket("director", socket.AF_INET, socket.SOCK_STREAM)
    garbage.connect(WHERE)
    garbage.sendall(b"\x16\x03\x01" + bytes(range(256)) * 64)
    gone = lab.socket("director", socket.AF_INET, socket.SOCK_STREAM)
    gone.connect(WHERE)
    gone.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    gone.close()
    assert "lvsd_build_info" in scrape(lab)
    assert sum(curl_many(lab, VIP["nat"], 10).values()) == 10
    for client in (*slow, garbage):
        client.close()


def test_off_by_default(lab, lvsd):
    lvsd(configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", RS1)))
    assert ":9811" not in lab.run("director", ["ss", "-Hltn"])


def test_the_file_opens_moves_and_closes_it(lab, lvsd):
    def file(metrics):
        return configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", RS1),
                             director={"metrics": metrics})

    def listening(port):
        return f":{port} " in lab.run("director", ["ss", "-Hltn"])
    daemon = lvsd(file(True))
    assert listening(9811) and "lvsd_build_info" in scrape(lab)
    daemon.write(file("127.0.0.1:9812"))
    assert "metrics at 127.0.0.1:9812" in daemon.ctl("plan", daemon.file, check=False)
    daemon.reload()
    assert listening(9812) and not listening(9811)
    with lab.socket("director", socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 9813))
        taken.listen()
        daemon.reload(file("127.0.0.1:9813"))
        assert "cannot listen on 127.0.0.1:9813" in daemon.ctl("status")
    daemon.reload(file(False))
    assert not any(map(listening, (9811, 9812, 9813)))
