"""Atoms, which all sets in use see alike, and sets of them as few ternary blocks.

An atom is a class of pods, a region of addresses, or an interval of ports. It has a number; a set is matched
by blocks of numbers. A block may hold numbers that are nobody's, but no live atom that is not of the set:
so a set that is nearly everything costs little, and "all pods" is one block.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Sequence

from p4fabric.controller.blocks import Block, aligned_blocks

__all__ = ["Atom", "AtomSet", "Universe"]


class Atom:
    """A number, and the sets that it belongs to."""

    __slots__ = ("number", "sets")

    def __init__(self, number: int) -> None:
        """Make it, in no set."""
        self.number = number
        self.sets: dict[AtomSet, None] = {}

    def join(self, one: AtomSet) -> None:
        """Belong to a set."""
        if one not in self.sets:
            self.sets[one] = None
            one.add(self.number)

    def leave(self, one: AtomSet) -> None:
        """Not belong to it any more."""
        if one in self.sets:
            del self.sets[one]
            one.remove(self.number)


class AtomSet:
    """Numbers of live atoms, and the blocks that match them and no other live atom."""

    __slots__ = ("blocks", "members", "universe", "users", "watchers")

    def __init__(self, universe: Universe) -> None:
        """Make it, empty."""
        self.universe = universe
        self.members: list[int] = []
        self.blocks: tuple[Block, ...] = ()
        """As of the last `Universe.settle`."""
        self.users: dict[Callable[[], None], None] = {}
        """Called when the blocks have changed."""
        self.watchers: dict[Callable[[], None], None] = {}
        """Called when the members have changed."""

    def add(self, number: int) -> None:
        """Take one in that is not there."""
        insort(self.members, number)
        self._note()

    def remove(self, number: int) -> None:
        """Take one out that is there."""
        del self.members[bisect_left(self.members, number)]
        self._note()

    def _note(self) -> None:
        self.universe.changed(self)
        for watcher in self.watchers:
            watcher()

    def __contains__(self, number: int) -> bool:
        """Whether it is there."""
        place = bisect_left(self.members, number)
        return place < len(self.members) and self.members[place] == number


class Universe:
    """All live atoms of a kind."""

    def __init__(self, bits: int, shown: Callable[[Block], Block] = lambda block: block) -> None:
        """Make it, empty.

        Args:
            bits: of a number.
            shown: from a block of numbers to one of what switches match.
        """
        self._bits, self._shown = bits, shown
        self._full = (1 << bits) - 1
        self._live: list[int] = []
        self._fresh: list[int] = []
        self._changed: dict[AtomSet, None] = {}
        self._wide: dict[Block, dict[AtomSet, None]] = {}
        """Blocks of more than one number, and the sets that use them."""
        self._covers: dict[AtomSet, tuple[Block, ...]] = {}

    def __len__(self) -> int:
        """How many are live."""
        return len(self._live)

    def add(self, number: int) -> None:
        """An atom is live from now on."""
        insort(self._live, number)
        self._fresh.append(number)

    def remove(self, number: int) -> None:
        """An atom is not live any more; it has left all sets."""
        del self._live[bisect_left(self._live, number)]

    def changed(self, one: AtomSet) -> None:
        """A set has other members."""
        self._changed[one] = None

    def drop(self, one: AtomSet) -> None:
        """Nobody uses a set any more."""
        self._changed.pop(one, None)
        self._index(one, ())

    def exactly(self, numbers: Iterable[int]) -> Iterator[Block]:
        """Blocks of numbers and no other, live or not."""
        run: list[int] = []
        for number in (*sorted(numbers), -1):
            if run and number != run[-1] + 1:
                yield from map(self._shown, aligned_blocks(run[0], run[-1] + 1, self._bits))
                run.clear()
            run.append(number)

    def settle(self) -> None:
        """Find the blocks of all sets that need other ones, and tell their users."""
        for number in self._fresh:
            for spare in range(1, self._bits + 1):
                block = Block(number >> spare << spare, self._full >> spare << spare)
                for one in self._wide.get(block, ()):
                    if number not in one:
                        self._changed[one] = None
        self._fresh.clear()
        changed, self._changed = self._changed, {}
        for one in changed:
            found = tuple(self._cover(one.members))
            if found != self._covers.get(one, ()):
                self._index(one, found)
                one.blocks = tuple(map(self._shown, found))
                for user in one.users:
                    user()

    def _index(self, one: AtomSet, found: tuple[Block, ...]) -> None:
        for block in self._covers.pop(one, ()):
            if block.mask != self._full:
                users = self._wide[block]
                del users[one]
                if not users:
                    del self._wide[block]
        for block in found:
            if block.mask != self._full:
                self._wide.setdefault(block, {})[one] = None
        if found:
            self._covers[one] = found

    def _cover(self, members: Sequence[int]) -> Iterator[Block]:
        """The largest aligned blocks without live strangers; one number alone is itself."""
        live = self._live
        waiting = [(0, self._bits, 0, len(members), 0, len(live))]
        while waiting:
            base, bits, first, end, live_first, live_end = waiting.pop()
            if end == first:
                continue
            if end - first == 1:
                yield Block(members[first], self._full)
            elif end - first == live_end - live_first:
                yield Block(base, self._full >> bits << bits)
            else:
                middle = base + (1 << bits - 1)
                cut = bisect_left(members, middle, first, end)
                live_cut = bisect_left(live, middle, live_first, live_end)
                waiting.append((middle, bits - 1, cut, end, live_cut, live_end))
                waiting.append((base, bits - 1, first, cut, live_first, live_cut))
