"""Queues of the native engine: watches, bins, counts, and reports (`api.Queues`)."""

from __future__ import annotations

import ctypes as c
import os
from collections.abc import Callable
from typing import Any

from p4fabric.softswitch.engine.api import PortError
from p4fabric.softswitch.engine.api.queues import (
    DROP_REPORT_BURST,
    DROP_REPORTS_PER_SECOND,
    KEPT_BINS,
    PRIORITIES,
    REPORT_DEPTH,
    REPORT_WAIT_US,
    Bin,
    QueueCounts,
    ReportStats,
)
from p4fabric.softswitch.engine.native import (
    AFTER_GAP,
    DROP_REASONS,
    LATE,
    NativeBin,
    QueueReport,
    ReporterReport,
)

MOST_SESSION = 32767


class NativeQueues:
    """See `api.Queues`."""

    def __init__(self, native: Any, handle: Callable[[], Any]) -> None:
        """`handle` gives the engine's, as long as it is open."""
        self._native = native
        self._handle = handle

    def watch(
        self, port: int, *, report_depth: int = REPORT_DEPTH, report_wait_us: int = REPORT_WAIT_US
    ) -> None:
        """See `api.Queues.watch`."""
        for name, value in (("report_depth", report_depth), ("report_wait_us", report_wait_us * 1000)):
            if not 0 <= value < 1 << 32:
                raise PortError(f"port {port}: {name} is out of bounds: 0..2^32-1 packets or nanoseconds")
        self._watch(port, True, report_depth, report_wait_us * 1000)

    def unwatch(self, port: int) -> None:
        """See `api.Queues.unwatch`."""
        self._watch(port, False, 0, 0)

    def _watch(self, port: int, on: bool, depth: int, wait_ns: int) -> None:
        error = self._native.engine_watch(self._handle(), port & 0xFFFFFFFF, on, depth, wait_ns)
        if error:
            raise PortError(f"port {port} cannot be watched: {os.strerror(error)}")

    def bins(self, port: int, priority: int, after: int = 0) -> tuple[list[Bin], int]:
        """See `api.Queues.bins`."""
        found = (NativeBin * KEPT_BINS)()
        end = c.c_uint64(0)
        count = self._native.engine_bins(
            self._handle(), port & 0xFFFFFFFF, priority & 0xFFFFFFFF, after, found, KEPT_BINS, c.byref(end)
        )
        return [_bin(one) for one in found[: max(count, 0)]], end.value

    def counts(self, port: int) -> tuple[QueueCounts, ...]:
        """See `api.Queues.counts`."""
        reports = (QueueReport * PRIORITIES)()
        if not self._native.engine_queues(self._handle(), port & 0xFFFFFFFF, reports):
            raise PortError(f"there is no port {port}")
        return tuple(
            QueueCounts(
                priority,
                one.waiting,
                one.most,
                one.packets,
                one.bytes,
                dict(zip(DROP_REASONS, one.drops, strict=True)),
                one.deflected,
            )
            for priority, one in enumerate(reports)
        )

    def deflect(
        self, session: int, rate: int = DROP_REPORTS_PER_SECOND, burst: int = DROP_REPORT_BURST
    ) -> None:
        """See `api.Queues.deflect`."""
        for name, value, least, most in (
            ("session", session, 0, MOST_SESSION),
            ("rate", rate, 1, 10**6),
            ("burst", burst, 1, 10**6),
        ):
            if not least <= value <= most:
                raise ValueError(f"{name} {value} is not in {least}..{most}")
        self._native.engine_deflect(self._handle(), session, rate, burst)

    def report_to(self, socket: int, node: int) -> None:
        """See `api.Queues.report_to`."""
        self._native.engine_report_to(self._handle(), socket, node & 0xFFFFFFFF)

    def reports(self) -> ReportStats:
        """See `api.Queues.reports`."""
        report = ReporterReport()
        self._native.engine_reports(self._handle(), report)
        return ReportStats(report.datagrams, report.refused, report.bytes, report.bins)

    def now_ns(self) -> int:
        """See `api.Queues.now_ns`."""
        return int(self._native.engine_now(self._handle()))


def _bin(one: NativeBin) -> Bin:
    return Bin(
        one.start_ns,
        one.depth,
        one.depth_ns,
        one.wait_ns,
        one.packets,
        one.bytes,
        one.drops,
        bool(one.flags & LATE),
        bool(one.flags & AFTER_GAP),
    )
