"""What followers of intents are told: one model a type, told apart by `type`. The API writes them by hand."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from p4fabric.controller.documents.base import Document
from p4fabric.controller.documents.intents import AnyIntent
from p4fabric.controller.reasons import Code

__all__ = [
    "IntentAdded",
    "IntentDeleted",
    "IntentModified",
    "WatchBookmark",
    "WatchError",
    "WatchEvent",
]

Version = Annotated[
    str, Field(description="go on after this event with it; the `id` of the event is the same")
]


class IntentAdded(Document):
    """An intent is there, or passes the filters now."""

    type: Literal["added"]
    resource_version: Version
    intent: AnyIntent


class IntentModified(Document):
    """An intent is another one, or further."""

    type: Literal["modified"]
    resource_version: Version
    intent: AnyIntent


class IntentDeleted(Document):
    """An intent is gone from all switches, or does not pass the filters any more."""

    type: Literal["deleted"]
    resource_version: Version
    intent: AnyIntent = Field(description="as it was told last")


class WatchBookmark(Document):
    """All changes up to here have been told."""

    type: Literal["bookmark"]
    resource_version: Version


class WatchError(Document):
    """Changes are missing from here on: read the list anew. The stream ends."""

    type: Literal["error"]
    code: Code
    message: str


WatchEvent = Annotated[
    IntentAdded | IntentModified | IntentDeleted | WatchBookmark | WatchError, Field(discriminator="type")
]
