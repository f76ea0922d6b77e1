"""In which order a difference is written, so that no packet meets a half-made change.

    close   what changes hands: a port or VLAN id that goes from one tenant to another
    make    new and changed entries, what is referred to before what refers to it
    break   old entries, the other way round
    open    what lets packets in

Two networks never share a port or a VLAN id on the way, an entry never refers to a group that is not
there, and traffic that is the same before and after passes all the time. A firewall's verdict on a
packet is at each moment the old or the new one: rules come in from the first to be looked at to the
last, and go the other way. Pure. This module knows the pipeline's tables; it must never know intents.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from controller.p4runtime.update import Update, UpdateKind
from controller.reconcile.diff import Difference
from pipelines.entities import CloneSession, DigestConfig, Entity, EntityKey, MulticastGroup
from pipelines.fabric import REPORT_CLONE_SESSION
from pipelines.fabric import bindings as b
from pipelines.values import Port

__all__ = ["Phase", "Step", "references", "steps"]


class Phase(Enum):
    """The parts of a change, in order."""

    CLOSE = "close"
    MAKE = "make"
    BREAK = "break"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Step:
    """Updates that may be performed together, in any order unless `in_order`."""

    phase: Phase
    updates: tuple[Update, ...]
    in_order: bool = False


_RANKS: tuple[tuple[type[Entity], ...], ...] = (
    (MulticastGroup, CloneSession, DigestConfig, b.LinkPorts),
    (b.SourceIpv4, b.SourceIpv6),
    (b.EcmpGroups, b.EgressVlan, b.CongestionWatch),
    (b.Bridging,),
    (b.RoutingIpv4, b.RoutingIpv6),
    (b.UpfTunnelPeers, b.VirtualIpReplies),
    (b.FirewallIpv4, b.FirewallIpv6),
    (b.VirtualIps, b.UpfDownlinkSessions, b.UpfUplinkSessions),
    (b.UpfInterfaces, b.Gateways),
    (b.ArpResponder, b.NdResponder),
    (b.Networks,),
    (b.PortVlan,),
)
"""Kinds of entities, each after all that it builds on."""

_RANK: Mapping[type[Entity], float] = {kind: rank for rank, kinds in enumerate(_RANKS) for kind in kinds}
_OPEN_SOURCE = _RANK[b.Networks] - 0.5
"""Sources that anybody may send from: after those, within them, that only somebody or nobody may."""
_FIREWALL = (b.FirewallIpv4, b.FirewallIpv6)
_SOURCES = (b.SourceIpv4, b.SourceIpv6)
_GATES = (b.Networks, b.PortVlan)


def references(entity: Entity) -> tuple[EntityKey, ...]:
    """The keys without which an entry would send packets astray."""
    match entity:
        case b.Bridging(action=b.ToEcmpGroup(group=group)):
            return ((b.EcmpGroups.TABLE_ID, group, 0),)
        case b.UpfDownlinkSessions(action=b.Encapsulate(tunnel_peer=peer)):
            return ((b.UpfTunnelPeers.TABLE_ID, peer, 0),)
        case b.CongestionWatch():
            return (("clone_session", REPORT_CLONE_SESSION),)
    return ()


def steps(change: Difference) -> list[Step]:
    """Order a difference. Performing all steps turns what is actual into what is desired."""
    passed_on = _passed_on(change)
    closed = [Update(UpdateKind.DELETE, entity) for key, entity in _old(change) if key in passed_on]
    broken = [
        Update(UpdateKind.DELETE, entity) for key, entity in change.surplus.items() if key not in passed_on
    ]
    made: list[Update] = []
    opened: list[Update] = []
    for key, entity in change.missing.items():
        late = isinstance(entity, _GATES) or key in passed_on
        (opened if late else made).append(Update(UpdateKind.INSERT, entity))
    for key, changed in change.changed.items():
        if key in passed_on:
            opened.append(Update(UpdateKind.INSERT, changed.desired))
        else:
            made.append(Update(UpdateKind.MODIFY, changed.desired))
    return [
        *_ranked(Phase.CLOSE, closed, backwards=True),
        *_ranked(Phase.MAKE, made),
        *_ranked(Phase.BREAK, broken, backwards=True),
        *_ranked(Phase.OPEN, opened),
    ]


def _old(change: Difference) -> Iterator[tuple[EntityKey, Entity]]:
    yield from change.surplus.items()
    yield from ((key, changed.actual) for key, changed in change.changed.items())


def _new(change: Difference) -> Iterator[tuple[EntityKey, Entity]]:
    yield from change.missing.items()
    yield from ((key, changed.desired) for key, changed in change.changed.items())


def _passed_on(change: Difference) -> frozenset[EntityKey]:
    """The keys of entries that open what changes hands: to be closed before and opened after all else.

    A VLAN id changes hands where its VRF changes; a port where it is opened in another way than before.
    """
    networks = {key for key, changed in change.changed.items() if isinstance(changed.actual, b.Networks)}
    losing = {port for _, entity in _old(change) if (port := _way_in(entity)) is not None}
    gaining = {port for _, entity in _new(change) if (port := _way_in(entity)) is not None}
    ports = losing & gaining
    ways = {
        key
        for source in (_old(change), _new(change))
        for key, entity in source
        if _way_in(entity) in ports or _way_out(entity) in ports
    }
    return frozenset(networks | ways)


def _way_in(entity: Entity) -> Port | None:
    return entity.ingress_port if isinstance(entity, b.PortVlan) else None


def _way_out(entity: Entity) -> Port | None:
    return entity.egress_port if isinstance(entity, b.EgressVlan) else None


def _ranked(phase: Phase, updates: Iterable[Update], *, backwards: bool = False) -> Iterator[Step]:
    by_rank: dict[float, list[Update]] = defaultdict(list)
    for update in updates:
        by_rank[_rank(update.entity)].append(update)
    for rank in sorted(by_rank, reverse=backwards):
        found = by_rank[rank]
        in_order = isinstance(found[0].entity, _FIREWALL)
        if in_order:
            found.sort(key=_priority, reverse=not backwards)
        yield Step(phase, tuple(found), in_order)


def _rank(entity: Entity) -> float:
    if isinstance(entity, _SOURCES) and isinstance(entity.action, b.SourceOfSubnet | b.SourcePermitted):
        return _OPEN_SOURCE
    return _RANK[type(entity)]


def _priority(update: Update) -> int:
    entity = update.entity
    return entity.priority if isinstance(entity, _FIREWALL) else 0
