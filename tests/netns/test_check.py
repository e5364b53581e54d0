# SPDX-License-Identifier: GPL-2.0-or-later
"""lvsd --check answers the same with and without root, with and without the director's network."""
import glob
import os
import shutil

import pytest

from lab import Lab
from servers import SOURCE, build_directory

FILES = sorted(glob.glob(os.path.join(SOURCE, "tests/config/broken/*.yaml")) +
               glob.glob(os.path.join(SOURCE, "tests/config/good/*.yaml")) +
               [os.path.join(SOURCE, "etc/lvsd.yaml")])
UNPRIVILEGED = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups",
                "--no-new-privs"]


@pytest.fixture(scope="module")
def lab():
    with Lab() as made:
        shutil.copy(os.path.join(build_directory(), "lvsd"), made.path("lvsd"))
        yield made


def answer(lab, space, path, prefix=()):
    """What it printed, its exit status last."""
    command = f'"{lab.path("lvsd")}" --check -c "{path}"; echo "exit status $?"'
    return lab.run(space, [*prefix, "sh", "-c", command])


def test_the_same_everywhere(lab):
    assert len(FILES) > 30
    answers = set()
    lab.ip("rs4", "link set lo down", "link set eth0 down")  # a host without a network
    for number, original in enumerate(FILES):
        path = lab.path(f"check{number}.yaml")
        shutil.copy(original, path)
        on_director = answer(lab, "director", path)
        assert answer(lab, "rs4", path, UNPRIVILEGED) == on_director, original
        answers.add(on_director.splitlines()[-1])
    assert answers == {"exit status 0", "exit status 1"}
