#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Lets tcpdump judge every checksum of what the director emits for random packets that are right.
    judge_checksums.py DIRECTOR_RANDOM PACKETS [SEED]
Not judged: the packet that an ICMP error quotes, whose layer-4 checksum stays as it was, and GUE
without a checksum, which over IPv6, too, has a zero there (RFC 6935)."""
import os
import re
import subprocess
import sys
import tempfile

WRONG = re.compile(r"bad [a-z0-9-]*\s?cksum|\(incorrect|wrong icmp cksum|bad hdr cksum|bad-len")
RIGHT = re.compile(r"\(correct\)|\[udp sum ok\]|\[icmp6 sum ok\]|udp sum ok")


def packets(lines):
    """Each packet's lines, as one text."""
    text = ""
    for line in lines:
        if line[:1] not in ("\t", " ") and text:
            yield text
            text = ""
        text += line
    if text:
        yield text


def main():
    program, count, *seed = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        file = os.path.join(directory, "emitted.pcap")
        subprocess.run([program, count, *seed], check=True, env={**os.environ, "LVSD_EMITTED": file})
        judge = subprocess.Popen(["tcpdump", "-nvv", "-tt", "-r", file], text=True, errors="replace",
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        judged = confirmed = 0
        wrong = []
        for text in packets(judge.stdout):
            judged += 1
            own = re.split(r"\n\tIP6? ", text)[0] if "ICMP" in text else text
            confirmed += bool(RIGHT.search(own))
            if WRONG.search(own.replace("[bad udp cksum 0x0000 ", "")):
                wrong.append(text)
        judge.wait()
    print(f"{judged} packets emitted, {confirmed} with a checksum of layer 4 that tcpdump confirms, "
          f"{len(wrong)} wrong")
    for text in wrong[:3]:
        print(text, end="")
    if wrong or confirmed < judged / 10:
        sys.exit(1)


main()
