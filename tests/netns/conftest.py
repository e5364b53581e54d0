# SPDX-License-Identifier: GPL-2.0-or-later
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import servers  # noqa: E402
from daemon import Lvsd  # noqa: E402
from lab import SERVERS, Lab  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than a minute; run with scripts/test --slow")


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        mark = pytest.mark.skip(reason="network namespaces need root")
        for item in items:
            item.add_marker(mark)


@pytest.fixture(scope="module")
def lab():
    """Offloads off, and on every real server nginx, a UDP echo, and the tunnel's end."""
    with Lab() as made:
        servers.start_all(made)
        yield made


@pytest.fixture
def lvsd(lab, request):
    """lvsd(text) starts the daemon; it is stopped with the test, and its log shown on failure."""
    started = []

    def start(text, **keywords):
        daemon = Lvsd(lab, text, **keywords)
        open(daemon.log_file, "w", encoding="ascii").close()
        started.append(daemon)
        request.node.daemons = started
        return daemon.start()

    yield start
    for daemon in started:
        daemon.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        for daemon in getattr(item, "daemons", []):
            report.sections.append(("lvsd's log", daemon.log()[-8000:]))
            if daemon.child and daemon.child.poll() is None:
                for command in ("list", "status"):
                    report.sections.append((f"lvsctl {command}", daemon.ctl(command, check=False)))
