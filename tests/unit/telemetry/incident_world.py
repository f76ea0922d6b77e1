"""Evidence of a small fabric, for tests of incidents. Moments are milliseconds of each switch's clock."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.telemetry.collector import ClockEstimate
from p4fabric.controller.telemetry.flow import Flow, FlowId
from p4fabric.controller.telemetry.incidents import (
    BinEvidence,
    Evidence,
    Incident,
    IncidentMachine,
    PacketEvidence,
    Thresholds,
    Turn,
)
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.reports import Bin, Left, Role
from p4fabric.pipelines.values import IpProtocol, L4Port, Port

MS, SECOND = 1_000_000, 1_000_000_000
START = 1_800_000_000 * SECOND
"""When the controller's time begins."""
OFFSETS = {"leaf1": START - 5 * SECOND, "leaf2": START - 77 * SECOND, "spine1": START}
"""Each switch's clock, which was started some time before."""
ERROR = MS // 5
THRESHOLDS = Thresholds.of(5 * MS, 32)


def queue(switch: str = "leaf1", port: int = 2, priority: int = 0) -> Queue:
    return Queue(PortRef(SwitchName(switch), Port(port)), priority)


def flow(number: int, vlan: int = 100) -> FlowId:
    source = IPv4Address("10.0.1.0") + number
    return FlowId(vlan, Flow(IpProtocol(17), source, IPv4Address("10.0.2.1"), L4Port(40000), L4Port(5001)))


def at(switch: str, ms: float) -> int:
    """A moment of the fabric, by a switch's clock."""
    return START + int(ms * MS) - OFFSETS[switch]


def packet(
    ms: float,
    role: Role = Role.NONE,
    who: int = 1,
    *,
    where: Queue | None = None,
    wait_ms: float = 6,
    depth: int = 40,
    share: tuple[int, int] = (0, 0),
    window: int | None = None,
    left: Left | None = None,
    drops: int = 0,
) -> PacketEvidence:
    """A packet that left a queue at a moment."""
    where = where or queue()
    moment = at(where.port.switch, ms)
    return PacketEvidence(
        where, moment, flow(who), role, int(wait_ms * MS), depth, *share, window, left, drops=drops
    )


def bin_of(
    ms: int, depth: int, *, where: Queue | None = None, wait_ms: float = 0, drops: int = 0
) -> BinEvidence:
    """What a queue did in a millisecond."""
    where = where or queue()
    return BinEvidence(where, Bin(at(where.port.switch, ms), depth, 0, int(wait_ms * MS), 10, 15_000, drops))


class World:
    """A machine with clocks that are known, and what it told."""

    def __init__(self, **options: object) -> None:
        self.now_ms = 0.0
        self.told: list[tuple[Turn, Incident]] = []
        self.lost = dict.fromkeys(OFFSETS, 0)
        self.epochs = dict.fromkeys(OFFSETS, 0)
        self.machine = IncidentMachine(
            lambda turn, incident: self.told.append((turn, incident)),
            clock=lambda switch, now: ClockEstimate(OFFSETS[switch], ERROR, self.epochs[switch]),
            thresholds=lambda queue: THRESHOLDS,
            lost=lambda switch: self.lost[switch],
            **options,  # type: ignore[arg-type]
        )

    def take(self, *evidence: Evidence, delay: float = 1) -> None:
        """Each piece comes a moment after what it is about, or now."""
        for one in evidence:
            self.take_at(self.moment(one) + delay, one)

    def take_at(self, ms: float, *evidence: Evidence) -> None:
        self.now_ms = max(self.now_ms, ms)
        self.machine.take(evidence, START + int(self.now_ms * MS))

    def advance(self, ms: float) -> int | None:
        self.now_ms = max(self.now_ms, ms)
        return self.machine.advance(START + int(self.now_ms * MS))

    def end(self) -> tuple[Incident, ...]:
        """All incidents, after a long silence."""
        self.advance(self.now_ms + 5000)
        return self.machine.over

    @staticmethod
    def moment(one: Evidence) -> float:
        switch = one.queue.port.switch
        time = one.at if isinstance(one, PacketEvidence) else one.bin.start_ns + MS
        return (time + OFFSETS[switch] - START) / MS


def turns(told: Iterable[tuple[Turn, Incident]]) -> list[tuple[str, int]]:
    return [(turn.value, incident.number) for turn, incident in told]
