"""Intents: lists of them, how far they are, what became of writes, owners, counters."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from p4fabric.controller.documents.base import Document, Time
from p4fabric.controller.intents.life import IntentState
from p4fabric.controller.reasons import Code

__all__ = [
    "INTENT_PLACE",
    "AnyIntent",
    "AppliedIntent",
    "AppliedIntents",
    "CountDocument",
    "CountersDocument",
    "DeletedIntent",
    "DeletedIntents",
    "IntentList",
    "IntentMetadata",
    "IntentState",
    "IntentStatusDocument",
    "Outcome",
    "OwnedFields",
    "OwnersDocument",
    "RemovedEntries",
    "StatusReason",
    "SwitchCount",
]

INTENT_PLACE = "x-intent"
"""Marks where a schema means any intent; the description of the API puts the reference there."""
AnyIntent = Annotated[Any, WithJsonSchema({INTENT_PLACE: True})]
Version = Annotated[str, Field(description="a decimal number; the ETag is the same in quotes")]


class StatusReason(Document):
    """Why something does not do all it should. What it does not name is left out."""

    code: Code
    message: str
    switch: str | None = None
    port: int | None = None
    entry: str | None = Field(None, description="a table entry, as text")
    address: str | None = None
    field: str | None = Field(None, description="of the intent")
    entries_waiting: int | None = Field(None, description="that wait for the switch")
    entries_leaving: int | None = Field(
        None, description="old ones that could not be removed from the switch"
    )


class IntentStatusDocument(Document):
    """How far an intent is. It is no part of what the resource version and the ETag stand for."""

    state: IntentState
    reasons: list[StatusReason] = Field(description="why it is degraded")
    since: Time | None


class IntentMetadata(Document):
    """What the controller knows of an intent."""

    resource_version: Version
    generation: int = Field(description="how often the spec was changed: 1 at first")
    created: Time
    owners: list[str] = Field(description="who owns fields of it")


class IntentList(Document):
    """A page of intents."""

    items: list[AnyIntent]
    resource_version: Version = Field(
        description="of the store: changes up to it are in the list; of all pages, that of the first one"
    )
    continue_: str | None = Field(alias="continue", description="asks for the next page; null: there is none")


class Outcome(StrEnum):
    """What became of a document."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class AppliedIntent(Document):
    """What became of a document."""

    outcome: Outcome
    intent: AnyIntent


class AppliedIntents(Document):
    """What became of several documents, in their order."""

    items: list[AppliedIntent]
    resource_version: Version


class RemovedEntries(Document):
    """What changes on one switch."""

    removed: int
    changed: int = Field(description="of others, such as a group without the port of the intent")


class DeletedIntent(Document):
    """An intent that was deleted, and what goes with it."""

    intent: AnyIntent = Field(description="as it was")
    entries: dict[str, RemovedEntries] = Field(description="by switch")


class DeletedIntents(Document):
    """Intents that were deleted together, and what goes with them."""

    items: list[AnyIntent] = Field(description="as they were")
    entries: dict[str, RemovedEntries] = Field(description="by switch")


class OwnedFields(Document):
    """What one owner owns."""

    name: str
    fields: list[str] = Field(description="JSON pointers; a list is one field")


class OwnersDocument(Document):
    """Who owns which field of an intent; a field may have several owners."""

    owners: list[OwnedFields]
    resource_version: Version


class SwitchCount(Document):
    """One switch's part."""

    packets: int
    bytes: int


class CountDocument(Document):
    """One thing that is counted, such as a rule."""

    counter: str
    packets: int
    bytes: int
    switches: dict[str, SwitchCount]
    read_at: Time | None = Field(description="the oldest part; null where a switch has never answered")


class CountersDocument(Document):
    """All that is counted for an intent."""

    kind: str
    tenant: str
    name: str
    counters: list[CountDocument]
