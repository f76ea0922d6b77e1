"""What was asked for: intents, how often each was changed, and the numbers they were given.

Pure and immutable: a change makes a new ledger and says what the store must keep. This module must
never know switches, nor whether anything was installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from controller.intents import (
    Allocations,
    Catalogue,
    FieldError,
    IntentDocument,
    IntentError,
    admit_all,
    allocate,
    check_delete,
    in_order,
    parse_intent,
    release,
)
from controller.names import IntentKey
from controller.store import Change, Number, Snapshot, StoredIntent, StoreUnusable

__all__ = ["IntentConflict", "Ledger", "Outcome", "Revision", "UnknownIntent", "parse_all"]

_ENOUGH_ERRORS = 1000
"""Errors after which the rest of a list of documents is not read any more."""


class IntentConflict(IntentError):
    """The intent is right by itself, but not beside the others."""


class UnknownIntent(IntentError):
    """There is no such intent."""


class Outcome(StrEnum):
    """What became of a document."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Ledger:
    """All intents at one moment."""

    catalogue: Catalogue = field(default_factory=Catalogue)
    generations: Mapping[IntentKey, int] = field(default_factory=dict)
    allocations: Allocations = field(default_factory=Allocations)

    @classmethod
    def of(cls, snapshot: Snapshot) -> Ledger:
        """Take up what a store kept. Numbers that this version needs and none gave are given now.

        Raises:
            StoreUnusable: an intent that this version does not understand.
        """
        intents: list[IntentDocument] = []
        for stored in snapshot.intents:
            try:
                intents.append(parse_intent(stored.document))
            except IntentError as error:
                message = f"{stored.key} in the store is not understood by this version: {error}"
                raise StoreUnusable(message) from None
        allocations = Allocations.of(snapshot.numbers)
        for intent in in_order(intents):
            allocations = allocate(intent, allocations)
        generations = {stored.key: stored.generation for stored in snapshot.intents}
        return cls(Catalogue(intents), generations, allocations)

    def apply(self, intents: Sequence[IntentDocument]) -> Revision:
        """Add intents, or put them in place of those with their keys; all or none.

        Raises:
            IntentConflict: they do not stand together with the others, or numbers have run out.
        """
        try:
            catalogue = admit_all(intents, self.catalogue)
            outcomes = {intent.key: self._outcome(intent) for intent in intents}
            allocations = self.allocations
            if Outcome.CHANGED in outcomes.values():
                allocations = release(allocations, catalogue.values())
            for intent in in_order(intents):
                allocations = allocate(intent, allocations)
        except IntentError as error:
            raise IntentConflict(error.errors, error.more) from None
        written = [intent for intent in intents if outcomes[intent.key] is not Outcome.UNCHANGED]
        generations = {key: self.generations.get(key, 0) + 1 for key in (intent.key for intent in written)}
        stored = [StoredIntent(i.key, i.document(), generations[i.key]) for i in written]
        ledger = Ledger(catalogue, {**self.generations, **generations}, allocations)
        given, taken_back = self._numbers(allocations)
        change = Change(intents=stored, numbers=given, numbers_removed=taken_back)
        return Revision(ledger, outcomes, change)

    def delete(self, key: IntentKey) -> Revision:
        """Take an intent out.

        Raises:
            UnknownIntent: there is none.
            IntentConflict: others still need it.
        """
        if key not in self.catalogue:
            raise UnknownIntent([FieldError("name", key.name, f"{key} does not exist")])
        try:
            check_delete(key, self.catalogue)
        except IntentError as error:
            raise IntentConflict(error.errors, error.more) from None
        catalogue = self.catalogue.without(key)
        allocations = release(self.allocations, catalogue.values())
        generations = {known: number for known, number in self.generations.items() if known != key}
        given, taken_back = self._numbers(allocations)
        change = Change(intents_removed=[key], numbers=given, numbers_removed=taken_back)
        return Revision(Ledger(catalogue, generations, allocations), {}, change)

    def _outcome(self, intent: IntentDocument) -> Outcome:
        before = self.catalogue.get(intent.key)
        if before is None:
            return Outcome.CREATED
        return Outcome.UNCHANGED if before == intent else Outcome.CHANGED

    def _numbers(self, after: Allocations) -> tuple[list[Number], list[Number]]:
        """The numbers that were given and taken back on the way to `after`."""
        if after is self.allocations:
            return [], []
        old, new = set(self.allocations.rows()), set(after.rows())
        return sorted(new - old), sorted(old - new)


@dataclass(frozen=True, slots=True)
class Revision:
    """A ledger after a change, and the change."""

    ledger: Ledger
    outcomes: Mapping[IntentKey, Outcome]
    change: Change


def parse_all(documents: Sequence[object]) -> list[IntentDocument]:
    """Read documents; where there are several, fields begin with the document's index, `[1].`.

    Raises:
        IntentError: all that is wrong in any of them.
    """
    intents: list[IntentDocument] = []
    errors: list[FieldError] = []
    more = 0
    for index, document in enumerate(documents):
        try:
            intents.append(parse_intent(document))
        except IntentError as error:
            errors += (e.inside(f"[{index}]") if len(documents) > 1 else e for e in error.errors)
            more += error.more
        if len(errors) > _ENOUGH_ERRORS:
            break
    if errors:
        raise IntentError(errors, more)
    return intents
