"""What becomes of documents that are applied, as it happens: one model a type, told apart by `type`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from p4fabric.controller.documents.base import Document
from p4fabric.controller.documents.intents import IntentStatusDocument, Outcome

__all__ = ["ApplyAdmitted", "ApplyDone", "ApplyEvent", "ApplyProgress"]


class ApplyAdmitted(Document):
    """All documents were accepted, and are kept: whoever goes away now changes nothing of that."""

    type: Literal["admitted"]
    created: int
    changed: int
    unchanged: int
    resource_version: str = Field(description="watch from here on with it")


class ApplyProgress(Document):
    """How far one of the intents is: of each once, and again whenever that changes."""

    type: Literal["progress"]
    kind: str
    tenant: str
    name: str
    outcome: Outcome
    generation: int
    status: IntentStatusDocument | None = Field(description="null: somebody has deleted it, and it is gone")


class ApplyDone(Document):
    """Every intent is active or degraded, or gone. The stream ends."""

    type: Literal["done"]
    active: int
    degraded: int
    gone: int


ApplyEvent = Annotated[ApplyAdmitted | ApplyProgress | ApplyDone, Field(discriminator="type")]
