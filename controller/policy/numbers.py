"""Numbers of atoms. One that is given back rests until switches cannot hold an entry with it any more."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

__all__ = ["Areas", "Numbers", "OutOfNumbers"]

_FIRST_AREA = 3
"""Bits: a namespace begins with eight numbers."""


class OutOfNumbers(Exception):
    """All are given."""


class Numbers:
    """Those of one pool; the smallest free one is given."""

    def __init__(self, first: int, end: int) -> None:
        """Make it: from `first` up to, not including, `end`."""
        self._fresh, self._end = first, end
        self._free: list[int] = []
        self._resting: list[int] = []

    @property
    def left(self) -> int:
        """How many can be given."""
        return self._end - self._fresh + len(self._free)

    def take(self) -> int:
        """One that nobody has.

        Raises:
            OutOfNumbers: there is none.
        """
        if self._free:
            return heapq.heappop(self._free)
        if self._fresh >= self._end:
            raise OutOfNumbers
        self._fresh += 1
        return self._fresh - 1

    def give_back(self, number: int) -> None:
        """Nobody needs it; it rests."""
        self._resting.append(number)

    def wake(self) -> None:
        """No switch holds anything with those that rest."""
        for number in self._resting:
            heapq.heappush(self._free, number)
        self._resting.clear()


@dataclass(slots=True)
class _Owner:
    areas: list[tuple[int, int]] = field(default_factory=list)
    """First numbers, and bits."""
    free: list[int] = field(default_factory=list)
    used: int = 0
    resting: int = 0


class Areas:
    """Numbers by owner: each has aligned blocks of its own, each as large as all of its earlier ones."""

    def __init__(self, bits: int, reserved: int = 0) -> None:
        """Make it.

        Args:
            bits: of a number.
            reserved: so many of the highest numbers are never given; a power of two.
        """
        self._bits = bits
        self._owners: dict[str, _Owner] = {}
        self._free: dict[int, list[int]] = {bits: [0]}
        """By bits, heaps of blocks that nobody has."""
        self._resting: list[tuple[str, int]] = []
        if reserved:
            order = reserved.bit_length() - 1
            self._free = {size: [(1 << bits) - (2 << size)] for size in range(order, bits)}

    def take(self, owner: str) -> int:
        """A number of an owner that nobody has.

        Raises:
            OutOfNumbers: there is none.
        """
        mine = self._owners.setdefault(owner, _Owner())
        if not mine.free:
            order = max((bits for _, bits in mine.areas), default=_FIRST_AREA - 1) + 1
            if len(mine.areas) == 1:
                order = _FIRST_AREA
            base = self._block(min(order, self._bits))
            mine.areas.append((base, order))
            mine.free = list(range(base, base + (1 << order)))
        mine.used += 1
        return heapq.heappop(mine.free)

    def give_back(self, owner: str, number: int) -> None:
        """Nobody needs it; it rests."""
        mine = self._owners[owner]
        mine.used -= 1
        mine.resting += 1
        self._resting.append((owner, number))

    def wake(self) -> None:
        """No switch holds anything with those that rest; owners without numbers lose their blocks."""
        resting, self._resting = self._resting, []
        for owner, number in resting:
            mine = self._owners[owner]
            mine.resting -= 1
            heapq.heappush(mine.free, number)
            if not mine.used and not mine.resting:
                for base, order in self._owners.pop(owner).areas:
                    self._unite(base, order)

    def _block(self, order: int) -> int:
        fitting = [size for size, free in self._free.items() if free and size >= order]
        if not fitting:
            raise OutOfNumbers
        # The lowest numbers, so that large blocks stay whole.
        size = min(fitting, key=lambda bits: (bits, self._free[bits][0]))
        base = heapq.heappop(self._free[size])
        while size > order:
            size -= 1
            heapq.heappush(self._free.setdefault(size, []), base + (1 << size))
        return base

    def _unite(self, base: int, order: int) -> None:
        while order < self._bits and (buddy := base ^ (1 << order)) in self._free.get(order, ()):
            self._free[order].remove(buddy)
            heapq.heapify(self._free[order])
            base, order = min(base, buddy), order + 1
        heapq.heappush(self._free.setdefault(order, []), base)
