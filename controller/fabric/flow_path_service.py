"""Paths of followed flows of the running fabric: postcards become paths and events.

This module gives the parts of `telemetry.flow_paths` the time. It knows no intents and no HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.telemetry.collector import ClockEstimate
from p4fabric.controller.telemetry.events import Event, FlowPathChanged, FlowPathSilent
from p4fabric.controller.telemetry.flow_paths import FlowPath, PathAssembler, PathChange
from p4fabric.controller.telemetry.flow_paths.assembler import NamePath
from p4fabric.controller.telemetry.reports import FlowReport, Origin, ReportGroup

__all__ = ["FlowPathService"]

_STEP = 0.2
"""Seconds between looks at what time has changed."""


class FlowPathService:
    """`run` it in a TaskGroup."""

    def __init__(
        self,
        publish: Callable[[Event], None],
        *,
        peer_of: Callable[[PortRef], PortRef | None],
        clock: Callable[[SwitchName, int], ClockEstimate | None],
        name: NamePath,
    ) -> None:
        """Make it, having heard nothing.

        Args:
            publish: is told of paths; not blocking.
            peer_of: the other end of a port's link; None: it has none.
            clock: what is known of a switch's clock at a moment (nanoseconds since 1970).
            name: whose a flow is.
        """
        self._publish = publish
        self._assembler = PathAssembler(self, peer_of=peer_of, clock=clock, name=name)
        self._news = asyncio.Event()
        self.changes: Counter[PathChange] = Counter(dict.fromkeys(PathChange, 0))
        """Of all paths, since the start."""

    @property
    def paths(self) -> Sequence[FlowPath]:
        """Of all flows that are known, in the order of their numbers."""
        return self._assembler.paths

    @property
    def count(self) -> int:
        """Flows that are known."""
        return len(self._assembler)

    def states(self) -> tuple[int, int]:
        """Flows that are told of, and those that are silent."""
        active = sum(path.is_active for path in self.paths)
        return active, len(self.paths) - active

    def get(self, number: int) -> FlowPath | None:
        """The path of one of them."""
        return self._assembler.get(number)

    def reported(self, switch: SwitchName, group: ReportGroup, arrived: int) -> None:
        """A switch reports; what is no postcard is left to others."""
        if group.hw_id != Origin.POSTCARDS:
            return
        for report in group.reports:
            if isinstance(report, FlowReport):
                self._assembler.take(switch, report, arrived)
        self._news.set()

    async def run(self) -> None:
        """Follow the time, for ever. Ends by cancellation only."""
        while True:
            await self._news.wait()
            while len(self._assembler):
                await asyncio.sleep(_STEP)
                self._assembler.advance(time.time_ns())
            self._news.clear()

    # PathSink.

    def changed(self, change: PathChange, path: FlowPath) -> None:
        """A flow's path is another one."""
        self.changes[change] += 1
        self._publish(FlowPathChanged(change, path))

    def silent(self, path: FlowPath) -> None:
        """A flow was not told of for some seconds."""
        self._publish(FlowPathSilent(path))
