# SPDX-License-Identifier: GPL-2.0-or-later
"""200 MB down and up through each method, compared by hash. Offloads are on, as on real machines: the
kernel then hands over segments that the cards have not cut yet."""
import hashlib
import os

import pytest

import servers
from daemon import configuration, service
from lab import ADDRESS, VIP, Lab
from traffic import curl

SIZE = 200_000_000


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.fixture(scope="module")
def lab():
    with Lab(offloads=True) as made:
        servers.start_nginx(made, "rs1")
        servers.start_tunnel_end(made, "rs1")
        with open(made.path("files", "large"), "wb") as file:
            for _ in range(SIZE // 1_000_000):
                file.write(os.urandom(1_000_000))
        yield made


@pytest.mark.parametrize("method", ("dr", "tun", "nat"))
def test_200_megabytes_arrive_intact(lab, lvsd, method):
    lvsd(configuration(service("web", f"{VIP[method]}:80/tcp", method, ADDRESS["rs1"])))
    original = lab.path("files", "large")
    wanted = digest(original)

    fetched = lab.path("fetched")
    curl(lab, f"http://{VIP[method]}/files/large", "--fail", "--output", fetched, timeout=120)
    assert os.path.getsize(fetched) == SIZE
    assert digest(fetched) == wanted
    os.unlink(fetched)

    curl(lab, f"http://{VIP[method]}/upload/copy", "--fail", "--upload-file", original, timeout=120)
    stored = lab.path("rs1", "upload", "copy")
    assert os.path.getsize(stored) == SIZE
    assert digest(stored) == wanted
    os.unlink(stored)
