"""What is known of one switch, and how certain that is.

This module does not know what is desired, or when anything is read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager

from p4fabric.controller.p4runtime.read import ReadResult
from p4fabric.controller.reconcile.held import Held, count, discount
from p4fabric.pipelines.entities import Entity, EntityKey
from p4fabric.pipelines.safety import Number, SafetyRules

__all__ = ["Known"]


class Known:
    """What the switch holds, and the marks that tell whether that is to be believed."""

    def __init__(self, rules: SafetyRules) -> None:
        """Start with a switch that was never read."""
        self._rules = rules
        self.held = Held(rules)
        self.epoch: int | None = None
        """The session's epoch in which the switch was read last."""
        self.doubtful = False
        """An answer showed that the switch holds something else than was known, or none came."""
        self.unknown: tuple[str, ...] = ()
        """What it holds and nobody can read."""
        self.digest: bytes | None = None
        """Of the last read, if nothing was written since."""
        self.decoded: Mapping[int, Entity] = {}
        """What the last read showed, by the hash of its bytes."""
        self.certainties = 0
        """How often a read with nothing in flight was taken over."""
        self.writes = 0
        """In flight."""
        self._touched: set[EntityKey] | None = None
        """Keys that were written since an audit began; None: there is none."""
        self._uncertain: dict[Number, int] = {}
        """Numbers of writes in flight, and of those that nobody knows the outcome of."""

    def may_mention(self, number: Number) -> bool:
        """Whether the switch may hold what mentions a number."""
        return self.epoch is None or self.held.mentions(number) or number in self._uncertain

    def writing(self, entities: Iterable[Entity]) -> None:
        """A write is on its way: from now on the switch may hold what it writes."""
        self.writes += 1
        self.digest = None
        for entity in entities:
            count(self._uncertain, self._rules.numbers(entity))
            if self._touched is not None:
                self._touched.add(entity.key)

    @contextmanager
    def touching(self, in_flight: Iterable[EntityKey]) -> Iterator[Collection[EntityKey]]:
        """The keys that are on their way, and those that are written while the body runs."""
        self._touched = set(in_flight)
        try:
            yield self._touched
        finally:
            self._touched = None

    def answered(self, entity: Entity) -> None:
        """It is known whether the write of an entity was performed."""
        discount(self._uncertain, self._rules.numbers(entity))

    def written(self, *, in_doubt: bool) -> None:
        """A write has ended; in doubt, where it was not answered wholly."""
        self.writes -= 1
        self.doubtful |= in_doubt

    def compared(self, result: ReadResult, decoded: Mapping[int, Entity], *, is_all: bool = True) -> None:
        """What was read has been taken over; `decoded` is that by the hash of its bytes.

        `is_all` says that nothing was written meanwhile.
        """
        self.unknown, self.decoded = result.unknown, decoded
        self.digest = result.digest if is_all else None

    def certain(self, epoch: int) -> None:
        """A read with nothing in flight has been taken over: what it shows is all there is."""
        self.epoch, self.doubtful = epoch, False
        self.certainties += 1
        self._uncertain.clear()
