# SPDX-License-Identifier: GPL-2.0-or-later
"""Every kind of tunnel, with both versions of IP inside and outside, to a real server that unpacks
them: requests, and an upload whose packets have to become smaller first (path MTU)."""
import os

import pytest

import servers
from daemon import configuration, service
from lab import ADDRESS, ADDRESS6
from traffic import curl, headers

VIPS = {"4": "10.0.3.103", "6": "[fd00:3::103]"}
SERVER = {"4": ADDRESS["rs1"], "6": ADDRESS6["rs1"]}
KINDS = {"ipip": {"type": "ipip"}, "gre": {"type": "gre"},
         "gre-checksum": {"type": "gre", "checksum": True},
         "gue": {"type": "gue", "port": 6080},
         "gue-checksum": {"type": "gue", "port": 6080, "checksum": True}}


@pytest.fixture(scope="module", autouse=True)
def tunnel_end(lab):
    servers.start_any_tunnel_end(lab, "rs1", [vip.strip("[]") for vip in VIPS.values()], "tun7")


@pytest.mark.parametrize("outer", SERVER)
@pytest.mark.parametrize("inner", VIPS)
@pytest.mark.parametrize("kind", KINDS)
def test_requests_and_uploads(lab, lvsd, kind, inner, outer):
    if (kind, inner, outer) == ("ipip", "4", "4"):
        pytest.skip("the laboratory's lvsd-decap takes these: test_methods.py")
    lvsd(configuration(service("web", f"{VIPS[inner]}:80/tcp", "tun", SERVER[outer],
                               tunnel=KINDS[kind])))
    url = f"http://{VIPS[inner]}"
    assert headers(lab, url)["x-local"].rpartition(":")[0] == VIPS[inner].strip("[]")
    original = os.urandom(200_000)
    with open(lab.path("tunnel-original"), "wb") as file:
        file.write(original)
    curl(lab, f"{url}/upload/tunnel", "--fail", "--upload-file", lab.path("tunnel-original"),
         timeout=20)
    stored = lab.path("rs1", "upload", "tunnel")
    with open(stored, "rb") as file:
        assert file.read() == original
    os.unlink(stored)
