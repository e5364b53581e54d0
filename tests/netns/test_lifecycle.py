# SPDX-License-Identifier: GPL-2.0-or-later
"""Start, stop, kill, and other programs' firewalls."""
import itertools
import os
import signal
import socket
import threading
from contextlib import contextmanager

import pytest
from scapy.layers.inet import IP, TCP

from daemon import Lvsd, capture_rules, configuration, flush_ruleset, service
from lab import ADDRESS, SERVERS, VIP, LabError, wait_for
from load import under_load
from servers import build_directory, read
from traffic import curl, curl_many

RIPS = [ADDRESS[server] for server in SERVERS]
METHODS = ("dr", "tun", "nat")


def everything():
    return configuration(*(service(f"web-{m}", f"{VIP[m]}:80/tcp", m, *RIPS) for m in METHODS))


def traces(lab):
    """What lvsd leaves in a namespace: netfilter's rules, addresses, and queues."""
    addresses = lab.run("director", ["ip", "-o", "addr"])
    with lab.inside("director"), open("/proc/thread-self/net/netfilter/nfnetlink_queue",
                                      encoding="ascii") as file:
        return {"rules": capture_rules(lab), "addresses": addresses, "queues": file.read()}


def works(lab, source="10.1.0.3"):
    for method in METHODS:
        assert curl_many(lab, VIP[method], 6, source) == {"rs1": 2, "rs2": 2, "rs3": 2}


def owned(rules):
    """Whether the kernel lets nobody else change them (Linux 6.9)."""
    return "flags owner" in rules


def silent(lab):
    """No answer at all, neither a page nor a refusal: curl gives up by itself."""
    with pytest.raises(LabError, match="exit status 28"):
        curl(lab, f"http://{VIP['dr']}/", timeout=1)
    return True


def test_term_leaves_nothing(lab, lvsd):
    before = traces(lab)
    daemon = lvsd(everything())
    works(lab)
    during = traces(lab)
    assert all(during[kind] != before[kind] for kind in before)
    assert daemon.stop() == 0
    assert traces(lab) == before


def test_int_leaves_nothing(lab, lvsd):
    before = traces(lab)
    assert lvsd(everything()).stop(signal.SIGINT) == 0
    assert traces(lab) == before


def test_a_killed_daemon_is_cleaned_up_by_the_next(lab, lvsd):
    before = traces(lab)
    daemon = lvsd(everything())
    daemon.stop(signal.SIGKILL)
    assert silent(lab), "until then, clients retry into silence"
    daemon.start()
    works(lab)
    daemon.stop()
    assert traces(lab) == before


@contextmanager
def syns(lab, vip):
    """A connection request every half millisecond, each from another port."""
    requests = [bytes(IP(src=ADDRESS["client"], dst=vip) / TCP(sport=port, dport=80, flags="S"))
                for port in range(20000, 24000)]
    stop, sent = threading.Event(), []

    def send():
        for request in itertools.cycle(requests):
            if stop.wait(0.0005):
                return
            raw.sendto(request, (vip, 0))
            sent.append(request)

    with lab.socket("client", socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        thread = threading.Thread(target=send)
        thread.start()
        try:
            yield sent
        finally:
            stop.set()
            thread.join()


def resets(lab):
    """How many resets the director's own stack has sent."""
    with lab.inside("director"), open("/proc/thread-self/net/snmp", encoding="ascii") as file:
        names, values = (line.split() for line in file if line.startswith("Tcp:"))
    return int(values[names.index("OutRsts")])


def test_requests_that_wait_for_the_next_start_get_no_reset(lab, lvsd):
    """What is in the queue when the workers start is theirs to forward, not the local stack's."""
    daemon = lvsd(everything())
    daemon.stop(signal.SIGKILL)
    before = resets(lab)
    with syns(lab, VIP["dr"]) as sent:
        wait_for(lambda: len(sent) > 100, "requests on their way")
        daemon.start()
        wait_for(lambda: daemon.ctl_json("status")["status"]["packets"]["forwarded"] > 100,
                 "requests to be forwarded")
    assert resets(lab) == before
    works(lab)


def test_after_a_kill_the_next_start_may_have_another_file(lab, lvsd):
    before = traces(lab)
    daemon = lvsd(everything())
    daemon.stop(signal.SIGKILL)
    daemon.write(configuration(service("other", "10.0.3.104:80/tcp", "nat", *RIPS)))
    daemon.start()
    assert curl_many(lab, "10.0.3.104", 3) == {"rs1": 1, "rs2": 1, "rs3": 1}
    assert VIP["dr"] not in lab.run("director", ["ip", "-o", "addr"])
    daemon.stop()
    assert traces(lab) == before


def test_an_address_that_was_there_before_stays(lab, lvsd):
    lab.ip("director", f"addr add {VIP['dr']}/32 dev lo")
    try:
        daemon = lvsd(everything())
        daemon.stop()
        assert VIP["dr"] in lab.run("director", ["ip", "-o", "addr", "show", "dev", "lo"])
    finally:
        lab.ip("director", f"addr del {VIP['dr']}/32 dev lo")


def test_without_announce_no_address_is_touched(lab, lvsd):
    before = lab.run("director", ["ip", "-o", "addr"])
    lvsd(configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", *RIPS),
                       director={"announce": False}))
    assert lab.run("director", ["ip", "-o", "addr"]) == before
    assert curl_many(lab, VIP["nat"], 3) == {"rs1": 1, "rs2": 1, "rs3": 1}


def test_flushed_rules_are_back_within_a_second(lab, lvsd):
    daemon = lvsd(everything())
    rules = capture_rules(lab)
    assert "NFQUEUE" in rules or "queue" in rules
    with under_load(lab, *(f"http://{VIP[m]}/" for m in METHODS), connections=8) as loads:
        outlived = [flush_ruleset(lab, daemon) for _ in range(5)]
    works(lab)
    assert outlived == [owned(rules)] * 5
    for load in loads:
        assert load.report.requests > 100
        assert load.report.bad_answers == 0, load.report.text
        if owned(rules):  # else the host meanwhile answers packets to the VIP, with a reset
            assert load.report.socket_errors == 0, load.report.text


def test_rules_taken_away_one_by_one_are_restored(lab, lvsd):
    """Not only by a flush: the tables are deleted by name, as an operator would."""
    daemon = lvsd(everything())
    rules, mark = capture_rules(lab), len(daemon.log())
    tables = [line.split()[:3] for line in rules.splitlines() if line.startswith("table ")]
    assert tables
    for table in tables:
        if owned(rules):
            with pytest.raises(LabError, match="Operation not permitted"):
                lab.run("director", ["nft", "delete", *table])
            assert capture_rules(lab) == rules
        else:
            lab.run("director", ["nft", "delete", *table])
            daemon.await_log("restored", start=mark, timeout=1.0)
            wait_for(lambda: capture_rules(lab) == rules, "the capture rules", timeout=1.0)
            mark = len(daemon.log())
    works(lab)
    if "create lvsd-" in rules:  # sets of ipset, which have no owner
        lab.run("director", ["ipset", "flush"])
        daemon.await_log("restored", start=mark, timeout=1.0)
        wait_for(lambda: capture_rules(lab) == rules, "the sets' members", timeout=1.0)
        works(lab)
    daemon.stop()
    assert capture_rules(lab) == ""


def test_connections_outlive_a_flush(lab, lvsd):
    """One download over a flush, through each method: the connection goes on."""
    daemon = lvsd(everything())
    rules = capture_rules(lab)
    with open(lab.path("files", "middling"), "wb") as file:
        file.write(bytes(3_000_000))
    for method in METHODS:
        log = lab.path("flush-curl.log")
        open(log, "w", encoding="ascii").close()
        child = lab.start("client", ["curl", "--silent", "--show-error", "--limit-rate", "2M",
                                     "--max-time", "20", "--output", lab.path("got"),
                                     f"http://{VIP[method]}/files/middling"], log=log)
        wait_for(lambda: "ESTAB" in lab.run("client", ["ss", "-tn"]), "the download to begin")
        assert flush_ruleset(lab, daemon) == owned(rules)
        status = child.wait(20)
        lab.children.remove(child)
        if owned(rules):  # else the host may have reset it meanwhile
            assert status == 0, open(log, encoding="utf-8").read()
    works(lab)


def test_two_daemons_in_two_namespaces(lab, lvsd):
    """Each has its own rules, addresses and run directory. The second one serves rs1's own address."""
    lvsd(everything())
    second = Lvsd(lab, configuration(service("web", "10.0.2.99:80/tcp", "nat", RIPS[1])),
                  space="rs1", name="second")
    with second:
        assert "10.0.2.99" in lab.run("rs1", ["ip", "-o", "addr"])
        works(lab)
    assert "10.0.2.99" not in lab.run("rs1", ["ip", "-o", "addr"])
    works(lab)


def test_a_second_daemon_on_the_same_run_dir_is_refused(lab, lvsd):
    daemon = lvsd(everything())
    rules = capture_rules(lab)
    with pytest.raises(LabError):
        lab.run("director", [daemon.program, "-c", daemon.file, "--run-dir", daemon.run_dir],
                timeout=10)
    assert capture_rules(lab) == rules
    works(lab)


def test_a_broken_file_at_start_is_refused_with_its_place(lab):
    broken = Lvsd(lab, "services:\n  - nmae: web\n", name="broken")
    before = traces(lab)
    with pytest.raises(LabError, match=r"exit status 1\n.*broken\.yaml:2:\d+: "):
        lab.run("director", [broken.program, "-c", broken.file, "--run-dir", broken.run_dir],
                timeout=10)
    assert traces(lab) == before


def test_a_service_of_ipv6_without_ip6tables_is_refused_in_words(lab):
    """And nothing of what did go in stays. A file without IPv6 needs no ip6tables."""
    tools = lab.path("tools-v4")
    os.makedirs(tools)
    for name in ("ip6tables", "ip6tables-restore", "ip6tables-save"):
        tool = os.path.join(tools, name)
        with open(tool, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho 'no such table in this kernel' >&2\nexit 3\n")
        os.chmod(tool, 0o755)
    path = tools + ":" + os.environ["PATH"]
    before = traces(lab)
    capture = {"capture": {"backend": "iptables"}}
    v6 = configuration(service("web6", "[2001:db8:3::100]:80/tcp", "dr", "2001:db8:2::11"),
                       director=capture)
    v4 = configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", *RIPS), director=capture)
    program = os.path.join(build_directory(), "lvsd")
    run_dir = lab.path("lvsd-v4-run")
    os.makedirs(run_dir)
    for text, refused in ((v6, True), (v4, False)):
        with open(lab.path("v4.yaml"), "w", encoding="utf-8") as file:
            file.write(text)
        child = lab.start("director", [program, "-c", lab.path("v4.yaml"), "--run-dir", run_dir],
                          log=lab.path("v4.log"), env={**os.environ, "PATH": path})
        if refused:
            wait_for(lambda: child.poll() is not None,
                     lambda: "lvsd to end: " + read(lab.path("v4.log")))
            assert "services or destinations of IPv6, and ip6tables cannot" in read(lab.path("v4.log"))
        else:
            wait_for(lambda: "ready:" in read(lab.path("v4.log")), "lvsd to be ready")
            child.terminate()
            child.wait(10)
        lab.children.remove(child)
        assert traces(lab) == before
