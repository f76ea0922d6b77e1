"""Which queues' congestion is one incident, and where it comes from. Pure: it depends on no order.

Two spells belong together if they overlap in time and share a culprit, or a culprit of one was seen at the
other, which so lies on its path. A spell with a cause of its own that began first is the root.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from p4fabric.controller.telemetry.flow import FlowId
from p4fabric.controller.telemetry.incidents.tally import Tally
from p4fabric.controller.telemetry.queue import Queue

__all__ = ["PlacedSpell", "group", "in_order"]

_UNKNOWN_ERROR = 10_000_000
"""Nanoseconds that a clock may be wrong where nobody knows."""
_OWN_SHARE = 0.5
"""A queue's culprits explain its congestion from this share of its bytes on."""


@dataclass(frozen=True, slots=True, eq=False)
class PlacedSpell:
    """A spell, with its place in our time. Equal to itself only."""

    queue: Queue
    tally: Tally
    offset: int
    """To add to the switch's clock."""
    error: int | None

    @property
    def began(self) -> int:
        """Nanoseconds since 1970."""
        return self.tally.began + self.offset

    @property
    def ended(self) -> int:
        """Likewise."""
        return self.tally.ended + self.offset

    def overlaps(self, other: PlacedSpell) -> bool:
        """Whether the two may have been at one time, as far as clocks can tell."""
        doubt = self._doubt + other._doubt
        return self.began - doubt <= other.ended and other.began - doubt <= self.ended

    @property
    def _doubt(self) -> int:
        return _UNKNOWN_ERROR if self.error is None else self.error

    @property
    def explains_itself(self) -> bool:
        """Whether its own culprits hold most of it."""
        return sum(map(self.tally.share, self.tally.culprits)) >= _OWN_SHARE


def group(spells: Sequence[PlacedSpell]) -> list[list[PlacedSpell]]:
    """Spells by incident, each in the order of `in_order`."""
    parents = list(range(len(spells)))

    def find(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    culprits: defaultdict[FlowId, list[int]] = defaultdict(list)
    for index, spell in enumerate(spells):
        for flow in spell.tally.culprits:
            culprits[flow].append(index)
    if culprits:
        for index, spell in enumerate(spells):
            for flow in spell.tally.flows.keys() & culprits.keys():
                for other in culprits[flow]:
                    if other != index and spell.overlaps(spells[other]):
                        parents[find(index)] = find(other)
    found: defaultdict[int, list[PlacedSpell]] = defaultdict(list)
    for index, spell in enumerate(spells):
        found[find(index)].append(spell)
    return [in_order(members) for members in found.values()]


def in_order(spells: Iterable[PlacedSpell]) -> list[PlacedSpell]:
    """The root first: the earliest that explains itself, or the earliest; then by onset."""
    by_onset = sorted(spells, key=lambda spell: (spell.began, spell.queue))
    root = next((spell for spell in by_onset if spell.explains_itself), by_onset[0])
    return [root, *(spell for spell in by_onset if spell is not root)]
