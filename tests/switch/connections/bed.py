"""Two leaves with one link, three endpoints of one network, and a clock that stands still.

Alice and Bob are at leaf1, Carol is at leaf2. What may pass is said by entries, in the words of the compiler.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

from finsy.proto import p4r
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet

from p4fabric.controller.compiler.policy_entries import (
    PolicyEntry,
    Side,
    Tier,
    Verdict,
    endpoint_source,
    peer,
    port_class,
    track,
)
from p4fabric.pipelines import fabric
from p4fabric.pipelines.entities import (
    CloneSession,
    Entity,
    Lpm,
    MulticastGroup,
    Replica,
    TableEntry,
    Ternary,
)
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import (
    Identity,
    IpProtocol,
    L4Port,
    MacAddress,
    PolicyRule,
    Port,
    PortClass,
    VlanId,
    VrfId,
)
from p4fabric.softswitch import Network
from p4fabric.softswitch.engine.api import WriteRegister

RED, TENANT = VlanId(100), VrfId(1)
ROUTER = MacAddress.parse("02:00:5e:00:00:01")
LINK = 8
LEAVES = ("leaf1", "leaf2")
WEB, DNS = PortClass(0x2001), PortClass(0x4001)
"""TCP and SCTP port 80, and UDP port 53."""


@dataclass(frozen=True)
class Endpoint:
    """Who, and where."""

    name: str
    leaf: str
    port: int
    number: int
    identity: Identity

    @property
    def mac(self) -> MacAddress:
        return MacAddress(0x020000000000 + self.number)

    @property
    def ipv4(self) -> IPv4Address:
        return IPv4Address("10.0.1.0") + self.number

    @property
    def ipv6(self) -> IPv6Address:
        return IPv6Address("2001:db8:1::") + self.number


ALICE = Endpoint("alice", "leaf1", 1, 10, Identity(0x800001))
BOB = Endpoint("bob", "leaf1", 2, 11, Identity(0x800002))
CAROL = Endpoint("carol", "leaf2", 1, 12, Identity(0x800101))
ENDPOINTS = (ALICE, BOB, CAROL)


def one(identity: Identity) -> Ternary[Identity]:
    return Ternary.exact(identity, Identity.BITS)


def rule(
    side: Side,
    verdict: Verdict,
    source: Endpoint | Ternary[Identity] | None = None,
    destination: Endpoint | Ternary[Identity] | None = None,
    ports: PortClass | None = None,
    *,
    tier: Tier = Tier.NETWORK,
    priority: int = 10,
    icmp: Ternary[int] | None = None,
    number: int = 1,
    generation: int | None = None,
) -> b.EgressAdminRules | Any:
    """What a tier says."""
    ends = [one(end.identity) if isinstance(end, Endpoint) else end for end in (source, destination)]
    block = None if ports is None else Ternary.exact(ports, PortClass.BITS)
    return PolicyEntry(
        tier, side, TENANT, *ends, block, icmp, priority, verdict, PolicyRule(number), generation
    ).entry()


def isolated(side: Side, who: Endpoint) -> Any:
    """Nothing but what rules of the same tier allow."""
    ends = (who, None) if side is Side.EGRESS else (None, who)
    return rule(side, Verdict.DENY, *ends, priority=1, number=99)


def classes() -> list[Entity]:
    """The ports that rules tell apart."""
    web, dns = (Ternary.exact(L4Port(port), 16) for port in (80, 53))
    return [
        port_class(TENANT, IpProtocol(6), web, 1, WEB),
        port_class(TENANT, IpProtocol(132), web, 1, WEB),
        port_class(TENANT, IpProtocol(17), dns, 1, DNS),
    ]


def leaf_entries(leaf: str) -> list[Entity]:
    """A leaf's network, without policies."""
    here = [one for one in ENDPOINTS if one.leaf == leaf]
    entries: list[Entity] = [
        CloneSession(fabric.REPORT_CLONE_SESSION, (Replica(fabric.CPU_PORT),), 0),
        MulticastGroup(int(RED), tuple(Replica(port) for port in (*(end.port for end in here), LINK))),
        b.Networks(
            RED,
            b.SetNetwork(
                TENANT, ROUTER, 0, IPv4Address("10.0.1.0"), IPv6Address("2001:db8:1::"), False, 0, False
            ),
        ),
        b.SourceIpv4(RED, Lpm(IPv4Address(0), 32), b.SourcePermitted()),
        b.SourceIpv6(RED, Lpm(IPv6Address(0), 128), b.SourcePermitted()),
        b.SourceIpv6(RED, Lpm(IPv6Address("fe80::"), 10), b.SourcePermitted()),
        b.LinkPorts(Port(LINK), b.Link()),
        b.PortVlan(Port(LINK), True, None, 1, b.PermitFabric()),
        b.EgressVlan(Port(LINK), None, 1, b.FabricTagged()),
    ]
    for end in ENDPOINTS:
        entries.append(b.Bridging(RED, end.mac, b.ToPort(Port(end.port if end.leaf == leaf else LINK))))
        for address in (end.ipv4, end.ipv6):
            entries.append(peer(TENANT, address, end.identity))
    for end in here:
        port = Port(end.port)
        entries += [
            b.PortVlan(port, False, None, 1, b.PermitHost(RED, MacAddress(0), True, False, False)),
            b.EgressVlan(port, Ternary.exact(RED, 12), 1, b.EdgeUntagged()),
            endpoint_source(RED, end.ipv4, port, end.mac, end.identity),
            endpoint_source(RED, end.ipv6, port, end.mac, end.identity),
        ]
    return entries


class Bed:
    """The network, and what its endpoints say to each other."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def write(
        self, *entities: Entity, kind: int = p4r.Update.INSERT, leaves: tuple[str, ...] = LEAVES
    ) -> None:
        """On all leaves."""
        updates = [p4r.Update(type=kind, entity=entity.encode()) for entity in entities]  # type: ignore[arg-type]
        for leaf in leaves:
            self.network[leaf].write(updates)

    def delete(self, *entities: Entity, leaves: tuple[str, ...] = LEAVES) -> None:
        self.write(*entities, kind=p4r.Update.DELETE, leaves=leaves)

    def packets_counted(self, leaf: str, entry: TableEntry) -> int:
        """By an entry's own counter."""
        asked = p4r.Entity()
        asked.direct_counter_entry.table_entry.CopyFrom(entry.encode_key())
        (found,) = self.network[leaf].read(asked)
        return int(found.packet_count)

    def occupy(self, leaf: str, head: str, cell: int) -> None:
        """Put a connection of somebody else's into a cell, for two hours from the beginning."""
        engine = self.network[leaf].engine
        now = self.network.clock.now_ns // 65_536_000
        (outcome,) = engine.apply([WriteRegister(head, cell, 1 << 64 | now + 109_864 << 32 | 2 << 29)])
        assert not outcome.status, outcome

    def forget(self, leaf: str) -> None:
        """A leaf has started again: its registers are empty."""
        for register in b.BINDINGS.registers.values():
            if "connections" in register.REGISTER_NAME:
                entity = p4r.Entity()
                entity.register_entry.register_id = register.REGISTER_ID
                entity.register_entry.data.bitstring = b"\0"
                self.network[leaf].write(p4r.Update(type=p4r.Update.MODIFY, entity=entity))

    def go(self, seconds: float) -> None:
        self.network.run(s=seconds)

    def pass_(self, source: Endpoint, destination: Endpoint, packet: Packet, *, version: int = 4) -> bool:
        """Whether a packet from one arrives at the other, as it was sent."""
        frame = framed(source, destination, packet, version=version)
        arrived = self.network.send(source.name, frame)
        assert all(one.host == destination.name for one in arrived), arrived
        if not arrived:
            return False
        (one,) = arrived
        assert bytes(one.frame) == frame, (Ether(one.frame), Ether(frame))
        return True

    def marks(self) -> list[int]:
        """The DEI of each frame that was on the link."""
        return [Ether(one)[Dot1Q].dei for one in self.network.wire(f"leaf1:{LINK}").frames()]

    def counted(self, leaf: str, counter: str, index: int) -> int:
        return self.network[leaf].engine.read_counters(counter, index, 1)[0].packets

    def dropped(self, end: Endpoint, reason: int) -> int:
        """How many of an endpoint's packets its leaf dropped for a reason."""
        return self.counted(end.leaf, "FabricIngress.ingress_drops", end.port << 5 | reason)


def framed(source: Endpoint, destination: Endpoint, packet: Packet, *, version: int = 4) -> bytes:
    """An Ethernet frame with a packet that has no IP header yet, unless it has one."""
    frame = Ether(src=str(source.mac), dst=str(destination.mac))
    if not isinstance(packet, IP | IPv6):
        if version == 4:
            packet = IP(src=str(source.ipv4), dst=str(destination.ipv4)) / packet
        else:
            packet = IPv6(src=str(source.ipv6), dst=str(destination.ipv6)) / packet
    return bytes(frame / packet).ljust(60, b"\0")


@contextmanager
def bed(*entities: Entity) -> Iterator[Bed]:
    """Running, with entries besides the network's, on all leaves."""
    folder = Path(fabric.__file__).parent
    program = (folder / "fabric.json", folder / "fabric.p4info.txtpb")
    links = [(end.name, f"{end.leaf}:{end.port}") for end in ENDPOINTS]
    with Network(dict.fromkeys(LEAVES, program), [*links, (f"leaf1:{LINK}", f"leaf2:{LINK}")]) as network:
        made = Bed(network)
        for leaf in LEAVES:
            made.write(*leaf_entries(leaf), leaves=(leaf,))
        made.write(track(TENANT), *classes(), *entities)
        yield made
