# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of new connections while a server comes back bit by bit, and when most are down."""
from checking import await_states, odd, reports, start_odd, weights
from daemon import configuration, service
from lab import ADDRESS, SERVERS, VIP, wait_for
from traffic import curl_many

CHECK = {"type": "http", "port": 9000, "interval": "300ms", "timeout": "250ms", "rise": 1, "fall": 2,
         "damping": "off"}
RAMP = 10  # seconds
ASKED = 250  # connections of which the shares are taken: wrr has runs of a hundred


def checked(servers, **more):
    """By NAT, where the director sees both ends of a connection: many of them, one after the other,
    use ports again, and elsewhere those would still belong to their former servers."""
    return configuration(service("web", f"{VIP['nat']}:80/tcp", "nat",
                                 *(ADDRESS[server] for server in servers), health=CHECK, **more),
                         ipvs={"expire_nodest_conn": True})


def test_a_server_that_returns_takes_its_share_of_the_ramp(lab, lvsd):
    for server in SERVERS[:2]:
        start_odd(lab, server)
    daemon = lvsd(checked(SERVERS[:2], scheduler="wrr", slow_start=f"{RAMP}s"))
    await_states(daemon, ("up", "up"))
    wait_for(lambda: weights(daemon) == [1, 1], "both at once: nobody was down")
    odd(lab, "rs2", "wrong")
    await_states(daemon, ("up", "down"))
    odd(lab, "rs2", "fine")
    await_states(daemon, ("up", "up"))

    def share():
        return reports(daemon)["web", f"{ADDRESS['rs2']}:80"]["share"]
    seen = []
    while (before := share()) < 1:
        taken = curl_many(lab, VIP["nat"], ASKED)["rs2"] / ASKED
        after = share()
        # Weights follow the ramp twice a second.
        least = max(before - 1 / RAMP, 0)
        assert least / (1 + least) - 0.1 <= taken <= after / (1 + after) + 0.1, (before, after)
        seen.append(taken)
    assert seen and seen[0] < 0.4
    wait_for(lambda: weights(daemon) == [1, 1], "the whole share")


def test_below_the_panic_threshold_all_are_used(lab, lvsd):
    for server in SERVERS:
        start_odd(lab, server)
    daemon = lvsd(checked(SERVERS, panic=50))
    await_states(daemon, ("up", "up", "up"))
    odd(lab, "rs1", "wrong")
    await_states(daemon, ("down", "up", "up"))
    wait_for(lambda: weights(daemon) == [0, 1, 1], "one to be out")
    odd(lab, "rs2", "wrong")
    await_states(daemon, ("down", "down", "up"))
    wait_for(lambda: weights(daemon) == [1, 1, 1], "all to be used")
    assert set(curl_many(lab, VIP["nat"], 9)) == set(SERVERS)
    assert daemon.ctl_json("health")["health"][0]["panic"]
    daemon.await_log("web: too few destinations are up; all are used, whatever their checks say")
    odd(lab, "rs2", "fine")
    wait_for(lambda: weights(daemon) == [0, 1, 1], "the threshold to be reached")
    daemon.await_log("web: enough destinations are up again")
