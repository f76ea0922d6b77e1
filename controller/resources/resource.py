"""One intent as a resource: its document, what is kept beside it, and when that was written last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from p4fabric.controller.intents.metadata import Metadata
from p4fabric.controller.names import IntentKey
from p4fabric.controller.times import time_text

__all__ = ["Resource", "WrittenDocument"]


class WrittenDocument(Protocol):
    """An intent's document: one that is understood, or that only the store understands."""

    @property
    def key(self) -> IntentKey:
        """Which intent."""

    def document(self) -> Mapping[str, Any]:
        """As JSON has it."""

    def spec_json(self) -> str:
        """Its spec as JSON text."""


@dataclass(frozen=True)
class Resource:
    """Values; how far the intent is, is not among them."""

    intent: WrittenDocument
    metadata: Metadata
    revision: int
    """Of the store, when the record was written last; `metadata.resourceVersion` of the API."""
    is_deleted: bool = False
    """It was deleted, and some switch may still hold something of it."""

    @cached_property
    def key(self) -> IntentKey:
        """Which intent."""
        return self.intent.key

    def user_document(self) -> dict[str, Any]:
        """What users write: labels, annotations and spec."""
        said = self.metadata.description
        return {
            "labels": dict(said.labels),
            "annotations": dict(said.annotations),
            "spec": self.intent.document().get("spec"),
        }

    @cached_property
    def text(self) -> str:
        """The resource but for its status, as the beginning of a JSON object: `{"kind": …, "metadata": {…}`.

        A list shows thousands of intents that seldom change, so the text is kept.
        """
        metadata = {
            "resourceVersion": str(self.revision),
            "generation": self.metadata.generation,
            "created": time_text(self.metadata.created),
            "owners": self.metadata.description.owners.names,
        }
        said = self.metadata.description
        texts = {"labels": dict(said.labels), "annotations": dict(said.annotations)}
        head, tail = json.dumps({**self.key._asdict(), **texts}), json.dumps({"metadata": metadata})
        return f'{head[:-1]}, "spec": {self.intent.spec_json()}, {tail[1:-1]}'
