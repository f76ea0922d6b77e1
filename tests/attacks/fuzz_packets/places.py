"""Who speaks to whom in a world: senders, receivers, addresses and ports worth trying."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.attacks.fuzz_packets.fabric import LEAF, ROUTER, Host, Net, Place, Rule, Service, Session, World
from tests.attacks.fuzz_packets.sources import in_subnet

__all__ = ["BROADCAST_MAC", "Cast", "Speaker"]

BROADCAST_MAC = 0xFFFFFFFFFFFF
STRANGER = 0x02DEAD000000


@dataclass(slots=True)
class Speaker:
    """A host at the leaf: one that is known, or a stranger."""

    net: Net
    place: Place
    mac: int
    addresses: dict[int, int]

    def address(self, version: int) -> int:
        """Its address of a family."""
        return self.addresses[version]


class Cast:
    """All of a world that a packet can name."""

    def __init__(self, world: World, vlans: dict[str, int]) -> None:
        self._vlans = vlans
        self._known_near: dict[tuple[Net, int], list[int]] = {}
        self._slots = list(world.slots().values())
        self._world = world
        self._nets = {t: [n for n in world.nets if n.tenant == t] for t in ("acme", "blue")}
        self._everything: dict[tuple[str, int], list[int]] = {}
        for tenant, nets in self._nets.items():
            for version in (4, 6):
                self._everything[tenant, version] = self._addresses(tenant, nets, version)
        self._ports = [22, 23, 53, 80, 443, 67, 68, 546, 547, 2152, 8000, 8001, 8002, 0, 1, 65535]
        self._named: dict[tuple[str, int], list[int]] = {(t, v): [] for t in self._nets for v in (4, 6)}
        """Addresses that rules speak of, known hosts first."""
        for policy in world.policies:
            for rule in policy.rules:
                self._name(policy.tenant, rule)
                for first, last in rule.ports:
                    self._ports += [first, last, max(0, first - 1), min(65535, last + 1), (first + last) // 2]

    def _addresses(self, tenant: str, nets: list[Net], version: int) -> list[int]:
        found: list[int] = []
        for net in nets:
            found += [int(one) for host in net.hosts for one in host.addresses if one.version == version] * 3
            found += [int(one) for one in net.gateways if one.version == version]
            for subnet in net.subnets_of(version):
                found += [int(subnet[0]), int(subnet[-1]), int(subnet[11]), int(subnet[-1]) + 1]
            found += [int(prefix[5]) for prefix, _ in net.routes if prefix.version == version] * 2
        if version == 4:
            found += [int(one.address) for one in self.services_of(tenant)]
            found += [int(number) for one in self.sessions_of(tenant) for number in (one.ue, one.n3, one.gnb)]
        return found

    def _name(self, tenant: str, rule: Rule) -> None:
        for version in (4, 6):
            everybody = self._everything[tenant, version]
            for side in (rule.source, rule.destination):
                prefixes = side.subnets if isinstance(side, Net) else () if side is None else (side,)
                for prefix in prefixes:
                    if prefix.version == version:
                        inside = [address for address in everybody if in_subnet(address, prefix)]
                        self._named[tenant, version] += inside[:6] or [int(prefix[0])]

    def speaker(self, random: Random) -> Speaker:
        """Somebody at an open port."""
        net, place = random.choice(self._slots)
        here = [host for host in net.hosts if host.place is place]
        if here and random.random() < 0.93:
            host = random.choice(here)
            own = {v: [int(one) for one in host.addresses if one.version == v] for v in (4, 6)}
            routed = self._routed(random, net, host) if random.random() < 0.25 else {}
            addresses = {
                v: routed.get(v) or (random.choice(own[v]) if own[v] else self._stranger(random, net, v))
                for v in (4, 6)
            }
            return Speaker(net, place, host.mac, addresses)
        mac = place.mac or STRANGER | random.getrandbits(12)
        return Speaker(net, place, mac, {v: self._stranger(random, net, v) for v in (4, 6)})

    @staticmethod
    def _routed(random: Random, net: Net, host: Host) -> dict[int, int]:
        """Addresses behind a host that routes."""
        return {
            prefix.version: int(prefix.network_address)
            + (
                random.choice((0xC0A80705, 0x08080808, 0x0A000305, 0x0A2D0002))
                if prefix.prefixlen == 0
                else 5
            )
            for prefix, via in net.routes
            if via in host.addresses and (prefix.version == 4 or prefix.prefixlen)
        }

    @staticmethod
    def _stranger(random: Random, net: Net, version: int) -> int:
        """An address that nobody is known to have."""
        own = net.subnets_of(version)
        if own:
            return int(random.choice(own)[random.choice((3, 5, 9, -2))])
        return (
            random.randrange(1 << 24, 0xDF << 24) if version == 4 else 0x2001 << 112 | random.getrandbits(60)
        )

    def neighbour(self, random: Random, net: Net, version: int) -> tuple[int, int]:
        """MAC and IP address of somebody in the network."""
        known = [
            (host.mac, int(one)) for host in net.hosts for one in host.addresses if one.version == version
        ]
        if not net.subnets:
            known = [(host.mac, random.randrange(1 << 24, 0xDF << 24)) for host in net.hosts]
        if known and random.random() < 0.9:
            return random.choice(known)
        return STRANGER | random.getrandbits(12), self._stranger(random, net, version)

    def destination(self, random: Random, net: Net, version: int) -> int:
        """Somewhere in the tenant's networks, or behind a route."""
        if random.random() < 0.15 and (named := self._named[net.tenant, version]):
            return random.choice(named)
        everything = self._everything[net.tenant, version]
        return random.choice(everything) if everything else self._stranger(random, net, version)

    def target(self, random: Random, net: Net, version: int) -> int:
        """What a host of the network would resolve."""
        own = [int(one) for one in net.gateways if one.version == version]
        if own and random.random() < 0.4:
            return random.choice(own)
        if random.random() < 0.15:
            return self.destination(random, net, version)
        return self.neighbour(random, net, version)[1] if version == 4 or net.subnets else 0xFE80 << 112 | 9

    def _near(self, net: Net, version: int) -> list[int]:
        """Addresses that somebody in the network has: its hosts, wherever they are, and the fabric."""
        known = self._known_near.get((net, version))
        if known is None:
            known = [int(one) for one in net.gateways if one.version == version] * 2
            known += [int(one) for host in net.hosts for one in host.addresses if one.version == version]
            for subnet in net.subnets_of(version):
                known += [int(subnet[0]), int(subnet[-1]), int(subnet[3])]
            known += [int(one.n3) for one in self._world.sessions if one.access is net and version == 4]
            self._known_near[net, version] = known
        return known

    def address(self, random: Random, net: Net, version: int) -> int:
        """One to forge."""
        share = random.random()
        if share < 0.45 and (near := self._near(net, version)):
            return random.choice(near)
        if share < 0.75 and (everything := self._everything[net.tenant, version]):
            return random.choice(everything)
        if version == 4:
            texts = ("00000000", "00000001", "7f000001", "e0000001", "efffffff", "f0000001", "ffffffff")
            more = ("a9fe0001", "08080808", "0affffff", "dfffffff", "80000001", "7effffff", "01000000")
            return int(random.choice((*texts, *more)), 16)
        special = (0, 1, 0xFF02 << 112 | 1, 0xFFFF << 32 | 0x0A000105, 0xFE80 << 112 | 7, 0xFEBF << 112 | 7)
        more6 = (0xFEC0 << 112 | 7, 2, 0x0A000105, 0xFF05 << 112 | 0x10003, 0x3FFF << 112, 0xFD << 120 | 1)
        return random.choice((*special, *more6))

    def mac(self, random: Random, net: Net) -> int:
        """One to forge, or to send to."""
        macs = [host.mac for host in net.hosts]
        special = (
            0,
            ROUTER,
            BROADCAST_MAC,
            0x01005E000001,
            0x333300000001,
            STRANGER | 1,
            0x0180C2000003,
            0x0180C200000F,
        )
        return random.choice((*macs, *special)) if macs else random.choice(special)

    def slot(self, random: Random) -> tuple[Net, Place]:
        """An open port and tag."""
        return random.choice(self._slots)

    def net_at(self, port: int, tag: int | None) -> Net:
        """The network of a slot; any where none is."""
        for net, place in self._slots:
            if (place.port, place.tag) == (port, tag) and place.switch == LEAF:
                return net
        return self._slots[0][0]

    def dport(self, random: Random) -> int:
        """A destination port that somebody cares about."""
        return random.choice(self._ports) if random.random() < 0.9 else random.getrandbits(16)

    def sport(self, random: Random) -> int:
        """A source port; servers' and 0 too."""
        return (
            random.randrange(1024, 65536)
            if random.random() < 0.8
            else random.choice((0, 8000, 8001, 8002, 53, 67))
        )

    def vlan(self, net: Net) -> int:
        """A network's VLAN id on the fabric's links."""
        return self._vlans[f"{net.tenant}/{net.name}"]

    def gnb(self, random: Random) -> Speaker:
        """A gNB at the leaf; anybody in the access network if there is none."""
        access = self._world.sessions[0].access
        gnbs = {int(one.gnb) for one in self._world.sessions}
        here = [
            Speaker(access, host.place, host.mac, {4: int(address), 6: 0})
            for host in access.hosts
            for address in host.addresses
            if host.place.switch == LEAF and int(address) in gnbs
        ]
        if here and random.random() < 0.9:
            return random.choice(here)
        places = [place for place in access.places if place.switch == LEAF]
        place = random.choice(places) if places else self._slots[0][1]
        mac = place.mac or STRANGER | random.getrandbits(12)
        return Speaker(access, place, mac, {v: self._stranger(random, access, v) for v in (4, 6)})

    def services_of(self, tenant: str) -> list[Service]:
        """A tenant's services."""
        return [one for one in self._world.services if one.tenant == tenant]

    def sessions_of(self, tenant: str) -> list[Session]:
        """A tenant's sessions."""
        return [one for one in self._world.sessions if one.tenant == tenant]

    def session_at(self, random: Random, speaker: Speaker) -> Session:
        """A session whose gNB speaks, if there is one."""
        own = [one for one in self._world.sessions if int(one.gnb) == speaker.address(4)]
        return random.choice(own or self._world.sessions)
