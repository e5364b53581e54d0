# SPDX-License-Identifier: GPL-2.0-or-later
"""ICMP errors about conversations, from both ends and from routers on the way."""
from explain import TUNNEL_TOO_BIG
import packets

# type, code of those that IPVS looks at, and some that it does not.
KINDS = ((3, 0), (3, 1), (3, 3), (3, 4), (3, 13), (4, 0), (11, 0), (11, 1), (5, 1), (12, 0))
QUOTED = (24, 28, 28, 28, 32, 40, 48, 200)  # bytes; 24 has no more than the ports
CLIENT_ROUTER, SERVER_ROUTER, OWN_TUNNEL_END = "10.1.200.1", "10.0.2.2", "10.0.2.1"


def random_error(generator):
    """About a conversation that may be over, or never was."""
    random = generator.random
    known = [one for one in generator.used if one[2].family() == 4 and
             one[2] in generator.services]
    if not known:
        return
    client, port, service, service_port = random.choice(known)
    if random.random() < 0.03:
        port ^= 1
    ends = ((client, port), (service.vip, service_port))
    methods = {one.method for one in service.destinations}
    draw = random.random()
    if draw < 0.4:
        from_client_side(generator, service.protocol, *ends)
    elif draw < 0.7 and "nat" in methods:
        from_server_side(generator, service, *ends)
    elif "tun" in methods and (len(service.destinations) == 1 or
                               "wrong-tunnel" in generator.features):
        from_tunnel(generator, service, *ends)
    else:
        from_client_side(generator, service.protocol, *ends)


def error(generator, source, destination, quoted):
    random = generator.random
    kind, code = random.choice(KINDS)
    mtu = random.choice((576, 1200, 1280, 1300, 1400)) if (kind, code) == (3, 4) else 0
    return packets.icmp_error(source, destination, kind, code, quoted, mtu=mtu,
                              quoted_bytes=random.choice(QUOTED),
                              ident=generator.next_identification())


def quoted_segment(generator, protocol, source, destination):
    return packets.segment(protocol, source, destination, flags="A", data=b"quoted " * 8, ttl=60,
                           ident=generator.next_identification(), df=True)


def from_client_side(generator, protocol, client, virtual):
    """The client, or a router before it, has something against the server's reply."""
    source = generator.random.choice((client[0], client[0], CLIENT_ROUTER))
    quoted = quoted_segment(generator, protocol, virtual, client)
    packet = error(generator, source, virtual[0], quoted)
    generator.frame(packets.from_client(packet), "ICMP error of the client's side")


def from_server_side(generator, service, client, virtual):
    """A NAT server, or a router before it, has something against the request."""
    random = generator.random
    one = random.choice([each for each in service.destinations if each.method == "nat"])
    server = (one.address, one.port or virtual[1])
    source = random.choice((one.address, one.address, SERVER_ROUTER))
    quoted = quoted_segment(generator, service.protocol, client, server)
    packet = error(generator, source, client[0], quoted)
    generator.frame(packets.from_server(packet, source), "ICMP error of the server's side")


def from_tunnel(generator, service, client, virtual):
    """A router between director and server has something against the tunnel's packet."""
    random = generator.random
    one = random.choice([each for each in service.destinations if each.method == "tun"])
    inner = quoted_segment(generator, service.protocol, client, virtual)
    outer = packets.in_tunnel(inner, OWN_TUNNEL_END, one.address)
    kind, code = random.choice(((3, 0), (3, 1), (3, 3), (3, 4), (3, 4), (11, 0)))
    mtu = random.choice((576, 1280, 1400)) if (kind, code) == (3, 4) else 0
    packet = packets.icmp_error(SERVER_ROUTER, OWN_TUNNEL_END, kind, code, outer, mtu=mtu,
                                quoted_bytes=random.choice((28, 48, 60, 200)),
                                ident=generator.next_identification())
    note = TUNNEL_TOO_BIG if mtu else "ICMP error of the tunnel's way"
    generator.frame(packets.from_server(packet, SERVER_ROUTER), note)
