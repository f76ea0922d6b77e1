"""Counts dropped packets by flow and reason, from reports, until they are exported. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.flow import NOT_IP, FlowId
from p4fabric.controller.telemetry.incidents import flow_of
from p4fabric.controller.telemetry.reports import DropReport, ReportGroup
from p4fabric.pipelines.values import Port

__all__ = ["DroppedFlow", "DroppedFlows"]

_MOST_FLOWS = 4096
_HIGHEST_PORT = (1 << Port.BITS) - 1


class _Key(NamedTuple):
    switch: SwitchName
    ingress: int
    egress: int
    flow: FlowId
    reason: int


UNKNOWN = FlowId(0, NOT_IP)
"""Stands for the flows of packets that switches counted and did not report: they may be anybody's."""


@dataclass(slots=True)
class DroppedFlow:
    """Packets of one flow that one switch dropped for one reason."""

    switch: SwitchName
    ingress: int
    egress: int
    flow: FlowId
    reason: int
    first: int
    """When the first report came, in nanoseconds since 1970."""
    last: int
    reports: int = 0
    packets: int = 0


class DroppedFlows:
    """Since they were taken last."""

    def __init__(self) -> None:
        """Begin with none."""
        self._flows: dict[_Key, DroppedFlow] = {}
        self.refused = 0
        """Reports of flows that were too many."""

    def add(self, switch: SwitchName, group: ReportGroup, arrived: int) -> None:
        """Add the dropped packets of a group."""
        for report in group.reports:
            if not isinstance(report, DropReport):
                continue
            ingress, egress = report.ingress_port or 0, report.egress_port or 0
            if max(ingress, egress) > _HIGHEST_PORT:
                continue
            key = _Key(switch, ingress, egress, flow_of(report), report.reason or 0)
            self._count(key, arrived, 1)
            if report.suppressed:
                self._count(key._replace(flow=UNKNOWN), arrived, report.suppressed)

    def _count(self, key: _Key, arrived: int, packets: int) -> None:
        found = self._flows.get(key)
        if found is None:
            if len(self._flows) >= _MOST_FLOWS:
                self.refused += 1
                return
            found = self._flows[key] = DroppedFlow(*key, arrived, arrived)
        found.last = arrived
        found.reports += 1
        found.packets += packets

    def take(self) -> list[DroppedFlow]:
        """What was added since the last time."""
        flows, self._flows = self._flows, {}
        return list(flows.values())
