#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The recipes of contrib/ci: their commands, taken out of the YAML and run in a repository as the
recipes expect it, for a change that is fine, one that moves traffic, and one that is refused.
    run.py BUILD-DIRECTORY"""
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
REPLAY = os.path.join(TOP, "tests", "replay")
CASES = ("nat-tcp-port",)
# What is not run, and why.
LEFT_OUT = ("apt-get ",)  # installs the package: tests/package does that


def github_commands(recipe):
    (job,) = recipe["jobs"].values()
    return [step["run"] for step in job["steps"] if "run" in step]


def gitlab_commands(recipe):
    (job,) = recipe.values()
    return job["before_script"] + job["script"]


RECIPES = {"github.yml": github_commands, "gitlab.yml": gitlab_commands}


def repository(place, environment):
    """lvsd.yaml, network.yaml and captures, as contrib/ci/README.md has them."""
    shutil.copy(os.path.join(REPLAY, CASES[0], "lvsd.yaml"), place)
    shutil.copy(os.path.join(REPLAY, "network.yaml"), place)
    for case in CASES:
        os.makedirs(os.path.join(place, "captures", case))
        shutil.copy(os.path.join(REPLAY, case, "in.pcap"), os.path.join(place, "captures", case))
    with open(os.path.join(TOP, "contrib/ci/README.md"), encoding="utf-8") as file:
        bless = [line[4:] for line in file if line.startswith("    for ") or "replay" in line
                 and line.startswith("      ") or line.startswith("    done")]
    for command in ("".join(bless), "git init -q . && git add . && git -c user.name=a -c "
                    "user.email=a@example.org commit -qm base && git update-ref "
                    "refs/remotes/origin/main HEAD"):
        subprocess.run(["bash", "-ec", command], cwd=place, env=environment, check=True,
                       capture_output=True, timeout=60)


def run(commands, place, environment):
    """The index of the command that fails first, as the CI systems stop there; and all output."""
    said = ""
    for number, command in enumerate(commands):
        if command.startswith(LEFT_OUT):
            continue
        done = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command],
                              cwd=place, env=environment, capture_output=True, text=True,
                              timeout=60, check=False)
        said += done.stdout + done.stderr
        if done.returncode != 0:
            return number, said
    return None, said


def failures(place):
    reports = os.path.join(place, "reports")
    names = os.listdir(reports) if os.path.isdir(reports) else []
    names = [name for name in names if name.endswith(".xml")]
    suites = [xml.parse(os.path.join(reports, name)).getroot().find("testsuite") for name in names]
    return len(suites), sum(int(suite.get("failures")) for suite in suites)


def change(place, old, new):
    path = os.path.join(place, "lvsd.yaml")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert old in text, f"{path} has no {old}"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new))


def check(name, commands, environment):
    with tempfile.TemporaryDirectory() as place:
        environment = dict(environment, GIT_CONFIG_GLOBAL=os.path.join(place, ".gitconfig"))
        repository(place, environment)
        assert any("replay" in command for command in commands), f"{name}: no replay"
        failed, said = run(commands, place, environment)
        assert failed is None, f"{name}: command {failed} failed:\n{said}"
        assert failures(place) == (2 * len(CASES), 0), f"{name}: {failures(place)}"
        with open(os.path.join(place, "lvsd.yaml"), encoding="utf-8") as file:
            weight = next(line for line in file if "address:" in line)
        change(place, weight, weight.replace(":8080", ":8081"))
        failed, said = run(commands, place, environment)
        assert failed is not None and "replay" in commands[failed], f"{name}: {failed}\n{said}"
        assert failures(place) == (2 * len(CASES), 1), f"{name}: {failures(place)}"
        failed, said = run(commands[failed + 1:], place, environment)
        assert failed is not None and "go elsewhere" in said, f"{name}: {failed}\n{said}"
        assert failures(place) == (2 * len(CASES), 2), f"{name}: {failures(place)}"
        change(place, "services:", "servces:")
        failed, said = run(commands, place, environment)
        assert failed is not None and "check" in commands[failed], f"{name}: {failed}\n{said}"
        assert "did you mean 'services'" in said, said
    print(f"{name}: {len(commands)} commands")


def main(build):
    environment = dict(os.environ, PATH=os.path.abspath(build) + ":" + os.environ["PATH"],
                       GITHUB_BASE_REF="main", CI_MERGE_REQUEST_DIFF_BASE_SHA="origin/main")
    for name, commands in RECIPES.items():
        with open(os.path.join(TOP, "contrib/ci", name), encoding="utf-8") as file:
            check(name, commands(yaml.safe_load(file)), environment)


if __name__ == "__main__":
    main(sys.argv[1])
