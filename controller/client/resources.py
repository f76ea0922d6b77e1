"""Intents as clients have them: what the API says of one, with its parts as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

from pydantic import ValidationError

from p4fabric.controller.client.errors import UnexpectedAnswer
from p4fabric.controller.documents.intents import IntentMetadata, IntentStatusDocument, Outcome
from p4fabric.controller.intents import IntentDocument, parse_intent
from p4fabric.controller.names import IntentKey, TenantName

__all__ = ["Document", "K", "Named", "Resource", "Writable", "Written", "document_of", "key_of", "kind_name"]

K = TypeVar("K", bound=IntentDocument)
Document = Mapping[str, Any]
_USERS = ("kind", "tenant", "name", "labels", "annotations", "spec")


@dataclass(frozen=True)
class Resource(Generic[K]):
    """An intent of a controller, and how far it is."""

    document: Document
    """All of it, as JSON has it."""
    metadata: IntentMetadata
    status: IntentStatusDocument

    @classmethod
    def read(cls, document: Any) -> Resource[K]:
        """Take what the API says.

        Raises:
            UnexpectedAnswer: it is no intent.
        """
        try:
            return cls(
                document,
                IntentMetadata.model_validate(document["metadata"]),
                IntentStatusDocument.model_validate(document["status"]),
            )
        except (ValidationError, KeyError, TypeError) as error:
            raise UnexpectedAnswer(f"the controller answers with an intent that is none: {error}") from None

    @property
    def key(self) -> IntentKey:
        """Which one."""
        return key_of((self.document["kind"], self.document["tenant"], self.document["name"]))

    @property
    def labels(self) -> Mapping[str, str]:
        """To find it by."""
        return cast(Mapping[str, str], self.document["labels"])

    @property
    def annotations(self) -> Mapping[str, str]:
        """For whoever wrote them."""
        return cast(Mapping[str, str], self.document["annotations"])

    @property
    def version(self) -> str:
        """Its resource version, for writes on condition that nobody else has written since."""
        return self.metadata.resource_version

    @cached_property
    def intent(self) -> K:
        """The document as its kind has it.

        Raises:
            IntentError: this version does not understand it, though the controller stores it.
        """
        document = {part: self.document[part] for part in ("kind", "tenant", "name", "spec")}
        return cast(K, parse_intent(document))

    def written(self) -> dict[str, Any]:
        """What its user wrote: without what only the controller says."""
        return {part: self.document[part] for part in _USERS if self.document[part]}


@dataclass(frozen=True, slots=True)
class Written(Generic[K]):
    """What became of a document."""

    outcome: Outcome
    resource: Resource[K]


Named = IntentKey | tuple[str, str, str] | Resource[Any] | IntentDocument
"""What names an intent: itself, or its kind, tenant and name."""
Writable = IntentDocument | Resource[Any] | Document
"""What can be written as an intent."""


def key_of(named: Named) -> IntentKey:
    """Which intent is meant."""
    if isinstance(named, tuple):
        kind, tenant, name = named
        return IntentKey(kind, TenantName(tenant), name)
    return named.key


def document_of(
    intent: Writable, labels: Mapping[str, str] | None = None, annotations: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """An intent as JSON, with labels and annotations where they are given."""
    if isinstance(intent, IntentDocument):
        document = intent.document()
    else:
        document = dict(intent.document if isinstance(intent, Resource) else intent)
    if labels is not None:
        document["labels"] = dict(labels)
    if annotations is not None:
        document["annotations"] = dict(annotations)
    return document


def kind_name(kind: type[IntentDocument]) -> str | None:
    """What the API calls a kind; None for the base of all."""
    return None if kind is IntentDocument else kind.__name__
