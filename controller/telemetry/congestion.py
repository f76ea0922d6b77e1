"""Turns congestion reports into episodes: when a queue fills, how badly, because of whom, until when.

Time is given, never read, so that the same reports give the same episodes. This module does not know who
asked for reports.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from p4fabric.controller.telemetry.flow import Flow
from p4fabric.controller.telemetry.incidents.evidence import PacketEvidence
from p4fabric.controller.telemetry.queue import Queue

__all__ = ["CongestionMonitor", "Episode", "Turn"]

_NS_PER_US = 1000


@dataclass(frozen=True)
class Episode:
    """One time of congestion of one queue, as far as it has come. Times are seconds since 1970."""

    number: int
    """Counts episodes since the controller was started."""
    queue: Queue
    started_at: float
    last_report_at: float
    depth: int
    """Packets in the queue, by the last report."""
    delay_us: int
    """Microseconds that a packet waited, by the last report."""
    peak_depth: int
    peak_delay_us: int
    reports: int = 1
    flows: Mapping[Flow, int] = field(default_factory=lambda: MappingProxyType({}))
    """Reports by flow, for the flows seen first."""
    reports_of_other_flows: int = 0
    """Reports of flows that were too many to be kept apart."""
    ended_at: float | None = None

    @property
    def duration(self) -> float:
        """Seconds from the first to the last report."""
        return self.last_report_at - self.started_at


class Turn(StrEnum):
    """What a report or silence did to an episode."""

    ONSET = "onset"
    UPDATE = "update"
    CLEARED = "cleared"


@dataclass(slots=True)
class _Running:
    episode: Episode
    told_at: float


class CongestionMonitor:
    """Feed it reports, and ask it now and then what is over."""

    def __init__(
        self,
        on_turn: Callable[[Turn, Episode], None],
        *,
        clear_after: Callable[[Queue], float] = lambda queue: 1.0,
        tell_every: float = 1.0,
        most_flows: int = 32,
        history: int = 256,
    ) -> None:
        """Make it, knowing no congestion.

        Args:
            on_turn: told of each onset and end, and of updates now and then.
            clear_after: seconds of silence of a queue that end an episode.
            tell_every: seconds between updates; a new peak is told no sooner either.
            most_flows: flows kept apart in one episode.
            history: episodes that are over and still remembered.
        """
        self._on_turn = on_turn
        self._clear_after = clear_after
        self._tell_every = tell_every
        self._most_flows = most_flows
        self._running: dict[Queue, _Running] = {}
        self._deadlines: list[tuple[float, int, Queue]] = []
        """A heap with one item for each running episode: when to look at it, its number, its queue."""
        self._over: deque[Episode] = deque(maxlen=history)
        self._count = 0

    @property
    def active(self) -> tuple[Episode, ...]:
        """Episodes that go on, in order of onset."""
        return tuple(sorted((r.episode for r in self._running.values()), key=lambda e: e.number))

    @property
    def over(self) -> tuple[Episode, ...]:
        """Episodes that are over, the last one first."""
        return tuple(reversed(self._over))

    def report(self, packet: PacketEvidence, now: float) -> None:
        """Take a packet that met a queue that was too full, at a time that is not before the last one."""
        self.expire(now)
        queue = packet.queue
        running = self._running.get(queue)
        if running is None:
            self._count += 1
            episode = self._begun(packet, now)
            self._running[queue] = running = _Running(episode, now)
            heapq.heappush(self._deadlines, (self._deadline(queue, running), episode.number, queue))
            self._on_turn(Turn.ONSET, episode)
            return
        running.episode = self._continued(running.episode, packet, now)
        if now - running.told_at >= self._tell_every:
            running.told_at = now
            self._on_turn(Turn.UPDATE, running.episode)

    def expire(self, now: float) -> float | None:
        """End what is silent; returns when to ask again at the latest, or None if there is nothing left.

        Reports move the end of an episode, and leave its item in the heap as it is: an item whose time has
        come is put back with the end that holds by then. So a report costs O(log n) of the running episodes.
        """
        deadlines = self._deadlines
        while deadlines and deadlines[0][0] <= now:
            _, number, queue = deadlines[0]
            running = self._running[queue]
            deadline = self._deadline(queue, running)
            if deadline <= now:
                heapq.heappop(deadlines)
                self._end(queue, now)
            else:
                heapq.heapreplace(deadlines, (deadline, number, queue))
        return deadlines[0][0] if deadlines else None

    def _deadline(self, queue: Queue, running: _Running) -> float:
        return running.episode.last_report_at + self._clear_after(queue)

    def _end(self, queue: Queue, now: float) -> None:
        ended = self._running.pop(queue).episode
        episode = replace(ended, ended_at=now)
        self._over.append(episode)
        self._on_turn(Turn.CLEARED, episode)

    def _begun(self, packet: PacketEvidence, now: float) -> Episode:
        depth, delay = packet.depth, packet.wait_ns // _NS_PER_US
        flows = MappingProxyType({packet.flow.flow: 1})
        return Episode(self._count, packet.queue, now, now, depth, delay, depth, delay, flows=flows)

    def _continued(self, episode: Episode, packet: PacketEvidence, now: float) -> Episode:
        flow, flows, others = packet.flow.flow, dict(episode.flows), episode.reports_of_other_flows
        delay_us = packet.wait_ns // _NS_PER_US
        if flow in flows or len(flows) < self._most_flows:
            flows[flow] = flows.get(flow, 0) + 1
        else:
            others += 1
        return replace(
            episode,
            last_report_at=now,
            depth=packet.depth,
            delay_us=delay_us,
            peak_depth=max(episode.peak_depth, packet.depth),
            peak_delay_us=max(episode.peak_delay_us, delay_us),
            reports=episode.reports + 1,
            flows=MappingProxyType(flows),
            reports_of_other_flows=others,
        )
