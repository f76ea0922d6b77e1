"""What the closed loop does and recommends, and why."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from p4fabric.controller.documents.base import Document, Time
from p4fabric.controller.documents.incidents import IntentRef

__all__ = [
    "GrantedDocument",
    "QueuePlace",
    "RemediedFlowDocument",
    "RemediesDocument",
    "RemedyAction",
    "RemedyDocument",
    "RemedyEnd",
    "ResponseFindingDocument",
]

RemedyAction = Literal["reroute", "police"]
RemedyEnd = Literal["expired", "noHelp", "withdrawn", "revoked"]


class RemediedFlowDocument(Document):
    """A flow as the fabric's links carry it."""

    tenant: str | None = Field(description="null: nobody knows")
    protocol: str
    source: str | None = Field(description="null: it is not IP")
    destination: str | None
    source_port: int
    destination_port: int


class QueuePlace(Document):
    """Which queue."""

    switch: str | None = Field(description="of the queue; null, with port and priority: where is not told")
    port: int | None
    priority: int | None


class GrantedDocument(QueuePlace):
    """Something that is done about a flow."""

    number: int
    response: IntentRef = Field(description="the CongestionResponse that asked for it")
    action: RemedyAction
    flow: RemediedFlowDocument
    incident: int
    leaf: str | None = Field(description="where the flow enters; null: not told")
    leaf_port: int | None = Field(description="that a rerouted flow takes there; null: not told, or policed")
    rate_kilobits: int | None = Field(description="of a policed flow; null: rerouted")
    wait_before_us: float = Field(description="the 99th percentile of the queue's waits when it was granted")
    granted_at: Time
    expires_at: Time


class RemedyDocument(GrantedDocument):
    """Something that is done about a flow, or was."""

    helped: bool | None = Field(description="whether packets wait less since; null: not known yet")
    ended: RemedyEnd | None = Field(description="null: it stands")
    ended_at: Time | None
    reason: str | None = Field(description="why it ended")


class ResponseFindingDocument(QueuePlace):
    """What a response makes of a queue that is congested now."""

    response: IntentRef
    incident: int
    verdict: Literal["acts", "recommends", "refrains"]
    action: RemedyAction | None
    flow: RemediedFlowDocument | None
    reason: str | None = Field(description="null: it tells of parts of the fabric that are not told")


class RemediesDocument(Document):
    """What is done about congestion, what was, and what is made of queues that are congested now."""

    standing: list[RemedyDocument]
    ended: list[RemedyDocument] = Field(description="the last ones first, at most 256")
    findings: list[ResponseFindingDocument]
