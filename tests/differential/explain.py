# SPDX-License-Identifier: GPL-2.0-or-later
"""Differences that are meant, by rule; doc/oracle.md and the README have them in words."""

TUNNEL_TOO_BIG = "ICMP fragmentation needed on the tunnel's way"  # a step's note


def timeouts(scene):
    """All that the scene sets, in seconds."""
    found = set()
    for line in scene.rules + [step.data for step in scene.steps if step.kind == "command"]:
        word = line.split()
        if "--set" in word:
            found |= {int(seconds) for seconds in word[word.index("--set") + 1:]}
        if "-p" in word:
            found.add(int(word[word.index("-p") + 1]))
    return found - {0}


def ignored_fields(scene):
    """A client hears of a smaller MTU on the tunnel's way from lvsd at once; from the kernel first
    the MTU it knew before, for its cached route becomes the new one with the next packet."""
    told = any(step.note == TUNNEL_TOO_BIG for step in scene.steps)
    return ["icmp.mtu"] if told else []


def frame(report, scene):
    """Why the first difference between frames is meant; empty if it is not."""
    del report, scene
    return ""


def unexplained(counts, report):
    """Of these differences between counts, those that are not meant."""
    return [one for one in counts if not own_errors(one, report)]


def own_errors(count, report):
    """The kernel counts an ICMP error of its own as sent by the server, where the server's replies
    do not come through the director and so look the same: packets and bytes out of DR and TUN."""
    methods = {one["method"] for service in report["services"] for one in service["destinations"]
               if service["listen"] == count.service and
               count.destination in ("", one["destination"])}
    out = [i for i, name in enumerate(count.names) if name.endswith("_out")]
    elsewhere = [i for i in range(len(count.names)) if i not in out]
    return bool(out) and bool(methods & {"dr", "tun"}) and \
        all(count.got[i] == count.kernel[i] for i in elsewhere) and \
        all(count.got[i] <= count.kernel[i] or count.names[i] == "bytes_out" for i in out)
