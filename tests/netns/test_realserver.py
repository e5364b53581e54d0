# SPDX-License-Identifier: GPL-2.0-or-later
"""From bare hosts to working services with `lvsctl realserver`, and back to bare hosts."""
import json
import os
import shlex
import shutil
import socket

import pytest

import servers
from bare import Bare, Classic, Flat, realserver, snapshot
from daemon import Lvsd, configuration, service
from test_ftp import VSFTPD_CONF
from lab import ADDRESS, ADDRESS6, VIP, VIP6, LabError, wait_for
from traffic import curl

METHODS = ("dr", "tun", "nat")
FLAT_VIP = {"dr": "10.0.2.100", "tun": "10.0.2.101", "nat": "10.0.2.102"}
FLAT_VIP6 = {method: f"fd00:2::{100 + place}" for place, method in enumerate(METHODS)}
FLAT_RIPS, FLAT_RIPS6 = ["10.0.2.11", "10.0.2.12"], ["fd00:2::11", "fd00:2::12"]
HOSTS = ("rs1", "rs2")


def six_services(vips, vips6, rips, rips6):
    return configuration(
        *(service(method, f"{vips[method]}:80/tcp", method, *rips) for method in METHODS),
        *(service(method + "6", f"[{vips6[method]}]:80/tcp", method, *rips6) for method in METHODS))


def fetch(lab, vip):
    host = f"[{vip}]" if ":" in vip else vip
    return sorted(curl(lab, f"http://{host}/").strip() for _ in range(2))


def check_all(lab, text, vips, directors):
    """Apply on each server, serve, check, undo, compare."""
    before = {host: snapshot(lab, host) for host in HOSTS}
    with Lvsd(lab, text) as lvsd:
        words = ["-c", lvsd.file, *(word for one in directors for word in ("--director", one))]
        for host in HOSTS:
            servers.start_nginx(lab, host)
            with pytest.raises(LabError, match="exit status 1\n"):
                realserver(lab, host, "check", *words)
            realserver(lab, host, "apply", *words)
            assert "MISSING" not in realserver(lab, host, "check", *words)
            assert "\n0 of " in realserver(lab, host, "apply", *words), "a second time there is nothing to do"
            if not os.path.exists("/sys/module/ipip"):  # tunl0 would do it
                assert len(decapsulators(lab, host)) == 1
        for vip in vips:
            assert fetch(lab, vip) == ["rs1", "rs2"], vip
    for host in HOSTS:
        assert snapshot(lab, host) != before[host]
        realserver(lab, host, "undo")
        assert snapshot(lab, host) == before[host]
        assert "nothing was done" in realserver(lab, host, "undo")


def test_bare_hosts_behind_a_router():
    """The servers have another gateway: what NAT answers is routed apart."""
    with Bare() as lab:
        check_all(lab, six_services(VIP, VIP6, [ADDRESS[h] for h in HOSTS], [ADDRESS6[h] for h in HOSTS]),
                  [*VIP.values(), *VIP6.values()], [ADDRESS["director"], ADDRESS6["director"]])


def test_one_network_for_all():
    """Client, director and servers on one network, for each method."""
    with Flat() as lab:
        check_all(lab, six_services(FLAT_VIP, FLAT_VIP6, FLAT_RIPS, FLAT_RIPS6),
                  [*FLAT_VIP.values(), *FLAT_VIP6.values()], ["10.0.2.1", "fd00:2::1"])


@pytest.fixture(scope="module")
def classic():
    with Classic() as lab:
        for host in HOSTS:
            servers.start_nginx(lab, host)
        yield lab


def test_nat_between_two_networks(classic):
    """HTTP and FTP: client 202.100.1.2, VIP 202.103.106.5, servers 172.16.0.2 and .3, which have no
    default route until they get one through the director."""
    lab, rips = classic, ("172.16.0.2", "172.16.0.3")
    for host in HOSTS:
        start_ftp(lab, host)
        assert "default" not in lab.run(host, ["ip", "route"])
    text = configuration(service("http", "202.103.106.5:80/tcp", "nat", *rips),
                         service("ftp", "202.103.106.5:21/tcp", "nat", *rips))
    with Lvsd(lab, text) as lvsd:
        for host in HOSTS:
            realserver(lab, host, "apply", "-c", lvsd.file, "--director", "172.16.0.1")
            assert "default via 172.16.0.1 dev eth0" in lab.run(host, ["ip", "route"])
        assert fetch(lab, "202.103.106.5") == ["rs1", "rs2"]
        for mode in ("--ftp-pasv", "--ftp-port", "--disable-epsv"):
            words = [mode, "-"] if mode == "--ftp-port" else [mode]
            served = {curl(lab, "ftp://202.103.106.5/name", *words).strip() for _ in range(2)}
            assert served == {"rs1", "rs2"}, mode
    for host in HOSTS:
        realserver(lab, host, "undo")
        assert "default" not in lab.run(host, ["ip", "route"])


def start_ftp(lab, host):
    home, empty = lab.path(f"{host}-ftp"), lab.path("empty")
    os.makedirs(home)
    os.makedirs(empty, exist_ok=True)
    with open(os.path.join(home, "name"), "w", encoding="ascii") as file:
        file.write(host + "\n")
    conf, log = lab.path(f"{host}-vsftpd.conf"), lab.path(f"{host}-vsftpd.log")
    with open(conf, "w", encoding="ascii") as file:
        file.write(VSFTPD_CONF.format(listen="listen", port=21, data_port=20, home=home, empty=empty))
    child = lab.start(host, ["vsftpd", conf], log=log)
    servers.await_listener(lab, host, child, 21, "-t", log)


# ---- the words -----------------------------------------------------------------------------------
def test_a_vip_without_a_file(classic):
    plan = json.loads(realserver(classic, "rs1", "plan", "--vip", "202.103.106.9", "--method", "dr",
                                 "--json"))
    assert plan["version"] == 1
    commands = [step["command"] for step in plan["steps"]]
    assert "ip addr add 202.103.106.9/32 dev lo" in commands
    assert "echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore" in commands
    assert not any(step["done"] for step in plan["steps"])
    assert "202.103.106.9" not in classic.run("rs1", ["ip", "addr"]), "plan does nothing"


@pytest.mark.parametrize("words, message", [
    ([], "it is plan, apply, check or undo"),
    (["plam"], "it is plan, apply, check or undo"),
    (["plan", "--vip", "202.103.106.9"], "--method is dr, tun or nat"),
    (["plan", "--vip", "x", "--method", "dr"], "--vip x: not an IP address"),
    (["plan", "--vip", "202.103.106.9", "--method", "nat"], "--director is missing"),
    (["plan", "--vip", "202.103.106.9", "--method", "tun"], "--director is missing"),
    (["plan", "--vip", "202.103.106.9", "--method", "nat", "--director", "202.103.106.4"],
     "is on no network of this host"),
    (["plan", "--vip", "202.103.106.9", "--method", "dr", "--address", "172.16.0.9"],
     "172.16.0.9 is not an address of this host"),
    (["plan", "--vip", "202.103.106.9", "--method", "dr", "--persist", "cron"],
     "--persist is systemd, networkd or ifupdown"),
    (["plan", "--vip", "202.103.106.9", "--method", "dr", "--port", "http"],
     "--port http: it is 1 to 65535, or any"),
    (["plan", "--vip", "202.103.106.9", "--method", "tun", "--tunnel", "vxlan"],
     "--tunnel vxlan: it is ipip, gre or gue"),
    (["plan", "--vip", "202.103.106.9", "--method", "tun", "--gue-port", "65536"],
     "--gue-port 65536: it is 1 to 65535"),
    (["plan", "--vip", "202.103.106.9", "--method", "tun", "--tunnel", "gre", "--gue-port", "7000"],
     "--gue-port is of --tunnel gue, not of gre"),
    (["plan", "-c", "/does/not/exist"], "/does/not/exist"),
])
def test_mistakes_are_explained(classic, words, message):
    verb, rest = (words[0], words[1:]) if words else ("--help", [])
    output = realserver(classic, "rs1", verb, *rest, check=False)
    assert message in output or (not words and "usage:" in output)


@pytest.mark.parametrize("how, names", [
    ("systemd", ["lvsd-realserver.service"]),
    ("networkd", ["60-lvsd-realserver.conf", "60-lvsd-realserver-lo.network"]),
    ("ifupdown", ["60-lvsd-realserver.conf", "lvsd-realserver"]),
])
def test_files_for_the_next_boot(classic, how, names):
    root = classic.path("root-" + how)
    words = ["--vip", "202.103.106.9", "--method", "dr", "--persist", how, "--root", root]
    output = realserver(classic, "rs2", "apply", *words)
    made = [name for _, _, files in os.walk(root) for name in files]
    assert sorted(made) == sorted(names) and all(name in output for name in names)
    text = "".join(open(os.path.join(where, name), encoding="ascii").read()
                   for where, _, files in os.walk(root) for name in files)
    assert "202.103.106.9" in text
    realserver(classic, "rs2", "undo")
    assert not [name for _, _, files in os.walk(root) for name in files]
    assert "202.103.106.9" not in classic.run("rs2", ["ip", "addr"])


def files_below(root):
    return {name: open(os.path.join(where, name), encoding="ascii").read()
            for where, _, names in os.walk(root) for name in names}


PERSISTED = {
    "dr": ["--method", "dr", "--address", "172.16.0.3"],
    "tun": ["--method", "tun", "--decap", "lvsd", "--director", "172.16.0.1"],
    "nat": ["--method", "nat", "--port", "80", "--director", "172.16.0.1"],
}
FOUND = {  # in the files, for each of two addresses (nat: for the host)
    ("dr", "systemd"): "--vip {}", ("dr", "networkd"): "Address={}/32",
    ("dr", "ifupdown"): "addr add {}/32 dev lo",
    ("nat", "ifupdown"): "route add default via 172.16.0.1 dev eth0",
}


@pytest.mark.parametrize("how", ["systemd", "networkd", "ifupdown"])
@pytest.mark.parametrize("method", METHODS)
def test_files_hold_what_was_there_already(classic, method, how):
    """And what other runs have applied: the same files, however often, and in which order."""
    root = classic.path(f"root-again-{method}-{how}")
    vips = ["202.103.106.9", "202.103.106.10"]
    mark = FOUND.get((method, how), "--vip {}")

    def apply(vip, *persist):
        realserver(classic, "rs2", "apply", "--vip", vip, *PERSISTED[method], *persist)
        return files_below(root)

    if method == "dr":
        classic.ip("rs2", *(f"addr add {vip}/32 dev eth0" for vip in reversed(vips)))
    keep = ["--persist", how, "--root", root]
    before = snapshot(classic, "rs2")
    once = apply(vips[0], *keep)
    text = "".join(once.values())
    assert mark.format(vips[0]) in text
    if (method, how) == ("dr", "ifupdown"):
        assert f"addr del {vips[0]}/32 dev eth0" in text
    assert apply(vips[0], *keep) == once
    assert apply(vips[0]) == once
    both = apply(vips[1], *keep)
    assert apply(vips[0], *keep) == both, "nothing is lost"
    realserver(classic, "rs2", "undo")
    assert not files_below(root) and snapshot(classic, "rs2") == before

    assert not apply(vips[0])
    assert apply(vips[0], *keep) == once
    realserver(classic, "rs2", "undo")
    assert not files_below(root)

    assert not apply(vips[0])
    assert apply(vips[1], *keep) == both
    text = "".join(both.values())
    assert all(mark.format(vip) in text for vip in vips)
    realserver(classic, "rs2", "undo")
    assert not files_below(root) and snapshot(classic, "rs2") == before
    if method == "dr":
        classic.ip("rs2", *(f"addr del {vip}/32 dev eth0" for vip in vips))


def test_files_hold_a_move_after_a_reboot(classic):
    """The script of ifupdown has taken the address away by then, and nothing on the host tells it."""
    root, state = classic.path("root-moved"), classic.path("rs2-realserver", "state.json")
    classic.ip("rs2", "addr add 202.103.106.9/32 dev eth0")
    before = snapshot(classic, "rs2")
    words = ["--vip", "202.103.106.9", *PERSISTED["dr"], "--persist", "ifupdown", "--root", root]
    realserver(classic, "rs2", "apply", *words)
    once, done = files_below(root), servers.read(state)
    assert "addr del 202.103.106.9/32 dev eth0" in once["lvsd-realserver"]
    os.unlink(state)
    realserver(classic, "rs2", "apply", *words)
    assert files_below(root) == once
    with open(state, "w", encoding="ascii") as file:
        file.write(done)
    realserver(classic, "rs2", "undo")
    assert not files_below(root) and snapshot(classic, "rs2") == before
    classic.ip("rs2", "addr del 202.103.106.9/32 dev eth0")


def test_files_of_another_way_take_the_place_of_the_first(classic):
    """A unit for the decapsulator alone would start it twice beside one that applies all."""
    root, before = classic.path("root-replaced"), snapshot(classic, "rs2")
    keep = ["--persist", "networkd", "--root", root]
    realserver(classic, "rs2", "apply", *TUNNEL, *keep)
    assert "lvsd-decap-realserver.service" in files_below(root)
    output = realserver(classic, "rs2", "apply", "--vip", "202.103.106.10", *PERSISTED["nat"], *keep)
    assert "lvsd-decap-realserver.service goes" in output
    files = files_below(root)
    assert "lvsd-decap-realserver.service" not in files
    assert files["lvsd-realserver.service"].count("ExecStart=") == 2
    realserver(classic, "rs2", "apply", *TUNNEL, "--persist", "systemd", "--root", root)
    assert list(files_below(root)) == ["lvsd-realserver.service"]
    assert files_below(root) == {"lvsd-realserver.service": files["lvsd-realserver.service"]}
    realserver(classic, "rs2", "undo")
    assert not files_below(root) and snapshot(classic, "rs2") == before


def test_files_are_undone_after_a_reboot(classic):
    """What is in /run is gone then, and `apply` at boot has begun it anew."""
    root = classic.path("root-rebooted")
    words = ["--vip", "202.103.106.9", "--method", "dr"]
    state = classic.path("rs2-realserver", "state.json")
    before = snapshot(classic, "rs2")
    for begun_anew in (False, True):
        realserver(classic, "rs2", "apply", *words, "--persist", "systemd", "--root", root)
        done = servers.read(state)
        os.unlink(state)
        if begun_anew:
            classic.ip("rs2", "addr del 202.103.106.9/32 dev lo")
            realserver(classic, "rs2", "apply", *words)
        output = realserver(classic, "rs2", "undo")
        assert not files_below(root) and "lvsd-realserver.service" in output
        assert ("stays until the next" in output) != begun_anew
        with open(state, "w", encoding="ascii") as file:
            file.write(done)
        realserver(classic, "rs2", "undo")
        assert snapshot(classic, "rs2") == before


@pytest.mark.parametrize("attached", [False, True])
def test_the_unit_runs_the_same_command(classic, attached):
    """Options in each way to write them, relative paths, and characters that systemd reads."""
    home = classic.path("home of $me 100%")
    os.makedirs(home, exist_ok=True)
    with open(os.path.join(home, "lvsd.yaml"), "w", encoding="ascii") as file:
        file.write(configuration(service("web", "202.103.106.9:80/tcp", "dr", "172.16.0.3")))
    words = (["-clvsd.yaml", "--persist=systemd", "--root=root", "--decap=auto"] if attached else
             ["--config", "lvsd.yaml", "--persist", "systemd", "--root", "root", "--decap", "auto"])
    program = os.path.join(servers.build_directory(), "lvsctl")
    script = f"cd '{home}' && exec '{program}' realserver \"$@\""
    classic.run("rs2", ["sh", "-c", script, "sh", "apply", *words, "--state=state.json"])
    lines = files_below(os.path.join(home, "root"))["lvsd-realserver.service"].splitlines()
    command = [line for line in lines if line.startswith("ExecStart=")][0].split("=", 1)[1]
    again = [word.replace("$$", "$").replace("%%", "%") for word in shlex.split(command)]
    assert again == [os.path.realpath(program), "realserver", "apply",
                     "--config", os.path.join(home, "lvsd.yaml"),
                     "--state", os.path.join(home, "state.json"), "--decap", "auto"]
    assert "\n0 of " in "\n" + classic.run("rs2", again), "it is understood, and all is done"
    classic.run("rs2", ["sh", "-c", script, "sh", "undo", "--state=state.json"])
    assert not files_below(os.path.join(home, "root"))


def test_ifup_does_it_all(classic):
    """The script, called for each interface as ifup calls it, once more than needed."""
    root = classic.path("root-ifup")
    before = snapshot(classic, "rs2")
    words = ["--vip", "202.103.106.9", "--method", "nat", "--port", "80", "--director",
             "172.16.0.1", "--clients", "172.16.0.0/24"]
    realserver(classic, "rs2", "apply", *words, "--persist", "ifupdown", "--root", root)
    applied = snapshot(classic, "rs2")[1]
    copy = classic.path("hook")
    shutil.copy(os.path.join(root, "etc/network/if-up.d/lvsd-realserver"), copy)
    realserver(classic, "rs2", "undo")
    assert snapshot(classic, "rs2") == before
    for interface in ("lo", "eth0", "lo", "eth0", "--all"):
        classic.run("rs2", ["env", "IFACE=" + interface, copy])
    assert snapshot(classic, "rs2")[1] == applied != before[1]
    classic.ip("rs2", "route flush table 4201")
    classic.run("rs2", ["ip", "rule", "del", "pref", "4000"])
    assert snapshot(classic, "rs2") == before


TUNNEL = ["--vip", "202.103.106.9", "--method", "tun", "--decap", "lvsd", "--director", "172.16.0.1"]


def decapsulators(lab, host):
    """Command lines of those that run on this host."""
    program = os.path.realpath(os.path.join(servers.build_directory(), "lvsd-decap"))
    pids = lab.run(host, ["ip", "netns", "pids", lab.namespace(host)]).split()
    lines = [servers.read(f"/proc/{pid}/cmdline").split("\0")[:-1] for pid in pids
             if os.path.exists(f"/proc/{pid}/cmdline")]
    return [line for line in lines if line and os.path.realpath(line[0]) == program]


def test_the_earlier_decapsulator_goes_on_where_the_new_one_fails(classic):
    realserver(classic, "rs2", "apply", *TUNNEL)
    before = decapsulators(classic, "rs2")
    assert len(before) == 1
    taken = classic.socket("rs2", socket.AF_INET, socket.SOCK_DGRAM, 0)
    taken.bind(("0.0.0.0", 6080))
    output = realserver(classic, "rs2", "apply", *TUNNEL, "--tunnel", "gue", check=False)
    assert "the one before runs again" in output
    assert decapsulators(classic, "rs2") == before
    taken.close()
    realserver(classic, "rs2", "apply", *TUNNEL, "--tunnel", "gue")
    assert "6080" in decapsulators(classic, "rs2")[0]
    realserver(classic, "rs2", "undo")
    assert not decapsulators(classic, "rs2")


def test_a_decapsulator_of_a_unit_is_not_started_twice(classic):
    before = snapshot(classic, "rs2")
    realserver(classic, "rs2", "apply", *TUNNEL)
    line = decapsulators(classic, "rs2")[0]
    realserver(classic, "rs2", "undo")
    at = line.index("--detach")
    child = classic.start("rs2", line[:at] + line[at + 2:], log=classic.path("decap.log"))
    wait_for(lambda: "lvsd-tun" in classic.run("rs2", ["ip", "link"]), "its device")
    output = realserver(classic, "rs2", "apply", *TUNNEL)
    assert "lvsd-decap" not in output and len(decapsulators(classic, "rs2")) == 1
    realserver(classic, "rs2", "undo")
    assert len(decapsulators(classic, "rs2")) == 1, "it is not ours to end"
    child.terminate()
    child.wait(10)
    wait_for(lambda: snapshot(classic, "rs2") == before, "its end")


NOBODY_WAITS = """
import ctypes, subprocess, sys
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER
for verb, *words in (["apply"] + sys.argv[3:], ["undo"]):
    subprocess.run([sys.argv[1], "realserver", verb, *words, "--state", sys.argv[2]], check=True)
"""


def test_a_decapsulator_that_nobody_waits_for_has_ended(classic):
    """As in a container whose first process does not wait for children that are not its own."""
    program = os.path.join(servers.build_directory(), "lvsctl")
    output = classic.run("rs2", ["python3", "-c", NOBODY_WAITS, program,
                                 classic.path("rs2-unreaped.json"), *TUNNEL])
    assert "undone   " in output and not decapsulators(classic, "rs2")


NETWORKD = "/lib/systemd/systemd-networkd"
# With mounts of its own: nothing of this machine's /etc and /run is seen or touched. A /sys that is
# read-only tells it not to wait for udev.
RUN_NETWORKD = """
set -e
mount --make-rprivate /
mount -t tmpfs none /run
mkdir -p /run/systemd/netif /etc/systemd/network
mount -t tmpfs none /etc/systemd/network
cp {files}/* /etc/systemd/network/
chmod -R a+rX /run /etc/systemd/network
mount -o remount,bind,ro /sys
timeout 30 {networkd} & networkd=$!
for _ in $(seq 100); do
  if [ "$(ip -o addr show dev lo | grep -c -F -e {v4} -e {v6})" = 2 ]; then break; fi
  sleep 0.1
done
kill $networkd
ip -o addr show dev lo
"""


@pytest.mark.skipif(not os.access(NETWORKD, os.X_OK), reason="systemd-networkd is not installed")
def test_networkd_takes_its_files(classic):
    vips = ["202.103.106.9", "fd00:9::9"]
    root = classic.path("root-taken")
    classic.ip("rs2", "addr add fd00:9::2/64 dev eth0 nodad")
    realserver(classic, "rs2", "apply", "--vip", vips[0], "--vip", vips[1], "--method", "dr",
               "--persist", "networkd", "--root", root)
    for vip, length in zip(vips, (32, 128)):
        classic.ip("rs2", f"addr del {vip}/{length} dev lo")  # as after a reboot
    script = RUN_NETWORKD.format(files=os.path.join(root, "etc/systemd/network"),
                                 networkd=NETWORKD, v4=vips[0] + "/32", v6=vips[1] + "/128")
    held = classic.run("rs2", ["unshare", "-m", "bash", "-c", script])
    assert " 127.0.0.1/8 " in held and all(vip in held for vip in vips), held
    realserver(classic, "rs2", "undo")
    classic.ip("rs2", "addr del fd00:9::2/64 dev eth0")


def test_undo_is_not_put_off_by_other_hands(classic):
    """A record that is no record; an address that somebody else has taken away already."""
    before = snapshot(classic, "rs1")
    state = classic.path("rs1-realserver", "state.json")
    os.makedirs(os.path.dirname(state), exist_ok=True)
    with open(state, "w", encoding="ascii") as file:
        file.write("{nonsense")
    assert "state.json" in realserver(classic, "rs1", "undo", check=False)
    os.unlink(state)
    realserver(classic, "rs1", "apply", "--vip", "202.103.106.9", "--method", "dr")
    classic.ip("rs1", "addr del 202.103.106.9/32 dev lo")
    realserver(classic, "rs1", "undo")
    assert snapshot(classic, "rs1") == before


def test_undo_goes_on_past_what_cannot_be_undone(classic):
    """An address that is there again is no failure; where a step fails, all others are undone."""
    classic.ip("rs1", "addr add 202.103.106.9/32 dev eth0")
    before = snapshot(classic, "rs1")
    words = ["--vip", "202.103.106.9", "--method", "dr", "--address", "172.16.0.2"]
    realserver(classic, "rs1", "apply", *words)
    classic.ip("rs1", "addr add 202.103.106.9/32 dev eth0")
    realserver(classic, "rs1", "undo")
    assert snapshot(classic, "rs1") == before

    realserver(classic, "rs1", "apply", *words)
    state = classic.path("rs1-realserver", "state.json")
    with open(state, encoding="ascii") as file:
        done = json.load(file)
    done["steps"].append(dict(done["steps"][-1], kind="command", undo=["ip", "no-such-object"]))
    with open(state, "w", encoding="ascii") as file:
        json.dump(done, file)
    output = realserver(classic, "rs1", "undo", check=False)
    assert "no-such-object" in output and f"not undone: 1 step stays in {state}" in output
    assert snapshot(classic, "rs1") == before
    os.unlink(state)
    classic.ip("rs1", "addr del 202.103.106.9/32 dev eth0")


def test_a_vip_on_a_network_interface_is_moved(classic):
    classic.ip("rs1", "addr add 202.103.106.9/32 dev eth0")
    before = snapshot(classic, "rs1")
    realserver(classic, "rs1", "apply", "--vip", "202.103.106.9", "--method", "dr", "--address",
               "172.16.0.2")
    held = classic.run("rs1", ["ip", "-o", "addr"])
    assert [line for line in held.splitlines() if "202.103.106.9" in line][0].split()[1] == "lo"
    realserver(classic, "rs1", "undo")
    assert snapshot(classic, "rs1") == before
    classic.ip("rs1", "addr del 202.103.106.9/32 dev eth0")
    wait_for(lambda: "202.103.106.9" not in classic.run("rs1", ["ip", "addr"]), "its end")
