"""How drops are written as JSON. This module must never ask the fabric."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field

from controller.api.base import Document, Time
from controller.names import SwitchName
from controller.telemetry.drop_counts import PointCount
from controller.telemetry.drop_watch import DropWatch
from controller.telemetry.drops import DropPoint
from controller.telemetry.events import TrafficDropped, TrafficDropsCleared

__all__ = ["DropsDocument", "drop_event_fields"]


class DropDocument(Document):
    """What one port dropped for one reason."""

    switch: str
    port: int
    direction: str = Field(description="ingress: it came in at the port; egress: it should have left by it")
    reason: str = Field(description="docs/reference/drops.md says what each means")
    packets: int = Field(
        description="since the switch started, as far as this controller saw; never goes back"
    )
    packets_per_second: float | None = Field(
        description="between the last two reads; null before the second, and while the switch does not answer"
    )
    above_threshold: bool = Field(description="whether a TrafficDropped event is not cleared yet")


class DropsDocument(Document):
    """What switches drop, and why."""

    drops: list[DropDocument] = Field(description="those that drop most first; only what dropped at all")
    read_at: dict[str, Time | None] = Field(description="by switch; null where it has never answered")

    @classmethod
    def of(cls, watch: DropWatch, wanted: Callable[[SwitchName], bool]) -> DropsDocument:
        """Write what was dropped by some switches."""

        def document(count: PointCount) -> DropDocument:
            raised = count.point in watch.raised
            rate = None if count.rate is None else round(count.rate, 3)
            return DropDocument(
                **_point(count.point), packets=count.packets, packets_per_second=rate, above_threshold=raised
            )

        return cls(
            drops=[document(count) for count in watch.counts() if wanted(count.point.port.switch)],
            read_at={name: at for name, at in watch.read_at.items() if wanted(name)},
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
