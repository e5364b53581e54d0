# SPDX-License-Identifier: GPL-2.0-or-later
"""Taking a server out and putting it back: nobody notices before the deadline, and what was changed
outlives reload and restart."""
import json
import os
import socket

from daemon import build_directory, configuration, service
from lab import ADDRESS, VIP, wait_for
from load import Load, under_load
from servers import read
from traffic import curl_many

RS1, RS2 = ADDRESS["rs1"], ADDRESS["rs2"]


def web(*rows):
    return configuration(service("web", f"{VIP['nat']}:80/tcp", "nat", *(rows or (RS1, RS2))),
                         service("other", f"{VIP['dr']}:80/tcp", "dr", RS1, RS2))


def drift(daemon):
    return {(d["service"], d["destination"]): d for d in daemon.ctl_json("drift")["drift"]}


def served(lab, source="10.1.0.1"):
    return curl_many(lab, VIP["nat"], 6, source=source)


def test_a_drain_under_load_fails_nothing_and_ends_at_its_deadline(lab, lvsd):
    daemon = lvsd(web())
    url = f"http://{VIP['nat']}/"
    brief = Load(lab, url, connections=4, new_connections=True, name="brief")
    with under_load(lab, url, connections=8) as lasting:
        daemon.ctl("drain", RS1, "--service", "web", "--deadline", "1h", "--on-deadline", "reset")
        row = drift(daemon)["web", f"{RS1}:80"]
        assert row["open_connections"] > 0 and row["drain"]["on_deadline"] == "reset"
        assert "other" not in [service for service, _ in drift(daemon)]
        daemon.reload()
        assert served(lab) == {"rs2": 6}
    assert lasting[0].report.failed == 0, lasting[0].report.text
    assert lasting[0].report.requests > 100

    # One connection that its client would keep for ever, and a deadline.
    with lab.socket("client", socket.AF_INET, socket.SOCK_STREAM) as idle:
        daemon.ctl("undrain", RS1)
        while True:
            idle.connect((VIP["nat"], 80))
            idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            if b"rs1" in idle.recv(4096):
                break
            idle.close()
            idle = lab.socket("client", socket.AF_INET, socket.SOCK_STREAM)
        daemon.ctl("drain", f"{RS1}:80", "--service", "web", "--deadline", "1s", "--on-deadline",
                   "reset")
        daemon.await_log("the deadline of its drain has passed")
        wait_for(lambda: drift(daemon)["web", f"{RS1}:80"]["drain"]["ended"], "the drain's end")
        before = dropped(daemon)
        idle.settimeout(5)
        try:
            idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert idle.recv(4096) == b"a reset", "the connection went on"
        except ConnectionResetError:
            pass
        assert dropped(daemon) > before
    # The server was told, too: it knows of no connection any more.
    wait_for(lambda: not established(lab, "rs1"), "the server to forget its connections")
    daemon.ctl("drain", RS1, "--service", "web", "--wait")
    report = brief.stop()
    assert report.failed == 0, report.text


def dropped(daemon):
    reasons = daemon.ctl_json("status")["status"]["packets"]["dropped"]
    return sum(r["packets"] for r in reasons if r["reason"] == "drained")


def established(lab, server):
    return lab.run(server, ["ss", "-Htn", "state", "established", "sport", "=", ":80"])


def test_overrides_outlive_reload_and_restart(lab, lvsd):
    daemon = lvsd(web())
    daemon.ctl("drain", RS1, "--service", "web")
    daemon.ctl("weight", RS2, "7", "--service", "web")
    daemon.reload(web((RS1, 5), (RS2, 5)))
    daemon.stop()
    daemon.start()
    rows = drift(daemon)
    assert rows["web", f"{RS2}:80"]["weight"] == 7 and rows["web", f"{RS2}:80"]["file_weight"] == 5
    assert served(lab) == {"rs2": 6}
    text = daemon.ctl("drift")
    assert "weight 7, the file says 5" in text and "drained" in text

    daemon.ctl("weight", RS2, "--reset")
    daemon.ctl("undrain", RS1)
    assert daemon.ctl("drift") == "nothing differs from the file\n"
    assert served(lab, "10.1.0.2") == {"rs1": 3, "rs2": 3}

    daemon.ctl("drain", RS1)
    assert len(drift(daemon)) == 2
    daemon.ctl("reload", "--discard-overrides")
    assert not drift(daemon)
    assert not os.path.exists(os.path.join(daemon.run_dir, "overrides.json"))


def test_a_reload_that_cannot_write_down_what_it_ended_is_not_done(lab, lvsd):
    daemon = lvsd(web())
    daemon.ctl("drain", RS1)
    path = os.path.join(daemon.run_dir, "overrides.json")
    os.rename(path, path + ".kept")
    os.mkdir(path)
    said = daemon.ctl("reload", "--discard-overrides", check=False)
    assert "cannot remove " + path in said and "a restart would find the overrides of before" in said
    assert daemon.ctl_json("status")["status"]["last_reload"]["outcome"] == "incomplete"
    os.rmdir(path)


def test_damaged_state_is_put_aside_and_said(lab, lvsd):
    daemon = lvsd(web())
    daemon.ctl("drain", RS1)
    daemon.stop()
    path = os.path.join(daemon.run_dir, "overrides.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write('{"version": 1, "over')
    daemon.start()
    assert f"{path} is damaged" in daemon.log() and os.path.exists(path + ".damaged")
    assert not drift(daemon)


def test_what_cannot_be_is_said(lab, lvsd):
    file = configuration({**service("web", f"{VIP['nat']}:80/tcp", "nat"),
                          "destinations": [{"address": RS1, "state": "drain"}, {"address": RS2}]})
    daemon = lvsd(file)
    assert served(lab) == {"rs2": 6}
    for words, said in ((["drain", "10.9.9.9"], "no service has a destination 10.9.9.9"),
                        (["drain", RS1, "--service", "x"], "no service called x has"),
                        (["undrain", RS1], "the file says 'state: drain'"),
                        (["drain"], "name the destination"),
                        (["drain", RS1, "--on-deadline", "reset"], "needs a --deadline"),
                        (["weight", RS1, "70000"], "a number from 0 to 65535"),
                        (["weight", RS1], "name a weight, or --reset")):
        assert said in daemon.ctl(*words, check=False), words


def keys_of(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)


def test_every_key_of_the_replies_is_documented(lab, lvsd):
    daemon = lvsd(configuration({**service("web", f"{VIP['nat']}:80/tcp", "nat", RS1, RS2),
                                 "persistence": "300s"},
                                service("far", f"{VIP['tun']}:80/tcp", "tun", RS2)))
    curl_many(lab, VIP["nat"], 2)
    daemon.ctl("drain", RS1, "--deadline", "1h", "--on-deadline", "move")
    daemon.ctl("weight", RS2, "3")
    with open(os.path.join(os.path.dirname(__file__), "../../doc/json.md"),
              encoding="utf-8") as file:
        text = file.read()
    for words in (["list"], ["list", "-c"], ["status"], ["drift"], ["reload"], ["rules"],
                  ["network"]):
        reply = daemon.ctl_json(*words)
        assert reply["version"] == 1 and reply["ok"]
        missing = {key for key in keys_of(reply) if f"`{key}`" not in text and
                   f'"{key}"' not in text}
        assert not missing, (words, missing)


def test_who_waits_for_a_drain_learns_that_it_was_ended(lab, lvsd):
    daemon = lvsd(web())
    with lab.socket("client", socket.AF_INET, socket.SOCK_STREAM) as idle:
        idle.connect((VIP["nat"], 80))
        wait_for(lambda: established(lab, "rs1") + established(lab, "rs2"), "a connection")
        server = RS1 if established(lab, "rs1") else RS2
        words = [os.path.join(build_directory(), "lvsctl"), "drain", server, "--wait", "--json",
                 "--run-dir", daemon.run_dir]
        waiting = lab.start(daemon.space, words, log=lab.path("wait.log"))
        wait_for(lambda: drift(daemon).get(("web", f"{server}:80")), "the drain")
        daemon.ctl("undrain", server)
        assert waiting.wait(10) == 1
        lab.children.remove(waiting)
    said = read(lab.path("wait.log"))
    assert f"{server} is no longer drained" in said
    reply, _, _ = said.partition("lvsctl:")
    assert json.loads(reply)["changed"] == 2


def test_who_waits_for_json_gets_nothing_else(lab, lvsd):
    assert lvsd(web()).ctl_json("drain", RS1, "--wait")["changed"] == 2
