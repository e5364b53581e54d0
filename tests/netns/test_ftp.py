# SPDX-License-Identifier: GPL-2.0-or-later
"""FTP with vsftpd, curl and lftp: active and passive, up and down, compared by hash. Through NAT by
the helper, through DR and TUN by persistence."""
import hashlib
import os
import shutil

import pytest

import servers
from daemon import configuration, service
from lab import ADDRESS, ADDRESS6, VIP, VIP6, Lab, wait_for

SIZE = 3_000_001
PORTS = {"rs1": 21, "rs2": 2121}  # of the servers of IPv4; rs3 serves both versions of IP
CURL_MODES = {"PASV": ["--disable-epsv"], "EPSV": [], "PORT": ["--disable-eprt", "--ftp-port", "-"],
              "EPRT": ["--ftp-port", "-"]}

VSFTPD_CONF = """\
{listen}=YES
listen_port={port}
background=NO
anonymous_enable=YES
no_anon_password=YES
anon_root={home}
write_enable=YES
anon_upload_enable=YES
anon_umask=022
connect_from_port_20=YES
ftp_data_port={data_port}
isolate_network=NO
seccomp_sandbox=NO
xferlog_enable=NO
secure_chroot_dir={empty}
"""


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def start_vsftpd(lab, server, port, listen="listen"):
    home, empty = lab.path(f"{server}-ftp"), lab.path("empty")
    os.makedirs(os.path.join(home, "incoming"))
    os.makedirs(empty, exist_ok=True)
    os.chmod(home, 0o755)
    os.chmod(os.path.join(home, "incoming"), 0o777)
    shutil.copy(lab.path("original"), os.path.join(home, "file"))
    os.chmod(os.path.join(home, "file"), 0o644)
    conf, log = lab.path(f"{server}-vsftpd.conf"), lab.path(f"{server}-vsftpd.log")
    with open(conf, "w", encoding="ascii") as file:
        file.write(VSFTPD_CONF.format(listen=listen, port=port, data_port=port - 1, home=home, empty=empty))
    child = lab.start(server, ["vsftpd", conf], log=log)
    servers.await_listener(lab, server, child, port, "-t", log)


@pytest.fixture(scope="module")
def lab():
    if shutil.which("vsftpd") is None or shutil.which("lftp") is None:
        pytest.skip("vsftpd and lftp are not installed")
    with Lab() as made:
        with open(made.path("original"), "wb") as file:
            file.write(os.urandom(SIZE))
        for server, port in PORTS.items():
            start_vsftpd(made, server, port)
        start_vsftpd(made, "rs3", 21, listen="listen_ipv6")
        for server in ("rs1", "rs3"):
            servers.start_tunnel_end(made, server)
        yield made


def ftp_service(server, **more):
    return configuration(
        service("ftp", f"{VIP['nat']}:21/tcp", "nat", f"{ADDRESS[server]}:{PORTS[server]}", **more))


@pytest.mark.parametrize("server", PORTS)
@pytest.mark.parametrize("mode", CURL_MODES)
def test_curl_downloads_and_uploads(lab, lvsd, server, mode):
    lvsd(ftp_service(server))
    words = ["curl", "--silent", "--show-error", "--fail", "--max-time", "20", *CURL_MODES[mode]]
    url, fetched = f"ftp://{VIP['nat']}", lab.path("fetched")
    said = lab.run("client", [*words, "--verbose", "--output", fetched, url + "/file"])
    assert digest(fetched) == digest(lab.path("original"))
    assert f"> {mode}" in said
    if mode == "PASV":
        assert "(" + VIP["nat"].replace(".", ",") + "," in said
        assert ADDRESS[server].replace(".", ",") not in said
    os.unlink(fetched)

    stored = lab.path(f"{server}-ftp", "incoming", mode)
    lab.run("client", [*words, "--upload-file", lab.path("original"), f"{url}/incoming/{mode}"])
    wait_for(lambda: os.path.getsize(stored) == SIZE, "the end of the upload")
    assert digest(stored) == digest(lab.path("original"))


# Several transfers over one control connection: each answer moves its numbers a little further.
@pytest.mark.parametrize("passive", ("on", "off"))
def test_lftp_transfers_many_over_one_control_connection(lab, lvsd, passive):
    daemon = lvsd(ftp_service("rs1"))
    script = [f"set ftp:passive-mode {passive}", "set net:max-retries 1", "set net:timeout 10",
              "set ftp:prefer-epsv off", f"open ftp://{VIP['nat']}"]
    for number in range(5):
        script += [f"get -e file -o {lab.path('lftp')}-{number}", "cls"]
    lab.run("client", ["lftp", "-c", "; ".join(script)])
    for number in range(5):
        assert digest(f"{lab.path('lftp')}-{number}") == digest(lab.path("original"))
        os.unlink(f"{lab.path('lftp')}-{number}")
    (listed,) = daemon.ctl_json("list")["services"][0]["destinations"]
    assert listed["active"] + listed["inactive"] >= 6


@pytest.mark.parametrize("mode", ("EPSV", "EPRT"))
def test_ipv6_downloads_and_uploads(lab, lvsd, mode):
    lvsd(configuration(service("ftp", f"[{VIP6['nat']}]:21/tcp", "nat", f"[{ADDRESS6['rs3']}]:21")))
    words = ["curl", "--silent", "--show-error", "--fail", "--max-time", "20", *CURL_MODES[mode]]
    url, fetched = f"ftp://[{VIP6['nat']}]", lab.path("fetched")
    said = lab.run("client", [*words, "--verbose", "--output", fetched, url + "/file"])
    assert f"> {mode}" in said
    assert digest(fetched) == digest(lab.path("original"))
    os.unlink(fetched)
    stored = lab.path("rs3-ftp", "incoming", mode + "6")
    lab.run("client", [*words, "--upload-file", lab.path("original"), f"{url}/incoming/{mode}6"])
    wait_for(lambda: os.path.getsize(stored) == SIZE, "the end of the upload")
    assert digest(stored) == digest(lab.path("original"))


# Any port of the virtual address, and each client's connections to the same server: what announces
# ports is never read. Two clients, so that both servers have their turn.
@pytest.mark.parametrize("method", ("dr", "tun"))
def test_persistence_carries_ftp_past_the_director(lab, lvsd, method):
    daemon = lvsd(configuration(service("ftp", f"{VIP[method]}/tcp", method, ADDRESS["rs1"],
                                        ADDRESS["rs3"], persistence="300s")))
    fetched = lab.path("fetched")
    for client in ("10.1.0.5", "10.1.0.6"):
        for mode in ("EPSV", "PORT"):
            options = CURL_MODES[mode] if mode == "EPSV" else ["--disable-eprt", "--ftp-port", client]
            lab.run("client", ["curl", "--silent", "--show-error", "--fail", "--max-time", "20",
                               "--interface", client, *options, "--output", fetched,
                               f"ftp://{VIP[method]}/file"])
            assert digest(fetched) == digest(lab.path("original"))
            os.unlink(fetched)
    listed = daemon.ctl_json("list")["services"][0]["destinations"]
    assert all(one["active"] + one["inactive"] >= 3 for one in listed), listed


def test_without_the_helper_passive_mode_names_the_real_server(lab, lvsd):
    lvsd(ftp_service("rs1", helper="none"))
    said = lab.run("client", ["curl", "--silent", "--verbose", "--max-time", "3", "--disable-epsv",
                              "--no-ftp-skip-pasv-ip", f"ftp://{VIP['nat']}/file", "--output",
                              "/dev/null"], check=False)
    assert "(" + ADDRESS["rs1"].replace(".", ",") + "," in said
