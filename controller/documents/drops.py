"""What switches drop."""

from __future__ import annotations

from pydantic import Field

from p4fabric.controller.documents.base import Document, Time

__all__ = [
    "DropDocument",
    "DropsDocument",
]


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
