"""What all kinds of intent have in common: the document, what it claims for itself, what it numbers.

A kind is a subclass of `IntentDocument` in a module of its own; it says what its document looks like,
what makes it right by itself (`check`) and beside others (`check_among`). This module knows no kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from p4fabric.controller.intents.errors import FieldError, IntentError
from p4fabric.controller.intents.fields import LABEL_NOTATION, IpAddress, Label
from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.reasons import Code

if TYPE_CHECKING:
    from p4fabric.controller.intents.catalogue import Catalogue

__all__ = ["Claim", "Fact", "IntentDocument", "Need", "Part"]

Fact = tuple[tuple[object, ...], Any]
"""A subject, and something that an intent states about it. What is stated of one subject can be sorted."""


_COMPARED = 20
"""Claims of one document to one resource that are compared: whoever makes more has errors enough."""


class Precedence(NamedTuple):
    """A field by which packets of an intent go before those of others."""

    field: str
    value: object
    priority: int
    """The highest that it gives in the queues of ports."""


class Claim(NamedTuple):
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

    def refusal(self, role: str, owner: str, about: IntentKey | None = None) -> FieldError:
        """Why this claim is refused, given the role and the owner of the one that stands."""
        message = f"{self.value} is already {role} ({owner})"
        return FieldError(self.field, self.value, message, Code.ALREADY_CLAIMED, about)


class Need(NamedTuple):
    """A number that an intent has to be given, of `first` to `last` in a pool; see `numbers`."""

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

    # What follows from a document is made once, as it is asked for many times. It is kept beside the fields,
    # so it is neither compared nor written. No document is ever copied with other fields.

    @property
    def key(self) -> IntentKey:
        """Which intent this is."""
        found: IntentKey | None = self.__dict__.get("_key")
        if found is None:
            found = self.__dict__["_key"] = IntentKey(self.kind, self.tenant, self.name)
        return found

    @property
    def claimed(self) -> tuple[Claim, ...]:
        """Its claims."""
        found: tuple[Claim, ...] | None = self.__dict__.get("_claimed")
        if found is None:
            found = self.__dict__["_claimed"] = tuple(self.claims())
        return found

    @property
    def needed(self) -> tuple[Need, ...]:
        """Its needs."""
        found: tuple[Need, ...] | None = self.__dict__.get("_needed")
        if found is None:
            found = self.__dict__["_needed"] = tuple(self.needs())
        return found

    # What a kind says of its intents.

    @property
    def is_whole_fabric(self) -> bool:
        """Whether it changes what the fabric does for other tenants, too."""
        return False

    def claims(self) -> Iterator[Claim]:
        """What no other intent may have at the same time."""
        yield from ()

    def precedences(self) -> Iterator[Precedence]:
        """What its packets have before those of others."""
        yield from ()

    def needs(self) -> Iterator[Need]:
        """The numbers it is to be given (see `numbers`)."""
        yield from ()

    def facts(self) -> Iterator[Fact]:
        """What others may look up of it, by subject: `(("leaf", tenant), "leaf1")`."""
        yield from ()

    def relies_on(self) -> Iterator[IpAddress]:
        """Addresses of hosts that it needs: these hosts stay known, however silent they are."""
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

    def spec_json(self) -> str:
        """The spec of `document`, as JSON text."""
        spec: Part = self.__dict__["spec"]  # of each kind, in its own type
        return spec.model_dump_json(by_alias=True, exclude_unset=True)

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
        if len({claim.resource for claim in self.claimed}) == len(self.claimed):
            return
        standing: dict[tuple[object, ...], list[Claim]] = {}
        for claim in self.claimed:
            others = standing.setdefault(claim.resource, [])
            for other in others[:_COMPARED]:
                if claim.conflicts_with(other):
                    yield claim.refusal(other.role, f"{other.field} of this {self.kind}")
            others.append(claim)
