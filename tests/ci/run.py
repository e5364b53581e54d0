#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The recipes of contrib/ci: their commands, taken out of the YAML and run in a repository as the
recipes expect it, for a change that is fine, one that moves traffic, and one that is refused; and
that what their containers do not have is installed before it is needed.
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


def github_lines(recipe):
    """What happens, line by line, in the container; fetching the repository is one line."""
    (job,) = recipe["jobs"].values()
    assert job["container"] == "debian:bookworm", "which packages does another image lack?"
    lines = []
    for step in job["steps"]:
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["fetch-depth"] == 0, "without history there is no base to compare"
            lines.append("git: actions/checkout")
        lines += step.get("run", "").splitlines()
    return lines


def gitlab_lines(recipe):
    (job,) = recipe.values()
    assert job["image"] == "debian:bookworm" and job["variables"]["GIT_DEPTH"] == 0, job
    # The runner fetches the repository before, with a git of its own.
    return "\n".join(gitlab_commands(recipe)).splitlines()


def check_order(name, lines):
    """debian:bookworm has neither git nor certificates. actions/checkout does without git and
    takes an archive, in which no base can be shown; git refuses another user's repository."""
    def first(*words):
        found = [i for i, line in enumerate(lines) if all(word in line.split() for word in words)]
        assert found, f"{name}: no line has {words}"
        return found[0]

    git = [i for i, line in enumerate(lines) if line.startswith("git")]
    assert first("apt-get", "update") <= first("apt-get", "install"), name
    for package in ("git", "ca-certificates"):
        assert first("apt-get", "install", package) < git[0], f"{name}: {package} comes too late"
    show = next(i for i in git if lines[i].startswith("git show"))
    safe = next((i for i in git if "--add safe.directory" in lines[i]), len(lines))
    assert safe < show, f"{name}: the repository may be another user's"
    fetched = next((i for i in git if "checkout" in lines[i]), -1)
    lvsd = first("apt-get", "install", "./ci/lvsd.deb")
    lvsctl = next(i for i, line in enumerate(lines) if "lvsctl" in line)
    assert fetched < lvsd < lvsctl, f"{name}: lvsd is installed too early or too late"


RECIPES = {"github.yml": (github_commands, github_lines),
           "gitlab.yml": (gitlab_commands, gitlab_lines)}


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
        environment = dict(environment, GIT_CONFIG_GLOBAL=os.path.join(place, ".gitconfig"),
                           GITHUB_WORKSPACE=place, CI_PROJECT_DIR=place)
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
    for name, (commands, lines) in RECIPES.items():
        with open(os.path.join(TOP, "contrib/ci", name), encoding="utf-8") as file:
            recipe = yaml.safe_load(file)
        check_order(name, lines(recipe))
        check(name, commands(recipe), environment)


if __name__ == "__main__":
    main(sys.argv[1])
