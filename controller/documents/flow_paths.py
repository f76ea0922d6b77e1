"""Paths of followed flows."""

from __future__ import annotations

from pydantic import Field

from p4fabric.controller.documents.base import Document, Time
from p4fabric.controller.documents.fabric import ListDocument
from p4fabric.controller.documents.incidents import IntentRef, NamedFlow

__all__ = ["FlowHopDocument", "FlowPathDocument", "FlowPathList", "FlowStepDocument"]


class FlowStepDocument(Document):
    """A switch on the way of a flow."""

    switch: str | None = Field(description="null: which one it is, is not told")
    ingress_port: int | None = Field(description="where packets come in; null: not told")
    egress_port: int | None = Field(description="where they leave; null: not told")


class FlowHopDocument(FlowStepDocument):
    """What a switch told last of a flow's packets."""

    latency_us: int = Field(description="from a packet's arrival to its departure")
    priority: int | None = Field(description="which of the port's queues; null, with depth: not told")
    depth: int | None = Field(description="packets in the queue when it left")
    left_at: Time = Field(description="when the packet left, by the controller's clock")
    switch_left_ns: int = Field(description="by the switch's own clock")
    clock_error_seconds: float | None = Field(
        description="by how much leftAt may be wrong; null: the switch's clock was not compared yet"
    )
    untold: int = Field(description="packets of the flow that were not told of since the postcard before")
    translated: bool = Field(description="a service has rewritten its addresses at this switch")
    tunnelled: bool = Field(description="it is in a GTP-U tunnel here, or came in one")


class FlowPathDocument(NamedFlow):
    """The path of a followed flow, as its packets took it."""

    number: int
    active: bool = Field(description="whether packets were told of in the last seconds")
    complete: bool = Field(description="whether it begins and ends at edge ports; else something is missing")
    summary: str = Field(description="the way in a line")
    latency_us: int = Field(description="at all switches together; links are not counted")
    hops: list[FlowHopDocument] = Field(description="in the order in which packets pass them")
    before: list[FlowStepDocument] = Field(description="the last whole way that it took before; empty: none")
    ways: int = Field(description="how many whole ways it was seen to take, one after the other")
    first_seen_at: Time
    changed_at: Time = Field(description="since when it takes this way")
    last_seen_at: Time
    watches: list[IntentRef] = Field(description="the TelemetryWatches that name the flow")


class FlowPathList(ListDocument):
    """Paths of followed flows."""

    items: list[FlowPathDocument]
