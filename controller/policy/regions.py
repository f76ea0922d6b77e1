"""Regions of addresses: each prefix in use, without the longer ones within it.

A new prefix cuts a region in two, of which each set has both or none: until rules change, the new region is
in all sets that the old one is in. This module does not know who has an address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sortedcontainers import SortedDict

from p4fabric.controller.policy.atoms import Atom, Universe
from p4fabric.controller.policy.numbers import Numbers
from p4fabric.controller.policy.prefixes import WORLD, IpBlock, Prefix

__all__ = ["REGION_BITS", "Region", "Regions"]

REGION_BITS = 21


class Region(Atom):
    """The addresses of a prefix that are in no longer one."""

    __slots__ = ("prefix",)

    def __init__(self, prefix: Prefix, number: int) -> None:
        """Make it, in no set."""
        super().__init__(number)
        self.prefix = prefix


class Regions:
    """Those of both families; each has the whole world as its first."""

    def __init__(self, universes: dict[int, Universe]) -> None:
        """Make it; atoms live in the universe of their family."""
        self._universes = universes
        self._numbers = {version: Numbers(1, 1 << REGION_BITS) for version in (4, 6)}
        self._uses: Counter[Prefix] = Counter()
        self._lengths: dict[int, Counter[int]] = {4: Counter(), 6: Counter()}
        self._longest_first: dict[int, list[int]] = {4: [], 6: []}
        self._regions: dict[int, SortedDict[tuple[int, int], Region]] = {4: SortedDict(), 6: SortedDict()}
        for prefix in WORLD:
            self.acquire(prefix)

    def acquire(self, prefix: Prefix) -> Region | None:
        """One more wants a prefix to be told apart; its region, if nobody did before.

        Raises:
            OutOfNumbers: there are too many.
        """
        if not self._uses[prefix]:
            region = Region(prefix, self._numbers[prefix.version].take())
            around = self.find(prefix) if prefix.length else None
            self._regions[prefix.version][prefix.bits, prefix.length] = region
            self._count(prefix, 1)
            self._universes[prefix.version].add(region.number)
            for one in around.sets if around is not None else ():
                region.join(one)
        else:
            region = None
        self._uses[prefix] += 1
        return region

    def release(self, prefix: Prefix) -> Region | None:
        """One less wants it; its region, if nobody does any more: `bury` it when nothing has its number."""
        self._uses[prefix] -= 1
        if self._uses[prefix]:
            return None
        del self._uses[prefix]
        self._count(prefix, -1)
        return self._regions[prefix.version].pop((prefix.bits, prefix.length))

    def bury(self, region: Region) -> None:
        """It is no more."""
        for one in list(region.sets):
            region.leave(one)
        self._universes[region.prefix.version].remove(region.number)
        self._numbers[region.prefix.version].give_back(region.number)

    def wake(self) -> None:
        """No switch holds anything with numbers that rest."""
        for numbers in self._numbers.values():
            numbers.wake()

    def get(self, prefix: Prefix) -> Region | None:
        """The region of a prefix in use."""
        return self._regions[prefix.version].get((prefix.bits, prefix.length))

    def find(self, prefix: Prefix) -> Region:
        """The region of an address, or the one around a prefix."""
        regions = self._regions[prefix.version]
        for length in self._longest_first[prefix.version]:
            if length <= prefix.length:
                found = regions.get((prefix.cut(length).bits, length))
                if found is not None:
                    return found
        raise LookupError(prefix)

    def of(self, block: IpBlock) -> Iterator[Region]:
        """The regions that make up a block; its prefixes are in use."""
        regions = self._regions[block.cidr.version]
        for key in regions.irange((block.cidr.bits, block.cidr.length), (block.cidr.last, 128)):
            region = regions[key]
            if block.contains(region.prefix):
                yield region

    def _count(self, prefix: Prefix, by: int) -> None:
        lengths = self._lengths[prefix.version]
        lengths[prefix.length] += by
        if lengths[prefix.length] == (by if by > 0 else 0):
            self._longest_first[prefix.version] = sorted(+lengths, reverse=True)
