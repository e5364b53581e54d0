# SPDX-License-Identifier: GPL-2.0-or-later
"""The command lines that README.md, contrib/*/README.md and the manual pages show."""
import glob
import os
import re

PROGRAMS = re.compile(r"^(sudo |\()?(scripts/|cd |cmake|lvsd |lvsctl |lvsd-decap |ipvsadm|systemctl|dumpcap|tcpdump|"
                      r"tshark|ethtool|man|curl|ip |nft|iptables|echo|for |apt)")


def joined(lines):
    """Lines that end in a backslash or a pipe with the next; `for` loops as one."""
    command = ""
    for line in lines:
        line = re.sub(r"\s+#\s.*$", "", line.rstrip())
        command = f"{command}\n{line}" if command else line.strip()
        loop = re.search(r"(^|\n)\s*(for|while) ", command) and not re.search(r"(^|\n)\s*done", command)
        if command.endswith(("\\", "|")) or loop:
            continue
        if command:
            yield command
        command = ""
    if command:
        yield command


def of_markdown(text):
    """Indented blocks, and fenced ones of a shell."""
    text = re.sub(r"^```(?!sh|console|bash).*?^```$", "", text, flags=re.S | re.M)
    blocks = re.findall(r"(?:^(?: {4}.*)?\n)+", text, re.M)
    for block in blocks:
        lines = [line[4:] for line in block.splitlines() if line.strip()]
        for command in joined(lines):
            if PROGRAMS.match(command):
                yield command


def of_manual(text):
    """The literal blocks, and single lines of literal text, that begin with a program."""
    text = re.sub(r"^\.\\\".*\n", "", text, flags=re.M)
    for block in re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", text, re.S | re.M):
        plain = block.replace(r"\e", "\\").replace(r"\&", "").replace(r"\-", "-")
        for command in joined(plain.splitlines()):
            if PROGRAMS.match(command) and not re.match(r"^\w+:", command):
                yield command
    for line in re.findall(r"^\.Dl (.*)$", text, re.M):
        if re.match(r"(lvsd|lvsctl|lvsd-decap|systemctl) ", line):
            yield line.replace(r"\&", "")


def all_commands(source):
    """(where, command) in the order of the files."""
    readmes = [os.path.join(source, "README.md")]
    readmes += sorted(glob.glob(os.path.join(source, "contrib/*/README.md")))
    for path in readmes + sorted(glob.glob(os.path.join(source, "man/*.[1-9]"))):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        find = of_markdown if path.endswith(".md") else of_manual
        for command in find(text):
            yield os.path.relpath(path, source), command
