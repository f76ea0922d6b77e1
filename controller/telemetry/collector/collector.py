"""From datagrams to reports of known switches: who may report, what is lost, what the time is.

It does no I/O, so that whoever has datagrams, a socket or a test, gives them to `take`. It does not know what
reports mean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address

from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.collector.clock import ClockEstimate, ClockSample, OffsetEstimator
from p4fabric.controller.telemetry.collector.lag import LagHistogram
from p4fabric.controller.telemetry.collector.sequence import Arrival, SequenceCounter
from p4fabric.controller.telemetry.collector.values import CollectorSettings, Refused, ReportSink
from p4fabric.controller.telemetry.reports import (
    BinsReport,
    MalformedReport,
    Report,
    ReportGroup,
    TruncatedReport,
    UnsupportedVersion,
    datagram_of,
    decode,
)

__all__ = ["Collector", "NodeFigures"]

_REMEMBERED_ADDRESSES = 1024


class NodeFigures:
    """What is known of the reports of one switch."""

    def __init__(self) -> None:
        """Begin with none."""
        self.sequences: dict[int, SequenceCounter] = {}
        """By `hw_id`, of which there are at most 64."""
        self.clock = OffsetEstimator()
        self.lag = LagHistogram()
        self.reports = 0
        self.skipped = 0
        """Reports of types that are not read."""
        self.heard_at: int | None = None
        """When the last one arrived, in nanoseconds since 1970."""

    @property
    def received(self) -> int:
        """Datagrams."""
        return sum(one.received for one in self.sequences.values())

    @property
    def lost(self) -> int:
        """Datagrams that were sent and did not come."""
        return sum(one.lost for one in self.sequences.values())

    @property
    def late(self) -> int:
        """Datagrams that came behind later ones."""
        return sum(one.late for one in self.sequences.values())


class Collector:
    """Takes datagrams and gives reports to a sink."""

    def __init__(self, settings: CollectorSettings, sink: ReportSink) -> None:
        """Take who may report, and who is given reports."""
        self._nodes, self._sink = settings.nodes, sink
        sources = tuple(settings.sources)

        @lru_cache(_REMEMBERED_ADDRESSES)
        def may_report(address: str) -> bool:
            # A scope id, as of fe80::1%eth0, says nothing of who it is.
            found = ip_address(address.partition("%")[0])
            return any(found in network for network in sources if network.version == found.version)

        self._may_report = may_report if sources else None
        self.nodes = {name: NodeFigures() for name in settings.nodes.values()}
        self.refused: Counter[Refused] = Counter()
        self.socket_lost = 0
        """Datagrams that found the socket's buffer full."""

    def take(self, datagram: bytes, source: str, arrived: int) -> bool:
        """Take a datagram, from anybody.

        Args:
            datagram: what came.
            source: the IP address that it came from.
            arrived: when, in nanoseconds since 1970.

        Returns:
            Whether it counts.
        """
        if self._may_report is not None and not self._may_report(source):
            self.refused[Refused.SOURCE] += 1
            return False
        group = self._read(datagram)
        if group is None:
            return False
        switch = self._nodes.get(group.node)
        if switch is None:
            self.refused[Refused.NODE] += 1
            return False
        return self._take_group(switch, group, arrived)

    def take_frame(self, switch: SwitchName, frame: bytes, arrived: int) -> bool:
        """Take a datagram in a frame that came by a switch's own connection, where it can only say who it is.

        Args:
            switch: the switch.
            frame: an Ethernet frame.
            arrived: when, in nanoseconds since 1970.

        Returns:
            Whether it counts.
        """
        group = self._read(frame, datagram_of)
        if group is None:
            return False
        if self._nodes.get(group.node) != switch:
            self.refused[Refused.NODE] += 1
            return False
        return self._take_group(switch, group, arrived)

    def exchanged(self, switch: SwitchName, sample: ClockSample) -> None:
        """A switch was asked for its time."""
        self.nodes[switch].clock.exchanged(sample)

    def clock(self, switch: SwitchName, now: int) -> ClockEstimate | None:
        """What is known of a switch's clock at a moment (nanoseconds since 1970)."""
        figures = self.nodes.get(switch)
        return None if figures is None else figures.clock.estimate(now)

    def _tell_time(self, figures: NodeFigures, report: Report, arrived: int) -> None:
        """Learn from the time in a report."""
        said = report.complete_ns if isinstance(report, BinsReport) else report.egress_ns
        if said is None:
            return
        if figures.clock.reported(said, arrived):
            for one in figures.sequences.values():
                one.restart()
        estimate = figures.clock.estimate(arrived)
        # Bins wait for each other before they are sent, so they say nothing of the way.
        if estimate is not None and not isinstance(report, BinsReport):
            figures.lag.add((arrived - estimate(said)) / 1e9)

    def _read(self, data: bytes, taken_out: Callable[[bytes], bytes] = bytes) -> ReportGroup | None:
        try:
            return decode(taken_out(data))
        except UnsupportedVersion:
            self.refused[Refused.VERSION] += 1
        except TruncatedReport:
            self.refused[Refused.TRUNCATED] += 1
        except MalformedReport:
            self.refused[Refused.MALFORMED] += 1
        return None

    def _take_group(self, switch: SwitchName, group: ReportGroup, arrived: int) -> bool:
        figures = self.nodes[switch]
        if group.reports:
            self._tell_time(figures, group.reports[-1], arrived)
        sequence = figures.sequences.get(group.hw_id)
        if sequence is None:
            sequence = figures.sequences[group.hw_id] = SequenceCounter()
        if sequence.take(group.sequence) is Arrival.DUPLICATE:
            self.refused[Refused.DUPLICATE] += 1
            return False
        figures.reports += len(group.reports)
        figures.skipped += group.skipped
        figures.heard_at = arrived
        self._sink(switch, group, arrived)
        return True
