"""A random fabric, the same for the same seed."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_network
from random import Random

from tests.attacks.fuzz_packets.fabric import (
    EDGE_PORTS,
    FAR_LEAF,
    LEAF,
    ROUTER,
    Address,
    Host,
    Net,
    Place,
    Policy,
    Prefix,
    Rule,
    Service,
    Session,
    World,
)

__all__ = ["make_world"]

_KINDS: tuple[tuple[str, str, tuple[int, ...], bool], ...] = (
    # tenant, name, families, whether it certainly has gateways
    ("acme", "clients", (4, 6), True),
    ("acme", "servers", (4, 6), True),
    ("acme", "access", (4,), True),
    ("acme", "data", (4, 6), True),
    ("acme", "six", (6,), False),
    ("acme", "island", (4, 6), False),
    ("acme", "wire", (), False),
    ("blue", "clients", (4, 6), True),
    ("blue", "four", (4,), True),
    ("blue", "wire", (), False),
)


def make_world(seed: int) -> World:
    """The world of a seed."""
    random = Random(seed)
    nets = [_make_net(random, number, *kind) for number, kind in enumerate(_KINDS)]
    _attach(random, nets)
    macs = {ROUTER}
    for net in nets:
        _populate(random, net, macs)
    _make_routes(random, nets)
    sessions = _make_sessions(random, nets)
    services = _make_services(random, nets)
    return World(seed, nets, _make_policies(random, nets, services), services, sessions)


def _make_net(
    random: Random, number: int, tenant: str, name: str, families: tuple[int, ...], routed: bool
) -> Net:
    # The two tenants' address ranges overlap on purpose.
    place = number % 7
    subnets: list[Prefix] = []
    for family in families:
        if family == 4:
            subnets.append(ip_network(f"10.0.{place}.0/{random.choice((24, 24, 25, 28))}"))
            if random.random() < 0.3:
                subnets.append(ip_network(f"172.16.{place * 4}.0/22"))
        else:
            subnets.append(ip_network(f"2001:db8:{place}::/64"))
            if random.random() < 0.3:
                subnets.append(ip_network(f"fd00:{place}:0:8000::/49"))
    gateways: list[Address] = []
    for family in families:
        own = [subnet for subnet in subnets if subnet.version == family]
        if routed or random.random() < 0.4:
            gateways += [subnet[1] for subnet in own if subnet is own[0] or random.random() < 0.7]
    random.shuffle(subnets)
    return Net(tenant, name, tuple(subnets), tuple(gateways))


def _attach(random: Random, nets: list[Net]) -> None:
    """Each network at two places at least; tagged ones share ports."""
    slots: list[tuple[int, int | None]] = []
    for port in EDGE_PORTS:
        if port <= 4 or random.random() < 0.5:
            slots.append((port, None))
        if port > 4:
            slots += [(port, tag) for tag in random.sample((1, 20, 30, 100, 101, 4094), random.randint(1, 3))]
    random.shuffle(slots)
    waiting = [net for net in nets for _ in range(2)] + [random.choice(nets) for _ in slots]
    for port, tag in slots:
        for net in waiting:
            if all(place.port != port for place in net.places):
                net.places.append(Place(LEAF, port, tag))
                waiting.remove(net)
                break
    for number, net in enumerate(nets, 1):
        if random.random() < 0.6:
            net.places.append(Place(FAR_LEAF, number, None))


def _populate(random: Random, net: Net, macs: set[int]) -> None:
    taken = set(net.gateways)
    for place in net.places:
        kind = random.choice(("learned", "learned", "learned", "mac", "addresses", "addresses", "nobody"))
        for _ in range(random.randint(1, 3) if kind == "learned" else kind != "nobody"):
            addresses: list[Address] = []
            for version in (4, 6):
                if (own := net.subnets_of(version)) and random.random() < 0.9:
                    addresses += [_free(random, own, taken) for _ in range(random.choice((1, 1, 2)))]
            if kind == "addresses" and not addresses:
                kind = "mac"
            mac = random.choice((0x02, 0x00, 0x0A)) << 40 | random.getrandbits(40)
            macs.add(mac)
            net.hosts.append(Host(mac, place, tuple(addresses), kind == "addresses"))
            if kind in ("mac", "addresses"):
                place.mac = mac
            if kind == "addresses":
                place.addresses = tuple(addresses)
        place.trusted = tuple(one for one in ("dhcpServer", "ipv6Router") if random.random() < 0.25)


def _free(random: Random, subnets: list[Prefix], taken: set[Address]) -> Address:
    while True:
        subnet = random.choice(subnets)
        address = subnet[random.randrange(2, min(subnet.num_addresses - 1, 60000))]
        if address not in taken:
            taken.add(address)
            return address


def hosts_of(net: Net, version: int) -> list[tuple[Host, Address]]:
    """Who has an address of a family."""
    return [(host, one) for host in net.hosts for one in host.addresses if one.version == version]


def _make_routes(random: Random, nets: list[Net]) -> None:
    given: set[tuple[str, Prefix]] = set()
    for net in nets:
        for version in {gateway.version for gateway in net.gateways}:
            known = [address for _, address in hosts_of(net, version)]
            texts = (
                ("0.0.0.0/0", "192.168.0.0/16", "192.168.7.0/24", "198.51.100.0/24", "10.0.0.0/8")
                if version == 4
                else ("::/0", "2001:db8:ff00::/40", "2001:db8:ff07::/48", "2000::/3")
            )
            for text in random.sample(texts, random.randint(0, 3)) if known else ():
                prefix = ip_network(text)
                if (net.tenant, prefix) not in given:
                    given.add((net.tenant, prefix))
                    net.routes.append((prefix, random.choice(known)))


def _make_sessions(random: Random, nets: list[Net]) -> list[Session]:
    access, data = nets[2], nets[3]
    first = access.subnets_of(4)[0]
    gnbs = [address for _, address in hosts_of(access, 4)]
    taken = {*gnbs, *access.gateways}
    n3 = random.choice((access.gateways[0], _free(random, [first], taken)))
    gnbs.append(_free(random, [first], taken | {n3}))  # one that nobody has seen yet
    behind = [prefix for prefix, _ in access.routes if prefix.version == 4 and prefix.prefixlen >= 16]
    gnbs += [prefix[77] for prefix in behind]
    return [
        Session(
            access.tenant,
            f"ue{number}",
            access,
            data,
            IPv4Address(int(n3)),
            IPv4Address(int(random.choice(gnbs))),
            0x100 + number,
            0x200 + number,
            IPv4Address(f"10.45.0.{number}"),
        )
        for number in range(2, 6)
    ]


def _make_services(random: Random, nets: list[Net]) -> list[Service]:
    servers = nets[1]
    known = [address for net in nets[:4] if net is not nets[2] for _, address in hosts_of(net, 4)]
    if not known:
        return []
    taken = {*servers.gateways, *(address for _, address in hosts_of(servers, 4))}
    inside = _free(random, [servers.subnets_of(4)[0]], taken)
    services = []
    for number, (vip, protocol, port) in enumerate(
        ((inside, "tcp", 80), (inside, "udp", 53), (ip_address("10.0.100.80"), "tcp", 443))
    ):
        pool = random.sample(known, min(len(known), random.randint(1, 3)))
        members = [(IPv4Address(int(one)), 8000 + number) for one in pool]
        services.append(Service("acme", f"web{number}", IPv4Address(int(vip)), protocol, port, members))
    return services


def _make_policies(random: Random, nets: list[Net], services: list[Service]) -> list[Policy]:
    policies = []
    for tenant, count in (("acme", 3), ("blue", 1)):
        own = [net for net in nets if net.tenant == tenant]
        for number in range(count):
            rules: list[Rule] = []
            for _ in range(random.randint(2, 7)):
                rule = _make_rule(random, own, services)
                if rule is not None:
                    rules.append(rule)
            if rules:
                policies.append(Policy(tenant, f"p{number}", random.choice((500, 1000, 1000)), rules))
    return policies


def _make_rule(random: Random, nets: list[Net], services: list[Service]) -> Rule | None:
    sides: list[Net | Prefix | None] = []
    families: list[set[int]] = []
    for _ in range(2):
        net = random.choice([net for net in nets if net.subnets])
        host = random.choice(
            [*(address for host in net.hosts for address in host.addresses), net.subnets[0][9]]
        )
        anything: list[Net | Prefix | None] = [
            None,
            net,
            net,
            net.subnets[-1],
            ip_network(host),
            ip_network("0.0.0.0/0"),
            ip_network("10.45.0.0/16"),
            ip_network("2001:db8::/32"),
        ]
        side = random.choice(anything)
        sides.append(side)
        versions = side.subnets if isinstance(side, Net) else (side,) if side is not None else None
        families.append({4, 6} if versions is None else {one.version for one in versions})
    if not families[0] & families[1]:
        return None
    protocol = random.choice((None, "tcp", "tcp", "udp", "icmp"))
    ports: tuple[tuple[int, int], ...] = ()
    if protocol in ("tcp", "udp") and random.random() < 0.7:
        first = random.choice((22, 23, 53, 80, 2152, 8000, 1000))
        ports = ((first, first),) if random.random() < 0.6 else ((first, first + 7), (60000, 65535))
    established = protocol == "tcp" and random.random() < 0.25
    # A rule that denies everything leaves nothing to look at.
    wide = protocol is None and (sides[0] is None or sides[1] is None)
    action = "allow" if wide and random.random() < 0.8 else random.choice(("allow", "deny", "deny"))
    return Rule(action, sides[0], sides[1], protocol, ports, established)
