"""Incidents of the running fabric: what switches report becomes incidents, films, events and records.

This module puts the parts of `telemetry` together and gives them the time. It knows no intents and no HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from p4fabric.controller.config import FabricConfig
from p4fabric.controller.fabric.ipfix_export import IpfixExport
from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.archive import ArchiveError, IncidentArchive
from p4fabric.controller.telemetry.collector import (
    ClockEstimate,
    ClockExchange,
    Collector,
    CollectorSettings,
    exchange_clocks,
    open_endpoint,
    serve_feed,
)
from p4fabric.controller.telemetry.events import Event, IncidentCleared, IncidentOnset, IncidentUpdate
from p4fabric.controller.telemetry.incidents import (
    Incident,
    IncidentMachine,
    PacketEvidence,
    Thresholds,
    Turn,
    evidence_of,
)
from p4fabric.controller.telemetry.incidents.evidence import BinEvidence, Evidence
from p4fabric.controller.telemetry.incidents.figures import NameFlow
from p4fabric.controller.telemetry.incidents.spells import JOIN_GAP_NS
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.queue_maxima import QueueMaxima
from p4fabric.controller.telemetry.reports import Origin, ReportGroup
from p4fabric.controller.telemetry.series import Film, SeriesRecorder
from p4fabric.controller.telemetry_config import ReportsConfig

__all__ = ["IncidentService", "kept_incidents"]

_log = logging.getLogger(__name__)

_MS, _SECOND = 1_000_000, 1_000_000_000
_AROUND = 200 * _MS
"""What a film has before the onset and after the end."""
_OPENING = 10 * _SECOND
"""Of an incident that goes on for longer, the beginning is kept apart before the recent past forgets it."""
_MOST_FILMS = 16
_ASKED_ANEW = _SECOND
"""Thresholds are asked for with each bin, and change with intents only."""
_STEP = 0.005
"""Seconds."""
_CLOCK_INTERVAL, _CLOCKS_A_SECOND = 2.0, 20.0
"""Seconds between two questions for a switch's time; with very many switches, each is asked less often."""
_TRY_AGAIN = 5.0
"""Seconds between attempts to listen at a port that is in use."""


@asynccontextmanager
async def kept_incidents(config: FabricConfig) -> AsyncIterator[IncidentArchive | None]:
    """Where incidents are kept: where the configuration says, or beside the store.

    Yields:
        None where that cannot be used: the fabric works all the same.
    """
    kept, store = config.telemetry.incidents, config.store.path
    path = kept.path or store.with_name(f"{store.stem}.incidents.db")
    opened = IncidentArchive.opened(
        path, most_bytes=kept.max_bytes, most_age=kept.max_age, clock=time.time_ns
    )
    async with AsyncExitStack() as stack:
        archive = None
        try:
            archive = await stack.enter_async_context(opened)
        except ArchiveError as error:
            _log.error("%s; they are in memory only", error)
        yield archive


def _nobody(switch: SwitchName, group: ReportGroup, arrived: int) -> None:
    """Nobody wants to know."""


class IncidentService:
    """`run` it in a TaskGroup."""

    def __init__(
        self,
        reports: ReportsConfig,
        nodes: Mapping[int, SwitchName],
        publish: Callable[[Event], None],
        *,
        congested: Callable[[PacketEvidence], None],
        thresholds: Callable[[Queue], Thresholds | None],
        report_interval: Callable[[Queue], float],
        name: NameFlow,
        untold_drops: Callable[[SwitchName], str | None] = lambda switch: None,
        followed: Callable[[SwitchName, ReportGroup, int], None] = _nobody,
        exchange: ClockExchange | None = None,
        listening: Callable[[], None] = lambda: None,
        export: IpfixExport | None = None,
        archive: IncidentArchive | None = None,
        first_number: int = 1,
    ) -> None:
        """Make it, having heard nothing.

        Args:
            reports: where reports are taken.
            nodes: the switches by node id.
            publish: is told of incidents; not blocking.
            congested: is told of each packet that met a queue that was too full; not blocking.
            thresholds: of a queue that is watched.
            report_interval: seconds between the reports that a queue was asked for.
            name: whose a flow is.
            untold_drops: why a switch does not tell how many packets found a queue full; None: it does.
            followed: is given all reports, for those of followed flows; not blocking.
            exchange: asks a switch for its time; None: nobody does.
            listening: called when reports are taken somewhere.
            export: is told of incidents and drops, to export them.
            archive: keeps incidents; None: they are in memory only.
            first_number: of the first incident.
        """
        listen = reports.listen
        self.settings = CollectorSettings(
            nodes,
            "" if listen is None else listen.host,
            0 if listen is None else listen.port,
            # Of what comes by the feed, the sources were judged.
            () if reports.socket is not None else reports.sources,
            reports.receive_buffer,
        )
        self._feed = reports.socket
        self.is_listening = listen is not None
        """Whether reports are taken by UDP; those of programs come by the connections of their switches."""
        self.address: tuple[str, int] | None = None
        """Where they are taken now."""
        self.archive, self._export = archive, export
        self.collector = Collector(self.settings, self._reported)
        self.recorder = SeriesRecorder(self.clock, self.bins_lost)
        self.machine = IncidentMachine(
            self._turned,
            clock=self.clock,
            thresholds=self._thresholds_of,
            name=name,
            gap=self._gap,
            lost=self.lost,
            untold_drops=untold_drops,
            first_number=first_number,
        )
        self._exchange, self._listening = exchange, listening
        self._publish, self._congested, self._followed = publish, congested, followed
        self._thresholds, self._report_interval = thresholds, report_interval
        self._known_thresholds: dict[Queue, Thresholds | None] = {}
        self._thresholds_asked = 0
        self.maxima = QueueMaxima()
        self.began = 0
        """Incidents since the start."""
        self._openings: dict[int, tuple[Film, ...]] = {}
        """Of incidents that go on."""
        self._news = asyncio.Event()

    @property
    def export_failures(self) -> int | None:
        """IPFIX messages that were not sent; None where none are."""
        return None if self._export is None else self._export.failures

    async def run(self) -> None:
        """Take reports and follow incidents, for ever. Ends by cancellation only."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(), name="incidents")
            if self.is_listening:
                tasks.create_task(self._listen(), name="reports of switches")
            if self.archive is not None:
                tasks.create_task(self.archive.run(), name="archive of incidents")
            if self._exchange is not None:
                names = list(self.collector.nodes)
                interval = max(_CLOCK_INTERVAL, len(names) / _CLOCKS_A_SECOND)
                tasks.create_task(
                    exchange_clocks(self.collector, self._exchange, names, interval=interval),
                    name="clocks of switches",
                )
            if self._export is not None:
                tasks.create_task(self._export.run(), name="IPFIX")

    @property
    def listening_at(self) -> tuple[str, int] | None:
        """Where switches send reports, as far as that is known; None: nowhere."""
        if self._feed is not None:
            return (self.settings.host, self.settings.port) if self.settings.port else None
        return self.address

    def frame(self, switch: SwitchName, frame: bytes) -> None:
        """A switch handed its controller a report, as a datagram in a frame."""
        self.collector.take_frame(switch, frame, time.time_ns())

    def clock(self, switch: SwitchName, now: int) -> ClockEstimate | None:
        """What is known of a switch's clock at a moment (nanoseconds since 1970)."""
        return self.collector.clock(switch, now)

    def lost(self, switch: SwitchName) -> int:
        """Datagrams of a switch's reports that were lost so far."""
        figures = self.collector.nodes.get(switch)
        return 0 if figures is None else figures.lost

    def bins_lost(self, switch: SwitchName) -> int:
        """Of those, the ones with bins of queues."""
        figures = self.collector.nodes.get(switch)
        sequence = None if figures is None else figures.sequences.get(Origin.QUEUES)
        return 0 if sequence is None else sequence.lost

    async def films(self, number: int) -> tuple[Film, ...]:
        """What the queues of an incident did; of one that goes on, so far."""
        for incident in self.machine.active:
            if incident.number == number:
                return self._films_of(incident)
        return () if self.archive is None else await self.archive.films(number)

    async def get(self, number: int) -> Incident | None:
        """An incident that goes on, or one that is over and still known."""
        for incident in (*self.machine.active, *self.machine.over):
            if incident.number == number:
                return incident
        return None if self.archive is None else await self.archive.get(number)

    def _gap(self, queue: Queue) -> int:
        """From where on two reports of a queue tell of two times: without bins, they come rarely."""
        figures = self.collector.nodes.get(queue.port.switch)
        if figures is not None and Origin.QUEUES in figures.sequences:
            return JOIN_GAP_NS
        return max(JOIN_GAP_NS, int(2 * _SECOND * self._report_interval(queue)))

    def _reported(self, switch: SwitchName, group: ReportGroup, arrived: int) -> None:
        self.recorder.take(switch, group, arrived)
        self._followed(switch, group, arrived)
        if self._export is not None:
            self._export.reported(switch, group, arrived)
        self._take(tuple(evidence_of(switch, group)), arrived)
        if self.machine.pause is not None:
            self._wake()

    def _take(self, evidence: Sequence[Evidence], now: int) -> None:
        seconds = now / _SECOND
        for one in evidence:
            if isinstance(one, BinEvidence):
                depth, wait_ns = one.bin.max_depth, one.bin.max_wait_ns
            else:
                depth, wait_ns = one.depth, one.wait_ns
                self._congested(one)
            self.maxima.reported(one.queue, depth, wait_ns / _SECOND, seconds)
        self.machine.take(evidence, now)

    def _wake(self) -> None:
        self._news.set()

    async def _follow(self) -> None:
        while True:
            await self._news.wait()
            advanced = time.monotonic_ns()
            while (pause := self.machine.pause) is not None:
                # In small steps, as an onset makes the pause shorter.
                await asyncio.sleep(_STEP)
                if time.monotonic_ns() - advanced >= pause:
                    self.machine.advance(time.time_ns())
                    advanced = time.monotonic_ns()
            self._news.clear()

    async def _listen(self) -> None:
        while True:
            try:
                if self._feed is not None:
                    _log.info("reports are taken from `p4fabric collector` by %s", self._feed)
                    self._listening()
                    await serve_feed(self._feed, self.collector)
                async with open_endpoint(self.settings, self.collector) as self.address:
                    self._listening()
                    _log.info("reports of switches are taken at %s port %d (UDP)", *self.address)
                    await asyncio.Event().wait()
            except OSError as error:
                where = self._feed or f"{self.settings.host} port {self.settings.port}"
                _log.error("reports cannot be taken at %s: %s", where, error.strerror)
                await asyncio.sleep(_TRY_AGAIN)
            finally:
                self.address = None

    def _thresholds_of(self, queue: Queue) -> Thresholds | None:
        now = time.monotonic_ns()
        if now - self._thresholds_asked > _ASKED_ANEW:
            self._known_thresholds.clear()
            self._thresholds_asked = now
        if queue not in self._known_thresholds:
            self._known_thresholds[queue] = self._thresholds(queue)
        return self._known_thresholds[queue]

    def _turned(self, turn: Turn, incident: Incident) -> None:
        match turn:
            case Turn.ONSET:
                self.began += 1
                self._publish(IncidentOnset(incident))
            case Turn.UPDATE:
                self._keep_opening(incident)
                self._publish(IncidentUpdate(incident))
            case Turn.CLEARED:
                if self.archive is not None:
                    if incident.merged_into is not None:
                        self.archive.remove(incident.number)
                    else:
                        self.archive.put(incident, self._films_of(incident))
                if self._export is not None and incident.merged_into is None:
                    self._export.incident(incident)
                self._openings.pop(incident.number, None)
                self._publish(IncidentCleared(incident))

    def _keep_opening(self, incident: Incident) -> None:
        if self.archive is not None:
            self.archive.put(incident)
        if incident.ended - incident.began >= _OPENING and incident.number not in self._openings:
            until = incident.began + _OPENING
            self._openings[incident.number] = self._film(incident, incident.began - _AROUND, until)

    def _films_of(self, incident: Incident) -> tuple[Film, ...]:
        opening = self._openings.get(incident.number)
        if opening is None:
            return self._film(incident, incident.began - _AROUND, incident.ended + _AROUND)
        begins = incident.ended - _OPENING + _AROUND
        return _joined(opening, self._film(incident, begins, incident.ended + _AROUND))

    def _film(self, incident: Incident, first: int, until: int) -> tuple[Film, ...]:
        queues = [one.queue for one in incident.queues[:_MOST_FILMS]]
        films = (self.recorder.film(queue, first, until) for queue in dict.fromkeys(queues))
        return tuple(film for film in films if film.bins)


def _joined(opening: Sequence[Film], ending: Sequence[Film]) -> tuple[Film, ...]:
    """The beginning and the end of what was too long to be kept whole."""
    films = {film.queue: film for film in opening}
    for film in ending:
        before = films.get(film.queue)
        last = before.bins[-1].start_ns if before is not None else -1
        bins = tuple(one for one in film.bins if one.start_ns > last)
        films[film.queue] = Film(film.queue, (before.bins if before else ()) + bins, is_cut=True)
    return tuple(films.values())
