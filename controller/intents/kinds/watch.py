"""TelemetryWatch: which queues to watch for congestion, what counts as congestion, and which flows to follow.

A watched queue reports packets that waited too long or behind too many, each flow once in a window of time
with its share of the queue, and no more flows than asked. Of flows that are followed, each switch reports
where packets came in, where they left, and how long they were there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from p4fabric.controller.intents.document import Fact, IntentDocument, Need, Part
from p4fabric.controller.intents.errors import FieldError, field_path
from p4fabric.controller.intents.fields import (
    AtMost,
    Count,
    Label,
    PortNumber,
    RulePrefix,
    SwitchLabel,
    TransportPort,
)
from p4fabric.controller.intents.kinds.network import vrf_need
from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.reasons import Code

if TYPE_CHECKING:
    from p4fabric.controller.intents.catalogue import Catalogue

__all__ = ["FollowedFlow", "TelemetryWatch", "WatchSpec"]

WATCHES = "watches"
"""A switch (None: all of them): the watches of it; nothing: all watches."""
MOST_SWITCHES = 1024
LONGEST_DELAY = 7 << 17
"""Microseconds for which seven of the longest windows last that switches count bytes in."""
MOST_FLOWS = 64
MOST_PORTS = 509
"""As many as there are on a switch."""


class FollowedFlow(Part):
    """Flows of a tenant, as their senders see them; what is left out matches everything."""

    tenant: Label | None = Field(None, description="whose; the watch's own if left out")
    source: RulePrefix | None = Field(None, alias="from")
    destination: RulePrefix | None = Field(None, alias="to")
    protocol: Literal["tcp", "udp", "icmp"] | None = Field(
        None, description="icmp is ICMP in IPv4 and ICMPv6 in IPv6"
    )
    source_port: TransportPort | None = None
    destination_port: TransportPort | None = None

    @property
    def version(self) -> int:
        """The address family."""
        prefix = self.source or self.destination
        return 4 if prefix is None else prefix.version


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
    flows: Annotated[tuple[FollowedFlow, ...], AtMost(MOST_FLOWS)] = Field(
        (), description="whose packets each switch on their way tells of"
    )


class TelemetryWatch(IntentDocument):
    """Watch egress queues for congestion."""

    kind: Literal["TelemetryWatch"]
    spec: WatchSpec

    def needs(self) -> Iterator[Need]:
        """The VRFs of tenants whose flows are followed."""
        for tenant in dict.fromkeys(self.tenant_of(flow) for flow in self.spec.flows):
            yield vrf_need(tenant)

    def tenant_of(self, flow: FollowedFlow) -> TenantName:
        """Whose flow it is."""
        return self.tenant if flow.tenant is None else TenantName(flow.tenant)

    def check(self) -> Iterator[FieldError]:
        """Switches and ports named twice, flows that say too little or cannot be."""
        for index, flow in enumerate(self.spec.flows):
            yield from _check_flow(flow, field_path(("spec", "flows", index)))
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


def _check_flow(flow: FollowedFlow, where: str) -> Iterator[FieldError]:
    source, destination = flow.source, flow.destination
    if source is None and destination is None:
        yield FieldError(where, None, "must name from or to: a tenant's packets are too many", Code.REQUIRED)
    if source is not None and destination is not None and source.version != destination.version:
        message = f"{destination} and {source} are of different address families: no packet has both"
        yield FieldError(f"{where}.to", destination, message)
    if (flow.source_port or flow.destination_port) and flow.protocol not in ("tcp", "udp"):
        yield FieldError(f"{where}.protocol", flow.protocol, "must be tcp or udp where ports are given")
