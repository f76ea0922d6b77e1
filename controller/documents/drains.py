"""Switches and links that are drained for maintenance."""

from __future__ import annotations

from pydantic import Field

from p4fabric.controller.documents.base import Document, Time
from p4fabric.controller.documents.fabric import DrainState, End, ListDocument
from p4fabric.controller.documents.intents import StatusReason
from p4fabric.controller.documents.preview import PreviewDocument

__all__ = ["DrainDocument", "DrainList", "DrainPreviewDocument"]


class DrainDocument(Document):
    """A switch or a link, and how far it is with being drained."""

    about: str = Field(description="the switch, or both ends of the link")
    switch: str | None = Field(description="null: it is a link")
    ends: list[End] = Field(description="of the link; none of a switch")
    state: DrainState = Field(
        description="inUse; preparing: ways around it are made ready; moving: switches change to them; "
        "drained; preparingReturn and returning: the same on the way back"
    )
    since: Time | None = Field(description="when it was asked for; null: in use")
    drained: bool = Field(
        description="whether it may be switched off: every switch has acknowledged, and nobody needs it"
    )
    settled: bool = Field(description="whether nothing more will change by itself")
    waiting_for: list[StatusReason] = Field(description="what is to happen before the next step")
    still_used: list[StatusReason] = Field(description="for whom it is the only way, so that it stays in use")
    resource_version: str | None = Field(description="the store's revision; null: in use")


class DrainList(ListDocument):
    """All that is drained or comes back: switches, then links."""

    items: list[DrainDocument]


class DrainPreviewDocument(PreviewDocument):
    """A drain that is not made: what it would come to in the end."""

    still_used: list[StatusReason] = Field(description="for whom it would be the only way")
