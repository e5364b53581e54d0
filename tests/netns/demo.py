# SPDX-License-Identifier: GPL-2.0-or-later
"""The laboratory part of scripts/demo: who serves what, by method and weight."""
import os
import signal
import sys
from collections import Counter

import servers
from daemon import Lvsd, configuration, service
from lab import ADDRESS, SERVERS, VIP, Lab, LabError, remove_kept

REQUESTS = 120  # to each service; a multiple of the weights' sum
WEIGHTS = {"rs1": 3, "rs2": 2, "rs3": 1}
METHODS = {"dr": "direct routing", "tun": "IP tunnelling", "nat": "NAT, port 80 to 8080"}


def demo_configuration():
    def rows(method):
        port = ":8080" if method == "nat" else ""
        return [(ADDRESS[name] + port, weight) for name, weight in WEIGHTS.items()]
    return configuration(*(service(f"web-{method}", f"{VIP[method]}:80/tcp", method, *rows(method),
                                   scheduler="wrr") for method in METHODS))


def ask(lab, method):
    """REQUESTS connections of their own; how many each server answered."""
    out = lab.run("client", ["curl", "--silent", "--show-error", "--max-time", "20", "--header",
                             "Connection: close", f"http://{VIP[method]}/?[1-{REQUESTS}]"])
    return Counter(out.split())


def show(method, served):
    """Prints the table's rows of one method; whether the shares are about the weights'."""
    fair = True
    for name, weight in WEIGHTS.items():
        expected = REQUESTS * weight // sum(WEIGHTS.values())
        fair = fair and abs(served[name] - expected) <= max(1, expected // 10)
        label = f"{method}  {METHODS[method]}" if name == "rs1" else ""
        print(f"  {label:<28} {name:<8} {weight:>6} {expected:>9} {served[name]:>7}")
    return fair


def look_around(lab, daemon):
    enter = "sudo ip netns exec " + lab.prefix
    build = os.path.relpath(servers.build_directory())
    print(f"""
Everything is left running. Look around:
  {enter}client curl http://{VIP['dr']}/
  {enter}director {build}/lvsctl list --run-dir {daemon.run_dir}
  {enter}director {build}/lvsctl drain {ADDRESS['rs1']} --run-dir {daemon.run_dir}
  {enter}director tcpdump -eni be
  {enter}rs1 ip addr
Change {daemon.file}, then
  {enter}director {build}/lvsctl reload --run-dir {daemon.run_dir}
The log is {daemon.log_file}
End it with: sudo scripts/demo --stop""")


def demonstrate(lab):
    for name in SERVERS:
        servers.start_nginx(lab, name)
        servers.start_tunnel_end(lab, name)
    daemon = Lvsd(lab, demo_configuration()).start()
    print(f"\n  {'method':<28} {'server':<8} {'weight':>6} {'expected':>9} {'served':>7}")
    fair = all([show(method, ask(lab, method)) for method in METHODS])
    print("\n$ lvsctl list\n" + daemon.ctl("list"))
    forwarding = lab.sysctl("director", "net/ipv4/ip_forward")
    print(f"net.ipv4.ip_forward on the director: {forwarding}")
    if not fair:
        raise LabError("the shares are not those of the weights; lvsd's log:\n" + daemon.log())
    return daemon


def main(keep):
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    print("Making namespaces: client, router, director, and real servers with nginx.")
    with Lab(keep=keep) as lab:
        daemon = demonstrate(lab)
        if keep:
            look_around(lab, daemon)
            sys.stdout.flush()
            os._exit(0)  # past every cleanup: that is what --keep asks for
        daemon.stop()
    print("Done; the namespaces are gone.")


if __name__ == "__main__":
    if "--stop" in sys.argv:
        print("Ended the kept laboratory." if remove_kept() else "Nothing was left running.")
        sys.exit(0)
    try:
        main("--keep" in sys.argv)
    except (LabError, KeyboardInterrupt) as error:
        sys.exit(f"demo: {error or 'interrupted'}")
