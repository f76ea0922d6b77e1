"""May this intent come in, or go, given the others?

An intent is admitted when its claims stand beside everybody else's, what it refers to exists, and
nothing that refers to it breaks. This module must never know a kind by name except for what refers
to networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from controller.intents.catalogue import Catalogue
from controller.intents.document import IntentDocument
from controller.intents.errors import FieldError, IntentError
from controller.intents.network import Network
from controller.intents.parse import KINDS
from controller.names import IntentKey

__all__ = ["admit", "admit_all", "check_delete", "in_order"]


def admit(intent: IntentDocument, existing: Mapping[IntentKey, Any]) -> None:
    """Check one intent, new or in place of the one with its key.

    Pass a `Catalogue` where many intents exist: any other mapping is indexed anew at each call.

    Raises:
        IntentError: all conflicts with other intents, all references to what does not exist, and all
            intents that the change would break.
    """
    before = Catalogue.over(existing)
    errors = list(_problems([intent], before.with_intents([intent])))
    if errors:
        raise IntentError(errors)


def admit_all(intents: Sequence[IntentDocument], existing: Mapping[IntentKey, Any]) -> Catalogue:
    """Check a list as one change: its intents may refer to each other, in any order.

    Returns:
        All intents after the change.

    Raises:
        IntentError: as `admit`; where the list has more than one, fields begin with its index, `[1].`.
    """
    seen: set[IntentKey] = set()
    errors: list[FieldError] = []
    after = Catalogue.over(existing).with_intents(intents)
    for index, intent in enumerate(intents):
        if intent.key in seen:
            found = [FieldError("name", intent.name, f"{intent.key} is in this list already")]
        else:
            # What breaks elsewhere in the list is told there.
            found = list(_problems([intent], after, {other.key for other in intents}))
        seen.add(intent.key)
        errors += (error.inside(f"[{index}]") if len(intents) > 1 else error for error in found)
    if errors:
        raise IntentError(errors)
    return after


def check_delete(key: IntentKey, existing: Mapping[IntentKey, Any]) -> None:
    """Check that an intent may go.

    Raises:
        IntentError: there is none, or others still need it; it names them.
    """
    before = Catalogue.over(existing)
    intent = before.get(key)
    if intent is None:
        raise IntentError([FieldError("name", key.name, f"{key} does not exist")])
    if not isinstance(intent, Network):
        return
    after = before.without(key)
    errors = [
        FieldError("name", key.name, f"{key} is still needed by {other.key}: {error}")
        for other in _dependents(intent, after)
        for error in other.check_among(after)
    ]
    if errors:
        raise IntentError(errors)


def in_order(intents: Sequence[IntentDocument]) -> list[IntentDocument]:
    """Sort so that what others build on comes first."""
    order = {kind: place for place, kind in enumerate(KINDS)}
    return sorted(intents, key=lambda intent: (order[intent.kind], intent.key))


def _problems(
    changed: Sequence[IntentDocument], after: Catalogue, told_elsewhere: set[IntentKey] | None = None
) -> Iterator[FieldError]:
    for intent in changed:
        yield from _conflicts(intent, after)
        yield from intent.check_among(after)
        if isinstance(intent, Network):
            for other in _dependents(intent, after):
                if other.key in (told_elsewhere or ()):
                    continue
                for error in other.check_among(after):
                    yield FieldError("spec", intent.name, f"would break {other.key}: {error}")


def _conflicts(intent: IntentDocument, after: Catalogue) -> Iterator[FieldError]:
    for claim in intent.claims():
        for owner, other in after.claims_to(claim.resource):
            if owner != intent.key and claim.conflicts_with(other):
                yield claim.refusal(other, str(owner))
                break


def _dependents(network: Network, catalogue: Catalogue) -> Iterator[IntentDocument]:
    for intent in sorted(catalogue.of_tenant(network.tenant), key=lambda intent: intent.key):
        if not isinstance(intent, Network):
            yield intent
