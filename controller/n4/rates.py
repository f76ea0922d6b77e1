"""Which limits the QERs of a session are to its packets. Pure.

A packet meets two limits at most: tables have one after the other. A QER is in the same place for all PDRs
that share it, so that they share its rate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

__all__ = ["TooManyLimits", "places_of_limits"]

Q = TypeVar("Q", bound=int)


class TooManyLimits(ValueError):
    """A packet would have to meet more limits than two.

    Attributes:
        qer_id: of the one that there is no place for.
    """

    def __init__(self, qer_id: int) -> None:
        """Name it."""
        super().__init__(f"QER {qer_id} would be a third limit of the same packets: two are enforced")
        self.qer_id = qer_id


def places_of_limits(limits_of_pdrs: Iterable[Sequence[Q]]) -> Mapping[Q, bool]:
    """Whether each QER comes second, for one direction.

    Args:
        limits_of_pdrs: of each PDR, the IDs of its QERs that limit rates.

    Raises:
        TooManyLimits: there is no such order.
    """
    pdrs = [tuple(dict.fromkeys(one)) for one in limits_of_pdrs]
    for one in pdrs:
        if len(one) > 2:
            raise TooManyLimits(one[2])
    shared = Counter(qer for one in pdrs for qer in one)
    beside: dict[Q, set[Q]] = {qer: set() for qer in shared}
    for one in pdrs:
        if len(one) == 2:
            beside[one[0]].add(one[1])
            beside[one[1]].add(one[0])
    places: dict[Q, bool] = {}
    # What most PDRs share is the session's, and comes first.
    for first in sorted(shared, key=lambda qer: (-shared[qer], qer)):
        if first not in places:
            _place(first, beside, places)
    return places


def _place(first: Q, beside: Mapping[Q, Collection[Q]], places: dict[Q, bool]) -> None:
    places[first] = False
    left = [first]
    while left:
        qer = left.pop()
        for other in sorted(beside[qer]):
            if other not in places:
                places[other] = not places[qer]
                left.append(other)
            elif places[other] == places[qer]:
                raise TooManyLimits(other)
