"""One flood, and what everybody else met meanwhile."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from p4fabric.controller.intents.kinds.network import ROUTER_MAC
from tests.attacks.floods.bed import Bed, Event, far
from tests.attacks.floods.kinds import Kind
from tests.attacks.floods.plan import H2, H3, K1, K2, S1, Host
from tests.attacks.floods.tools import LONGEST, Flow, Measured, Sent, Tools

__all__ = ["Outcome", "Side", "flooded", "names_port"]

RATE = 200
"""Datagrams a second, of each flow."""
SETTLING = 0.25
"""Seconds of measuring before and after the flood."""

HARMLESS = frozenset(
    {
        "AddressClaimRefused",
        "DuplicateAddress",
        "HostLimitReached",
        "HostForgotten",
        "HostLearned",
        "TrafficDropped",
        "TrafficDropsCleared",
    }
)
"""Events that may be told of ports that flood, or did: some wait for counters or for silent hosts."""


def _datagrams(source: Host, destination: Host) -> Flow:
    bridged = source.gateway == destination.gateway
    packet = (
        Ether(src=source.mac, dst=destination.mac if bridged else str(ROUTER_MAC))
        / IP(src=source.address, dst=destination.address)
        / UDP(sport=7000, dport=7000, chksum=0)
        / bytes(32)
    )
    here, there = (far(host.switch, host.port) for host in (source, destination))
    return Flow(here, there, bytes(packet))


def _both_ways(one: Host, other: Host) -> list[Flow]:
    return [_datagrams(one, other), _datagrams(other, one)]


@dataclass(frozen=True, slots=True)
class Side:
    """What the flows of one kind met together: all their datagrams, the latency of the worst."""

    sent: int
    lost: int
    median_us: float
    p99_us: float

    @classmethod
    def of(cls, flows: Sequence[Measured]) -> Side:
        """Sum up."""
        return cls(
            sum(flow.sent for flow in flows),
            sum(flow.lost for flow in flows),
            statistics.median(flow.median_us for flow in flows),
            max(flow.p99_us for flow in flows),
        )

    @property
    def loss(self) -> float:
        """The share that was lost."""
        return self.lost / self.sent


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one flood."""

    kind: Kind
    flood: Sent
    dropped: dict[str, int]
    """Of the flood's frames, by reason."""
    across: Side
    """Between h2 and s1, from leaf to leaf."""
    within: Side
    """Between h2 and h3, at the leaf that is flooded."""
    control: Side
    """Between k1 and k2, which share nothing with them but the machine and the controller."""
    events: list[Event]
    harmful: list[Event]
    """Those that a flood may not cause."""


def flooded(bed: Bed, tools: Tools, kind: Kind, rate: int, seconds: float, patience: float) -> Outcome:
    """Flood for so many seconds; events count up to `patience` seconds later."""
    flows = [*_both_ways(H2, S1), *_both_ways(H2, H3), *_both_ways(K1, K2)]
    frames = kind.make()
    before, told = bed.drops("leaf1", kind.port), len(bed.events)
    with tools.measuring(RATE, LONGEST * seconds + 2 * SETTLING, flows) as measured:
        time.sleep(SETTLING)
        if frames:
            bed.flooded.add(kind.port)
            sent = tools.flood(far("leaf1", kind.port), frames, rate, seconds)
        else:
            time.sleep(seconds)
            sent = Sent(0, seconds)
        time.sleep(SETTLING)
    time.sleep(patience)
    after = bed.drops("leaf1", kind.port)
    dropped = {reason: after[reason] - before[reason] for reason in after if after[reason] > before[reason]}
    across, within, control = (Side.of(measured[at : at + 2]) for at in (0, 2, 4))
    events = bed.events[told:]
    harmful = [event for event in events if not _may_be_told(event, bed.flooded)]
    return Outcome(kind, sent, dropped, across, within, control, events, harmful)


def names_port(event: Event, port: int) -> bool:
    """Whether an event is about a port of leaf1."""
    place = event.get("claimedAt", event)
    return (place.get("switch"), place.get("port")) == ("leaf1", port)


def _may_be_told(event: Event, ports: Iterable[int]) -> bool:
    """Whether an event is harmless: of a port that floods, or did before."""
    return event["type"] in HARMLESS and any(names_port(event, port) for port in ports)
