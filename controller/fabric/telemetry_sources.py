"""What telemetry asks of switches: how queues are watched, clocks, loads, and where they count."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from p4fabric.controller.fabric.figures import watches_of
from p4fabric.controller.fabric.physical import PhysicalFabric
from p4fabric.controller.fabric.switch import FabricSwitch
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.p4runtime.errors import P4RuntimeError
from p4fabric.controller.telemetry.collector import ClockSample
from p4fabric.controller.telemetry.drops import DropPoint, DropPoints
from p4fabric.controller.telemetry.incidents import Thresholds
from p4fabric.controller.telemetry.port_counts import PortCounts
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.queue_waits import WaitPoint, WaitPoints
from p4fabric.pipelines.fabric.bindings import CongestionWatch

__all__ = ["TelemetrySources"]

_log = logging.getLogger(__name__)


class TelemetrySources:
    """Of one fabric. Event loop only."""

    def __init__(self, switches: Mapping[SwitchName, FabricSwitch], port_counts: PortCounts) -> None:
        """Take the switches, which may be added later, and what their ports have counted."""
        self._switches, self._port_counts = switches, port_counts
        self._drop_cells, self._wait_cells = DropPoints(), WaitPoints()

    def _watch(self, queue: Queue) -> CongestionWatch | None:
        """How a queue should be watched; None: not at all."""
        switch = self._switches.get(queue.port.switch)
        watch = switch.wanted((CongestionWatch.TABLE_ID, queue.port.port, 0)) if switch is not None else None
        return watch if isinstance(watch, CongestionWatch) else None

    def report_interval(self, queue: Queue) -> float:
        """Seconds between the reports that a queue was asked for: a flow is reported once in a window."""
        watch = self._watch(queue)
        return 0.0 if watch is None else max(watch.action.interval, 4 << watch.action.window) / 1e6

    def thresholds(self, queue: Queue) -> Thresholds | None:
        """When a queue counts as congested; None: it is not watched."""
        watch = self._watch(queue)
        return None if watch is None else Thresholds.of(watch.action.delay * 1000, watch.action.depth)

    async def exchange_clock(self, switch: SwitchName) -> ClockSample | None:
        """Ask a switch for its time; None: it does not say."""
        if not self._switches[switch].connected:
            return None
        try:
            found = await self._switches[switch].switch_clock()
        except (P4RuntimeError, ValueError) as error:
            _log.debug("%s does not say its time: %s", switch, error)
            return None
        return None if found is None else ClockSample(*found)

    def load(self, port: PortRef) -> float | None:
        """Bytes a second that leave by a port; None: not known."""
        count = self._port_counts.of(port.switch).get(port.port)
        return None if count is None or count.rates is None else count.rates.get("out-octets")

    def drop_points(self, name: SwitchName, physical: PhysicalFabric) -> Sequence[DropPoint]:
        """Where a switch counts what it drops."""
        edge = physical.attachments.ports_of(name)
        return self._drop_cells.of(physical.links.switches[name], edge)

    def wait_points(self, name: SwitchName) -> Sequence[WaitPoint]:
        """Where a switch counts how long packets waited."""
        watched = [watch.egress_port for watch in watches_of(self._switches[name])]
        return self._wait_cells.of(name, watched)
