# SPDX-License-Identifier: GPL-2.0-or-later
"""From bare hosts to working services with `lvsctl realserver`, and back to bare hosts."""
import json
import os

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
