"""How drops are written as JSON. This module asks the fabric nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from p4fabric.controller.documents.drops import (
    DropDocument,
    DropsDocument,
)
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.telemetry.drop_counts import PointCount
from p4fabric.controller.telemetry.drop_watch import DropWatch
from p4fabric.controller.telemetry.drops import DropPoint
from p4fabric.controller.telemetry.events import TrafficDropped, TrafficDropsCleared
from p4fabric.controller.times import utc

__all__ = [
    "drop_event_fields",
    "drops_document",
]


def drops_document(
    watch: DropWatch, wanted: Callable[[SwitchName], bool], sees: Callable[[PortRef], bool]
) -> DropsDocument:
    """Write what was dropped by some switches, at ports that are seen."""

    def document(count: PointCount) -> DropDocument:
        raised = count.point in watch.raised
        rate = None if count.rate is None else round(count.rate, 3)
        return DropDocument(
            **_point(count.point), packets=count.packets, packets_per_second=rate, above_threshold=raised
        )

    return DropsDocument(
        drops=[
            document(count)
            for count in watch.counts()
            if wanted(count.point.port.switch) and sees(count.point.port)
        ],
        read_at={name: None if at is None else utc(at) for name, at in watch.read_at.items() if wanted(name)},
    )


def drop_event_fields(event: TrafficDropped | TrafficDropsCleared) -> dict[str, Any]:
    """What an event says besides its type and time."""
    fields = {**_point(event.point), "packets": event.packets, "seconds": round(event.seconds, 3)}
    if isinstance(event, TrafficDropped):
        return {**fields, "packetsPerSecond": round(event.rate, 3)}
    return {**fields, "peakPacketsPerSecond": round(event.peak_rate, 3)}


def _point(point: DropPoint) -> dict[str, Any]:
    port, direction, reason = point
    return {
        "switch": port.switch,
        "port": int(port.port),
        "direction": direction.value,
        "reason": reason.label,
    }
