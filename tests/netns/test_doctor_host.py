# SPDX-License-Identifier: GPL-2.0-or-later
"""lvsctl doctor: the director's own firewall, rules, queues and tables, and what the report says of
them."""
import json
import os
import subprocess
import time
from contextlib import contextmanager

import pytest

import servers
from bare import Small
from daemon import Lvsd, configuration, service
from doctoring import doctor, examine, names
from lab import wait_for

VIP = "10.0.2.100"


class One(Small):
    """A network for all: a server with direct routing, which is right."""
    LINKS = (("director", "eth0", "lan", ("10.0.2.1/24", "fd00:2::1/64")),
             ("rs1", "eth0", "lan", ("10.0.2.11/24", "fd00:2::11/64")))

    def __init__(self):
        super().__init__()
        try:
            servers.start_nginx(self, "rs1")
            self.ip("rs1", f"addr add {VIP}/32 dev lo")
            for scope in ("all", "eth0"):
                self.sysctl("rs1", f"net/ipv4/conf/{scope}/arp_ignore", 1)
                self.sysctl("rs1", f"net/ipv4/conf/{scope}/arp_announce", 2)
            self.daemon = Lvsd(self, text_of())
        except BaseException:
            self.close()
            raise


def text_of(method="dr", more=(), **capture):
    return configuration(service("web", f"{VIP}:80/tcp", method, "10.0.2.11"), *more,
                         director={"capture": capture} if capture else None)


@pytest.fixture(scope="module")
def one():
    with One() as made:
        yield made


@contextmanager
def running(one, **capture):
    one.daemon.write(text_of(**capture))
    one.daemon.start()
    try:
        yield
    finally:
        one.daemon.stop()


@contextmanager
def nft(one, rules, family="inet"):
    """`rules`: the inside of a table."""
    one.run("director", ["nft", "-f", "-"], stdin=f"table {family} fw {{\n{rules}\n}}\n")
    try:
        yield
    finally:
        one.run("director", ["nft", "delete", "table", family, "fw"])


def chain(hook, priority, policy, *rules):
    return "\n".join(["chain here {", f"type filter hook {hook} priority {priority}; policy {policy};", *rules, "}"])


FIREWALL = ("iif lo accept", "ct state vmap { established : accept, related : accept, invalid : drop }",
            "tcp dport 22 accept", "icmp type echo-request accept")
OPENED = (f"ip daddr {VIP} tcp dport 80 accept",)
SET = "set some {\ntype ipv4_addr\nelements = { 10.0.2.99, %s }\n}\n"


@pytest.mark.parametrize("stage, rules, shadowed", [
    ("late", chain("input", 0, "drop", *FIREWALL), True),
    ("late", chain("input", 0, "drop"), True),
    ("late", chain("input", 0, "drop", *FIREWALL, *OPENED), False),
    ("late", chain("input", 0, "drop", *FIREWALL, 'iifname "eth0" tcp dport { 80, 443 } accept'), False),
    ("late", chain("input", 0, "drop", *FIREWALL, "ct state new tcp dport 80 accept"), False),
    ("late", "chain zone {\ntcp dport 80 accept\n}\n" + chain("input", 0, "drop", "jump zone"), False),
    ("late", "chain zone {\ntcp dport 81 accept\n}\n" + chain("input", 0, "drop", "jump zone"), True),
    ("early", chain("input", 0, "drop", *FIREWALL), False),
    ("early", chain("prerouting", -400, "drop", "tcp dport 22 accept"), True),
    ("early", chain("prerouting", -400, "drop", "tcp dport 22 accept", *OPENED), False),
    ("early", SET % VIP + chain("prerouting", -400, "accept", "ip daddr @some drop"), True),
    ("early", SET % "10.0.2.98" + chain("prerouting", -400, "accept", "ip daddr @some drop"), False),
    ("early", SET % VIP + chain("prerouting", -400, "accept", "ip saddr @some drop"), False),
])
def test_a_chain_that_drops_by_policy_or_set(one, stage, rules, shadowed):
    with running(one, stage=stage), nft(one, rules):
        report = examine(one)
        assert names(report) == ({"rules-shadowed"} if shadowed else set()), report["findings"]
        assert [row["result"] for row in report["destinations"]] == ["fault" if shadowed else "ok"]
        if shadowed:
            assert "chain here" in report["findings"][0]["evidence"]
            assert report["findings"][0]["services"] == ["web"]


def test_a_policy_of_iptables(one):
    with running(one, stage="late"):
        one.run("director", ["iptables", "-P", "INPUT", "DROP"])
        try:
            assert names(examine(one), "fault") == {"rules-shadowed"}
            one.run("director", ["iptables", "-A", "INPUT", "-d", VIP, "-p", "tcp", "--dport", "80", "-j", "ACCEPT"])
            assert names(examine(one)) == set()
        finally:
            one.run("director", ["iptables", "-P", "INPUT", "ACCEPT"])
            one.run("director", ["iptables", "-F", "INPUT"])


def hidden(*programs):
    """A command that runs another one where these cannot be run."""
    lines = [f"mount --bind /dev/null $(readlink -f $(command -v {program}));" for program in programs]
    return ["unshare", "-m", "sh", "-c", " ".join(lines) + ' exec "$@"', "sh"]


def test_rules_without_nft(one):
    """lvsd watches its own, and says so."""
    with running(one):
        assert names(examine(one, before=hidden("nft"))) == set()


def test_rules_that_no_tool_shows(one):
    with running(one, backend="manual"):
        report = examine(one, before=hidden("nft"))
        assert names(report, "cannot tell") == names(report) == {"rules-missing"}, report
        assert [row["result"] for row in report["destinations"]] == ["cannot tell"]
        status, text = doctor(one, before=hidden("nft"))
        assert status == 0 and text.splitlines()[-1] == "0 faults, 1 cannot be told", text
        queue_rule(one, "-A", 80, 0)
        try:
            assert names(examine(one, before=hidden("nft"))) == set()
        finally:
            queue_rule(one, "-D", 80, 0)


def queue_rule(one, verb, port, number):
    one.run("director", ["iptables", "-t", "mangle", verb, "PREROUTING", "-p", "tcp", "--dport", str(port),
                         "-j", "NFQUEUE", "--queue-num", str(number), "--queue-bypass"])


@pytest.mark.parametrize("port, number, captures", [(80, 0, True), (8443, 77, False), (80, 77, False), (81, 0, False)])
def test_rules_that_somebody_wrote(one, port, number, captures):
    """With backend manual: only those to a queue of lvsd's count, and for their service alone."""
    with running(one, backend="manual"):
        queue_rule(one, "-A", port, number)
        try:
            report = examine(one)
            assert names(report) == (set() if captures else {"rules-missing"}), report["findings"]
            assert [row["result"] for row in report["destinations"]] == ["ok" if captures else "fault"]
        finally:
            queue_rule(one, "-D", port, number)


def test_the_rules_of_the_file_cover_all_services(one):
    one.daemon.write(text_of(backend="manual", more=[service("other", "10.0.2.101:81/tcp", "nat", "10.0.2.11")]))
    one.daemon.start()
    queue_rule(one, "-A", 80, 0)
    try:
        missing = [line for line in examine(one)["findings"] if line["name"] == "rules-missing"]
        assert [line["services"] for line in missing] == [["other"]]
    finally:
        queue_rule(one, "-D", 80, 0)
        one.daemon.stop()


def test_a_queue_that_nobody_reads(one, tmp_path):
    """The file names another one than the daemon, which was not restarted, has."""
    with running(one):
        changed = tmp_path / "lvsd.yaml"
        changed.write_text(text_of(queue=40))
        status, text = doctor(one, "--json", "-c", str(changed))
        report = json.loads(text)
        assert status == 1 and names(report) == {"queue-unread"}, report
        assert [row["result"] for row in report["destinations"]] == ["fault"]


def test_a_link_without_carrier(one):
    with running(one):
        port = one.run("fabric", ["sh", "-c", "ip -br link show master lan | head -1"]).split("@")[0]
        one.ip("fabric", f"link set {port} down")
        try:
            wait_for(lambda: "NO-CARRIER" in one.run("director", ["ip", "link", "show", "eth0"]), "no carrier")
            assert names(examine(one)) == {"link-down"}
        finally:
            one.ip("fabric", f"link set {port} up")
            wait_for(lambda: "NO-CARRIER" not in one.run("director", ["ip", "link", "show", "eth0"]), "a carrier")
            time.sleep(0.5)
        assert names(examine(one)) == set()


def test_a_neighbour_table_that_is_full(one, tmp_path):
    """Its limit and its statistics are the whole machine's, so that a laboratory has neither: doctor
    is shown others."""
    (tmp_path / "default").mkdir()
    (tmp_path / "net" / "stat").mkdir(parents=True)
    (tmp_path / "net" / "netfilter").mkdir()

    def seen(entries):
        (tmp_path / "default" / "gc_thresh3").write_text("1024\n")
        (tmp_path / "net" / "stat" / "arp_cache").write_text(f"entries allocs\n{entries:08x} 00000001\n")
        return ["unshare", "-m", "sh", "-c",
                f"cp /proc/net/netlink {tmp_path}/net; "
                f"cp /proc/net/netfilter/nfnetlink_queue {tmp_path}/net/netfilter; "
                f"mount --bind {tmp_path} /proc/sys/net/ipv4/neigh; "
                f'mount --bind {tmp_path}/net /proc/$$/net; exec "$@"', "sh"]

    with running(one):
        report = examine(one, before=seen(950))
        assert names(report) == {"neighbor-table-full"}, report["findings"]
        assert "950 entries" in report["findings"][0]["evidence"]
        assert "net.ipv4.neigh.default.gc_thresh3=4096" in report["findings"][0]["remedy"]
        assert names(examine(one, before=seen(900))) == set()


def test_redirects_of_ipv6_are_no_matter(one):
    """lvsd drops them (test_hygiene.py)."""
    one.daemon.write(configuration(service("six", "[fd00:2::100]:80/tcp", "nat", "fd00:2::11")))
    one.daemon.start()
    one.sysctl("director", "net/ipv6/conf/all/forwarding", 1)
    one.ip("rs1", "route add default via fd00:2::1")
    try:
        report = examine(one)
        assert names(report, "note") == {"ip-forward"}, report["findings"]
    finally:
        one.sysctl("director", "net/ipv6/conf/all/forwarding", 0)
        one.ip("rs1", "route del default via fd00:2::1")
        one.daemon.stop()


# ---- the report ------------------------------------------------------------------------------------
def test_the_file_of_a_daemon_that_was_started_beside_it(one):
    """Doctor runs elsewhere, and reads the same one."""
    one.daemon.write(text_of())
    directory, name = os.path.split(one.daemon.file)
    process = subprocess.Popen(one.command("director", [os.path.join(servers.build_directory(), "lvsd"), "-c", name,
                                                        "--run-dir", one.daemon.run_dir]),
                               cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: os.path.exists(os.path.join(one.daemon.run_dir, "lvsd.sock")), "the daemon")
        time.sleep(0.5)
        status, text = doctor(one)
        assert status == 0 and text.splitlines()[-1] == "0 faults", text
    finally:
        process.terminate()
        process.wait()


def test_exit_statuses(one):
    with running(one):
        assert doctor(one)[0] == 0
        one.ip("rs1", f"addr del {VIP}/32 dev lo")
        try:
            assert doctor(one)[0] == doctor(one, "--json")[0] == 1
        finally:
            one.ip("rs1", f"addr add {VIP}/32 dev lo")
        assert doctor(one, "-c", "/does/not/exist")[0] == doctor(one, "--no-such-option")[0] == 2


def test_a_stolen_address_is_in_every_row_that_it_concerns(one):
    with running(one):
        one.sysctl("rs1", "net/ipv4/conf/all/arp_ignore", 0)
        one.sysctl("rs1", "net/ipv4/conf/eth0/arp_ignore", 0)
        try:
            report = examine(one)
            assert names(report) == {"realserver-answers-arp"}
            assert [row["result"] for row in report["destinations"]] == ["fault"]
            assert report["findings"][0]["services"] == ["web"]
        finally:
            one.sysctl("rs1", "net/ipv4/conf/all/arp_ignore", 1)
            one.sysctl("rs1", "net/ipv4/conf/eth0/arp_ignore", 1)
