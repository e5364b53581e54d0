# SPDX-License-Identifier: GPL-2.0-or-later
"""Differences that are meant, by rule; doc/oracle.md and the README have them in words."""
import fragments

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
    got = dict(report["comparison"]["difference"]["got"])
    told = any(step.note == TUNNEL_TOO_BIG for step in scene.steps)
    if told and (got.get("icmp.type"), got.get("icmp.code")) == ("3", "4"):
        return "lvsd learns a tunnel's MTU from errors about connections that it does not know, too"
    if fragments.in_scene(scene) and "quoted.ip.id" in got:
        return "the kernel's errors quote a datagram that it has put together, lvsd's a fragment"
    return ""


def unexplained(counts, report, scene):
    """Of these differences between counts, those that are not meant."""
    return [one for one in counts if not own_errors(one, report, scene) and
            not zeroed_late(one, scene) and not counted_in_fragments(one, scene)]


def counted_in_fragments(count, scene):
    """The kernel counts a datagram, lvsd its fragments: packets and bytes say nothing then."""
    return bool(fragments.in_scene(scene)) and "connections" in count.names and \
        count.got[0] == count.kernel[0]


def zeroed_late(count, scene):
    """A server whose service was removed and made again begins at 0, in the kernel with what came
    since the rate estimator last looked, up to 2 s before: that is what it takes zero from."""
    removed, made_again = set(), set()
    for step in scene.steps:
        word = step.data.split() if step.kind == "command" else []
        if word[:2] == ["ipvsadm", "-D"]:
            removed.add(tuple(word[2:4]))
        elif word[:2] == ["ipvsadm", "-A"]:
            made_again |= {tuple(word[2:4])} & removed
    names = {listed_name(*key) for key in made_again}
    return bool(count.destination) and count.service.split("/")[0] in names and \
        all(got <= kernel for got, kernel in zip(count.got, count.kernel))


def listed_name(option, address):
    """A service's, as in lvsd's report but for the protocol, of ipvsadm's words."""
    if option == "-f":
        return "fwmark:" + address
    return address[:-2].strip("[]") if address.endswith(":0") else address


def methods_once(service, scene):
    """What servers of this service had that may be gone at the end."""
    lines = scene.rules + [step.data for step in scene.steps if step.kind == "command"]
    words = [line.removeprefix("ipvsadm ").split() for line in lines]
    return {{"-g": "dr", "-i": "tun"}[word] for line in words for word in line
            if line[0] in ("-a", "-e") and word in ("-g", "-i") and
            listed_name(*line[1:3]) == service.split("/")[0]}


def own_errors(count, report, scene):
    """The kernel counts an ICMP error of its own as sent by the server, where the server's replies
    do not come through the director and so look the same: packets and bytes out of DR and TUN."""
    methods = {one["method"] for service in report["services"] for one in service["destinations"]
               if service["listen"] == count.service and
               count.destination in ("", one["destination"])}
    if not count.destination:
        methods |= methods_once(count.service, scene)
    out = [i for i, name in enumerate(count.names) if name.endswith("_out")]
    elsewhere = [i for i in range(len(count.names)) if i not in out]
    return bool(out) and bool(methods & {"dr", "tun"}) and \
        all(count.got[i] == count.kernel[i] for i in elsewhere) and \
        all(count.got[i] <= count.kernel[i] or count.names[i] == "bytes_out" for i in out)
