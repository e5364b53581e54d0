# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said of a server that its checks call down, and what becomes of its connections."""
import json
import socket
from contextlib import contextmanager

import pytest

from checking import await_states, weights
from daemon import configuration, service
from lab import ADDRESS, SERVERS, VIP, wait_for

RS = [ADDRESS[name] for name in SERVERS]
CHECK = {"type": "tcp", "interval": "300ms", "timeout": "200ms", "fall": 2, "damping": "off"}
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def checked(**more):
    return configuration(service("web", f"{VIP['dr']}:80/tcp", "dr", *RS, health={**CHECK, **more}))


@contextmanager
def deaf(lab, server):
    """It takes no new connections; those that it has go on."""
    rule = ["INPUT", "-p", "tcp", "--syn", "--dport", "80", "-j", "DROP"]
    lab.run(server, ["iptables", "-w", "-I", *rule])
    try:
        yield
    finally:
        lab.run(server, ["iptables", "-w", "-D", *rule])


def connected_to(lab, server):
    """A connection that stays, and is that server's."""
    while True:
        client = lab.socket("client", socket.AF_INET, socket.SOCK_STREAM)
        client.settimeout(5)
        client.connect((VIP["dr"], 80))
        client.sendall(REQUEST)
        if server.encode() in client.recv(4096):
            return client
        client.close()


@pytest.mark.parametrize("action", ("quiesce", "reset"))
def test_its_connections_go_on_or_are_reset(lab, lvsd, action):
    daemon = lvsd(checked(on_failure=action))
    await_states(daemon, ("up", "up", "up"))
    wait_for(lambda: weights(daemon) == [1, 1, 1], "weights")
    with connected_to(lab, "rs1") as his, connected_to(lab, "rs2") as other, deaf(lab, "rs1"):
        await_states(daemon, ("down", "up", "up"))
        wait_for(lambda: weights(daemon) == [0, 1, 1], "weights")
        other.sendall(REQUEST)
        assert b"rs2" in other.recv(4096)
        if action == "quiesce":
            his.sendall(REQUEST)
            assert b"rs1" in his.recv(4096)
        else:
            with pytest.raises(ConnectionResetError):
                his.sendall(REQUEST)
                his.recv(4096)
            wait_for(lambda: ":80" not in lab.run("rs1", ["ss", "-Htn", "state", "established",
                                                          "sport", "=", ":80"]), "rs1's end to go")
    await_states(daemon, ("up", "up", "up"))


def samples(lab, name):
    """By remote address, of those whose labels hold it."""
    text = lab.run("director", ["curl", "-sS", "--fail", "http://127.0.0.1:9811/metrics"])
    lines = [line for line in text.splitlines() if line.startswith(name + "{")]
    return {line.split('remote_address="')[1].split('"')[0]: float(line.rsplit(" ", 1)[1])
            for line in lines if 'result="success"' not in line}


def test_it_is_said_everywhere(lab, lvsd):
    daemon = lvsd(checked(), options=["--metrics", "--log-target", "json"])
    await_states(daemon, ("up", "up", "up"))
    wait_for(lambda: weights(daemon) == [1, 1, 1], "weights")
    assert "health          3 up, 0 down\n" in daemon.ctl("status")
    assert "down" not in daemon.ctl("list") and "checking" not in daemon.ctl("list")
    with deaf(lab, "rs2"):
        await_states(daemon, ("up", "down", "up"))
        wait_for(lambda: weights(daemon) == [1, 0, 1], "weights")
        line, = (one for one in daemon.ctl("list").splitlines() if RS[1] in one)
        assert line.split()[-1] == "down"
        listed, = daemon.ctl_json("list")["services"]
        assert [one["health"] for one in listed["destinations"]] == ["up", "down", "up"]
        status = daemon.ctl_json("status")["status"]["health"]
        assert status == {"up": 2, "down": 1, "checking": 0, "quorum_lost": [], "panic": []}
        said = daemon.ctl("explain", "tcp", "10.1.0.1:4000", f"{VIP['dr']}:80")
        assert "its checks say that it is down" in said, said
        assert samples(lab, "lvsd_backend_up") == {RS[0]: 1, RS[1]: 0, RS[2]: 1}
        assert samples(lab, "lvsd_backend_checks_total")[RS[1]] >= 2
        assert samples(lab, "lvsd_backend_check_duration_seconds")[RS[1]] >= 0.15
        assert samples(lab, "lvsd_backend_certificate_expiry_timestamp_seconds") == {}
    entry, = (one for one in map(json.loads, daemon.log().splitlines())
              if one.get("event") == "health" and one.get("reason") == "down")
    assert (entry["service"], entry["destination"]) == ("web", f"{RS[1]}:80")
    assert "2nd of 2" in entry["message"]
