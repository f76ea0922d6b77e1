"""What all kinds of intent have in common: the document, what it claims for itself, what it numbers.

A kind is a subclass of `IntentDocument` in a module of its own; it says what its document looks like,
what makes it right by itself (`check`) and beside others (`check_among`). This module must never
know a kind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from controller.intents.errors import FieldError, IntentError
from controller.intents.fields import LABEL_NOTATION, Label
from controller.names import IntentKey, TenantName

if TYPE_CHECKING:
    from controller.intents.catalogue import Catalogue

__all__ = ["Claim", "IntentDocument", "Need", "Part"]


@dataclass(frozen=True, slots=True)
class Claim:
    """Something an intent wants for itself: a port, an address, a TEID.

    Two claims to one resource are a conflict unless each one's role is among what the other shares
    with. `role` completes "is already …" ("a gateway").
    """

    resource: tuple[object, ...]
    role: str
    field: str
    value: object
    shared_with: frozenset[str] = frozenset()

    def conflicts_with(self, other: Claim) -> bool:
        """Whether both cannot hold."""
        return other.role not in self.shared_with or self.role not in other.shared_with

    def refusal(self, other: Claim, owner: str) -> FieldError:
        """Why this claim is refused, given the one that stands."""
        return FieldError(self.field, self.value, f"{self.value} is already {other.role} ({owner})")


@dataclass(frozen=True, slots=True)
class Need:
    """A number that an intent has to be given: the smallest free one of `first` to `last` in a pool."""

    pool: str
    key: str
    first: int
    last: int
    of: str
    """What it is a number of, for the message when there is none left."""


class Part(BaseModel):
    """Base of specs and of what they consist of: camelCase names, no unknown fields, immutable."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        serialize_by_alias=True,
        hide_input_in_errors=True,
    )


class IntentDocument(Part):
    """One intent as its user wrote it. One that contradicts itself cannot be built."""

    kind: str
    name: Label = Field(description="unique for its kind and tenant")
    tenant: Annotated[TenantName, LABEL_NOTATION] = Field(description="whose network this is")

    @property
    def key(self) -> IntentKey:
        """Which intent this is."""
        return IntentKey(self.kind, self.tenant, self.name)

    def claims(self) -> Iterator[Claim]:
        """What no other intent may have at the same time."""
        yield from ()

    def needs(self) -> Iterator[Need]:
        """The numbers it is to be given (see `allocation`)."""
        yield from ()

    def check(self) -> Iterator[FieldError]:
        """What is wrong with it whatever else exists."""
        yield from ()

    def check_among(self, catalogue: Catalogue) -> Iterator[FieldError]:
        """What is wrong with it among the intents of `catalogue`, claims aside."""
        yield from ()

    def document(self) -> dict[str, object]:
        """The document, as it would be written: names in camelCase, nothing that was left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    @model_validator(mode="after")
    def _contradicts_nothing(self) -> IntentDocument:
        errors = list(self.check())
        # What is wrong by itself explains itself best; claims are compared when nothing is.
        if not errors:
            errors = list(self._conflicts_with_itself())
        if errors:
            raise IntentError(errors)
        return self

    def _conflicts_with_itself(self) -> Iterator[FieldError]:
        standing: dict[tuple[object, ...], list[Claim]] = defaultdict(list)
        for claim in self.claims():
            for other in standing[claim.resource]:
                if claim.conflicts_with(other):
                    yield claim.refusal(other, f"{other.field} of this {self.kind}")
            standing[claim.resource].append(claim)
