"""Turns evidence of queues into incidents: onset, what is known meanwhile, and the end. Pure; time is given.

Each switch tells of its own queues, in its own time. What belongs together is decided from all that is known
when it is asked for, so it does not matter whose reports came first. An incident is over when nothing was
added for a while; until then queues may join it, and two incidents may turn out to be one.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.collector import ClockEstimate
from p4fabric.controller.telemetry.flow import FlowId
from p4fabric.controller.telemetry.incidents.evidence import (
    BinEvidence,
    Evidence,
    PacketEvidence,
    Thresholds,
)
from p4fabric.controller.telemetry.incidents.figures import NameFlow, queue_figures
from p4fabric.controller.telemetry.incidents.grouping import PlacedSpell, group
from p4fabric.controller.telemetry.incidents.spells import JOIN_GAP_NS, QueueSpells
from p4fabric.controller.telemetry.incidents.values import FlowNames, Incident, Turn
from p4fabric.controller.telemetry.queue import Queue

__all__ = ["IncidentMachine"]

_SECOND = 1_000_000_000
_MOST_QUEUES = 1024
_SOON, _NOW_AND_THEN = 5_000_000, 100_000_000
_Place = tuple[Queue, int, int]
"""A queue, and from when to when by its switch's clock."""


@dataclass(slots=True)
class _Running:
    """An incident that may go on."""

    number: int
    spells: list[PlacedSpell]
    told_at: int
    lost_before: dict[SwitchName, int]
    has_news: bool = False
    places: list[_Place] = field(default_factory=list)

    def lost(self, lost: Callable[[SwitchName], int]) -> Mapping[SwitchName, int]:
        """What was lost of each of its switches since the incident has to do with it."""
        switches = sorted({spell.queue.port.switch for spell in self.spells})
        return {switch: lost(switch) - self.lost_before[switch] for switch in switches}


def _is_congested(one: Evidence, thresholds: Thresholds) -> bool:
    return isinstance(one, PacketEvidence) or thresholds.is_congested(one.bin)


def _nobody(flow: FlowId, queue: Queue) -> FlowNames:
    return FlowNames()


class IncidentMachine:
    """Feed it evidence, and call `advance` when `pause` says so."""

    def __init__(
        self,
        on_turn: Callable[[Turn, Incident], None],
        *,
        clock: Callable[[SwitchName, int], ClockEstimate | None],
        thresholds: Callable[[Queue], Thresholds | None] = lambda queue: None,
        name: NameFlow = _nobody,
        gap: Callable[[Queue], int] = lambda queue: JOIN_GAP_NS,
        lost: Callable[[SwitchName], int] = lambda switch: 0,
        untold_drops: Callable[[SwitchName], str | None] = lambda switch: None,
        settle: int = _SECOND,
        tell_every: int = _SECOND,
        history: int = 256,
        first_number: int = 1,
    ) -> None:
        """Make it, knowing no congestion. All times are nanoseconds.

        Args:
            on_turn: told of each onset and end, and of updates now and then.
            clock: what is known of a switch's clock at a time (since 1970).
            thresholds: of a queue that is watched; bins of others say nothing of congestion.
            name: whose a flow is.
            gap: between two times of congestion of one queue, from which on they are two.
            lost: datagrams of a switch that were lost so far.
            untold_drops: why a switch does not tell how many packets found a queue full; None: it does.
            settle: without news, after which an incident is over.
            tell_every: between updates of one incident.
            history: incidents that are over and still remembered.
            first_number: of the first incident.
        """
        self._on_turn, self._clock, self._thresholds = on_turn, clock, thresholds
        self._name, self._gap, self._lost = name, gap, lost
        self._untold_drops = untold_drops
        self._settle, self._tell_every = settle, tell_every
        self._queues: dict[Queue, QueueSpells] = {}
        self._clocks: dict[SwitchName, ClockEstimate] = {}
        """As of the last look; each switch that has a queue here has one."""
        self._running: dict[int, _Running] = {}
        self._over: deque[Incident] = deque(maxlen=history)
        self._next = first_number
        self._is_dirty = self._has_onset = False
        self._grouped_at = 0
        self._samples: dict[SwitchName, tuple[int, int, int]] = {}
        """For each switch: when its losses were looked at, how many they were then, and a while before."""
        self.late = 0
        """Evidence that came when its incident was over, or of a switch with no known clock."""
        self.refused = 0
        """Evidence of queues that were too many."""

    @property
    def running(self) -> int:
        """How many incidents may go on."""
        return len(self._running)

    @property
    def active(self) -> tuple[Incident, ...]:
        """Incidents that may go on, in order of onset."""
        found = [self._snapshot(running, is_active=True) for running in self._running.values()]
        return tuple(sorted(found, key=lambda incident: (incident.began, incident.number)))

    @property
    def over(self) -> tuple[Incident, ...]:
        """Incidents that are over, the last one first."""
        return tuple(reversed(self._over))

    def take(self, evidence: Iterable[Evidence], now: int) -> None:
        """Take what a switch said, at a time (since 1970) that is not before the last one."""
        for one in evidence:
            self._take(one, now)
        if self._has_onset and now - self._grouped_at >= _SOON:
            self._regroup(now)

    def advance(self, now: int) -> int | None:
        """Tell what has become of incidents.

        Returns:
            In how many nanoseconds to call it again, if nothing is taken before; None: not until then.
        """
        self._sample_losses(now)
        if self._is_dirty:
            self._regroup(now)
        for running in list(self._running.values()):
            if now - max(spell.ended for spell in running.spells) >= self._settle:
                self._end(running)
            elif running.has_news and now - running.told_at >= self._tell_every:
                self._tell(Turn.UPDATE, running, now)
        return self.pause

    @property
    def pause(self) -> int | None:
        """In how many nanoseconds to call `advance`; None: not before something is taken."""
        if self._has_onset:
            return _SOON
        return _NOW_AND_THEN if self._queues else None

    def _take(self, one: Evidence, now: int) -> None:
        thresholds = None
        if isinstance(one, BinEvidence):
            thresholds = self._thresholds(one.queue)
            if thresholds is None:
                return
        clock = self._clock_of(one.queue.port.switch, now)
        at = one.bin.start_ns if isinstance(one, BinEvidence) else one.at
        spells = self._queues.get(one.queue)
        if spells is None and thresholds is not None and not _is_congested(one, thresholds):
            return
        if clock is None or now - clock(at) >= self._settle:
            self.late += 1
            return
        if spells is None:
            if len(self._queues) >= _MOST_QUEUES:
                self.refused += 1
                return
            spells = self._queues[one.queue] = QueueSpells(self._gap(one.queue))
            self._has_onset = True
        if isinstance(one, BinEvidence):
            spells.bin(one.bin, thresholds)
        else:
            spells.packet(one)
        self._is_dirty = True

    def _clock_of(self, switch: SwitchName, now: int) -> ClockEstimate | None:
        """The switch's clock. Where it began anew, what is known by the old one is over."""
        clock, before = self._clock(switch, now), self._clocks.get(switch)
        if clock is None:
            return before
        if before is not None and clock.epoch != before.epoch:
            for running in list(self._running.values()):
                if any(spell.queue.port.switch == switch for spell in running.spells):
                    self._end(running)
            for queue in [queue for queue in self._queues if queue.port.switch == switch]:
                del self._queues[queue]
        self._clocks[switch] = clock
        return clock

    def _regroup(self, now: int) -> None:
        """Decide anew what belongs together, and tell what begins or turns out to be one."""
        self._is_dirty = self._has_onset = False
        self._grouped_at = now
        placed = [
            PlacedSpell(queue, tally, clock.offset, clock.error)
            for queue, spells in self._queues.items()
            for clock in (self._clocks[queue.port.switch],)
            for tally in spells.spells
        ]
        before: defaultdict[Queue, list[tuple[int, int, int]]] = defaultdict(list)
        for running in self._running.values():
            for queue, began, ended in running.places:
                before[queue].append((began, ended, running.number))
        groups = [(self._numbers_of(members, before), members) for members in group(placed)]
        # The one that was there first keeps its number, and no number is kept twice.
        groups.sort(key=lambda pair: (min(pair[0], default=self._next), pair[1][0].began, pair[1][0].queue))
        taken: set[int] = set()
        absorbed: dict[int, int] = {}
        begun: list[_Running] = []
        for numbers, members in groups:
            left = sorted(numbers - taken)
            taken |= numbers
            if left:
                running = self._running[left[0]]
                absorbed.update((number, running.number) for number in left[1:])
            else:
                running = _Running(self._next, [], now, {})
                self._next += 1
                taken.add(running.number)
                begun.append(running)
                self._running[running.number] = running
            self._put(running, members)
        for number, into in absorbed.items():
            gone = self._running.pop(number)
            self._on_turn(Turn.CLEARED, replace(self._snapshot(gone, is_active=False), merged_into=into))
        for running in begun:
            self._tell(Turn.ONSET, running, now)

    def _numbers_of(
        self, members: list[PlacedSpell], before: Mapping[Queue, Sequence[tuple[int, int, int]]]
    ) -> set[int]:
        """The incidents that spells were parts of, by their times."""
        return {
            number
            for spell in members
            for began, ended, number in before.get(spell.queue, ())
            if spell.tally.began <= ended and began <= spell.tally.ended
        }

    def _put(self, running: _Running, members: list[PlacedSpell]) -> None:
        running.spells, running.has_news = members, True
        running.places = [(one.queue, one.tally.began, one.tally.ended) for one in members]
        for spell in members:
            switch = spell.queue.port.switch
            if switch not in running.lost_before:
                running.lost_before[switch] = self._samples.get(switch, (0, 0, self._lost(switch)))[2]

    def _sample_losses(self, now: int) -> None:
        """So that what is lost a moment before an onset counts too."""
        for switch in self._clocks:
            at, lost, _ = self._samples.get(switch, (0, self._lost(switch), 0))
            if now - at >= _SECOND:
                self._samples[switch] = now, self._lost(switch), lost

    def _end(self, running: _Running) -> None:
        del self._running[running.number]
        incident = self._snapshot(running, is_active=False)
        for spell in running.spells:
            spells = self._queues[spell.queue]
            spells.forget(spell.tally)
            if not spells.spells:
                del self._queues[spell.queue]
        self._over.append(incident)
        self._on_turn(Turn.CLEARED, incident)

    def _tell(self, turn: Turn, running: _Running, now: int) -> None:
        running.told_at, running.has_news = now, False
        self._on_turn(turn, self._snapshot(running, is_active=True))

    def _snapshot(self, running: _Running, *, is_active: bool) -> Incident:
        root = running.spells[0]
        queues = (
            queue_figures(
                spell,
                self._name,
                is_root=spell is root,
                untold_drops=self._untold_drops(spell.queue.port.switch),
            )
            for spell in running.spells
        )
        return Incident(running.number, is_active, tuple(queues), running.lost(self._lost))
