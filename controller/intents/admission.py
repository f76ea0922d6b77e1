"""May this intent stand among the others?

It may when its claims stand beside everybody else's and what it refers to exists. What is looked at is
recorded, so that the question is put again to those, and only those, whom a change concerns. This module
knows no kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from p4fabric.controller.intents.catalogue import Catalogue
from p4fabric.controller.intents.document import IntentDocument
from p4fabric.controller.intents.errors import MOST_ERRORS, FieldError
from p4fabric.controller.names import IntentKey

__all__ = ["problems_of"]


def problems_of(catalogue: Catalogue, key: IntentKey) -> tuple[FieldError, ...]:
    """What is wrong with an intent among the others: conflicts, and references to what does not exist.

    The first few of them: whoever makes more has enough to mend.
    """
    intent = catalogue.table[key]
    return tuple(islice(_problems(intent, catalogue), MOST_ERRORS))


def _problems(intent: IntentDocument, catalogue: Catalogue) -> Iterator[FieldError]:
    for claim in intent.claimed:
        found = catalogue.conflict(claim, intent.key)
        if found is not None:
            role, owner = found
            yield claim.refusal(role, str(owner), owner)
    yield from intent.check_among(catalogue)
