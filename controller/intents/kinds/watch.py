"""TelemetryWatch: which queues to watch for congestion, and what counts as congestion.

A watched queue reports packets that waited too long or behind too many, each flow once in a window of time
with its share of the queue, and no more flows than asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from p4fabric.controller.intents.document import Fact, IntentDocument, Part
from p4fabric.controller.intents.errors import FieldError
from p4fabric.controller.intents.fields import AtMost, Count, PortNumber, SwitchLabel
from p4fabric.controller.names import IntentKey
from p4fabric.controller.reasons import Code

if TYPE_CHECKING:
    from p4fabric.controller.intents.catalogue import Catalogue

__all__ = ["TelemetryWatch", "WatchSpec"]

WATCHES = "watches"
"""A switch (None: all of them): the watches of it; nothing: all watches."""
MOST_SWITCHES = 1024
LONGEST_DELAY = 7 << 17
"""Microseconds for which seven of the longest windows last that switches count bytes in."""
MOST_PORTS = 509
"""As many as there are on a switch."""


class WatchSpec(Part):
    """Where to look, and the thresholds; a queue that passes either is reported."""

    switches: Annotated[tuple[SwitchLabel, ...], AtMost(MOST_SWITCHES)] = Field(
        (), description="none named: all switches"
    )
    ports: Annotated[tuple[PortNumber, ...], AtMost(MOST_PORTS)] = Field(
        (), description="none named: all ports in use"
    )
    queue_depth: Annotated[int, Count(1, 0xFFFFFFFF)] = Field(32, description="packets in the queue")
    queue_delay_microseconds: Annotated[int, Count(1, 0xFFFFFFFF)] = Field(
        5000, description="time that a packet waited"
    )
    longest_delay_microseconds: Annotated[int, Count(1, LONGEST_DELAY)] | None = Field(
        None,
        description="time that a packet waits at most: what the queue holds, at the port's rate; "
        "not given: four times `queueDelayMicroseconds`",
    )
    report_interval_milliseconds: Annotated[int, Count(1, 3_600_000)] = Field(
        100, description="the time that `reports` is for"
    )
    reports: Annotated[int, Count(1, 1000)] = Field(
        32, description="of each queue, at most so many culprits and as many other flows in the interval"
    )


class TelemetryWatch(IntentDocument):
    """Watch egress queues for congestion."""

    kind: Literal["TelemetryWatch"]
    spec: WatchSpec

    def check(self) -> Iterator[FieldError]:
        """Switches and ports named twice."""
        for name, values in (("switches", self.spec.switches), ("ports", self.spec.ports)):
            for index, value in enumerate(values):
                if value in values[:index]:
                    yield FieldError(f"spec.{name}[{index}]", value, f"{value} is named twice")

    def overlaps(self, other: TelemetryWatch) -> bool:
        """Whether there may be a port that both watch."""
        mine, theirs = self.spec, other.spec
        switches = not mine.switches or not theirs.switches or {*mine.switches} & {*theirs.switches}
        ports = not mine.ports or not theirs.ports or {*mine.ports} & {*theirs.ports}
        return bool(switches and ports)

    def facts(self) -> Iterator[Fact]:
        """Which switches it watches."""
        yield (WATCHES,), self.key
        for name in self.spec.switches or (None,):
            yield (WATCHES, name), self.key

    def _candidates(self, catalogue: Catalogue) -> Iterable[IntentKey]:
        """The watches that may be about the same switches."""
        if not self.spec.switches:
            return catalogue.facts(WATCHES)
        return dict.fromkeys(
            key for name in (None, *self.spec.switches) for key in catalogue.facts(WATCHES, name)
        )

    def check_among(self, catalogue: Catalogue) -> Iterator[FieldError]:
        """Another watch on the same port: a queue has one set of thresholds."""
        for key in self._candidates(catalogue):
            other = catalogue.get(key)
            if isinstance(other, TelemetryWatch) and key != self.key and self.overlaps(other):
                field = "spec.ports" if self.spec.ports else "spec.switches"
                value = self.spec.ports if self.spec.ports else self.spec.switches
                shown = [str(item) for item in value]
                message = f"{', '.join(shown) or 'all'}: {other.key} watches some of these ports already"
                yield FieldError(field, shown, message, Code.ALREADY_CLAIMED)
