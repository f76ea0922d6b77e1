"""Keeps numbers that were given back from being given again while a switch may hold an entry with them.

A VLAN id that is given to another network while one switch still has the old network's entries would join
the two. So a number rests until every switch has acknowledged that its entries are gone, or was declared
gone by an operator. What rests is kept in the store, by whoever owns this, so that a restart changes
nothing: a switch that has not been read since may hold anything.

Pure. This module does not know what a number means or how it is known what a switch holds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from p4fabric.controller.intents.numbers import Number
from p4fabric.controller.names import SwitchName

__all__ = ["MayHold", "Quarantine"]

MayHold = Callable[[SwitchName, Number], bool]
"""Whether a switch may hold an entry with a number, or be about to; True of one that was not read yet."""


class Quarantine:
    """Which switches keep which numbers from being given again.

    A switch that has let go of a number is not asked again: nothing makes it take the number up before that
    is given again. Each number keeps the switches that it waits for as bits of an integer, so that thousands
    of numbers and a thousand switches take kilobytes.
    """

    def __init__(
        self,
        switches: Iterable[SwitchName],
        resting: Iterable[Number] = (),
        gone: Iterable[SwitchName] = (),
    ) -> None:
        """Take the fabric's switches.

        Args:
            switches: all of them; entries are nowhere else.
            resting: numbers that rested when the store was read.
            gone: switches that the operator declared gone before.
        """
        self._bits = {name: 1 << position for position, name in enumerate(switches)}
        self._asked = sum(self._bits.values())
        """The switches that a number which comes to rest waits for."""
        self._waiting: dict[Number, int] = {}
        """Resting numbers, and the switches that each waits for."""
        self._free: dict[Number, None] = {}
        """Those that wait for none; they rest until they are released."""
        self._blocks = dict.fromkeys(self._bits, 0)
        """How many numbers wait for each switch."""
        for name in gone:
            self.declare_gone(name)
        self.rest(resting)

    def __len__(self) -> int:
        """How many numbers rest."""
        return len(self._waiting) + len(self._free)

    def rest(self, numbers: Iterable[Number]) -> None:
        """Numbers were given back. Call it once that is stored; those that rest already go on resting."""
        for number in numbers:
            if number in self._waiting or number in self._free:
                continue
            if not self._asked:
                self._free[number] = None
                continue
            self._waiting[number] = self._asked
            for name, bit in self._bits.items():
                self._blocks[name] += bool(bit & self._asked)

    def free(self, may_hold: MayHold, reported: SwitchName | None = None) -> list[Number]:
        """The numbers that may be given again; they are named each time until they are released.

        Costs nothing where the switch that reported keeps no number.

        Args:
            may_hold: what is known of switches.
            reported: ask only about this one, of which there is news; None: about all.
        """
        for name in self._bits if reported is None else (reported,):
            if self._blocks.get(name):
                bit = self._bits[name]
                self._let_go(
                    name, [n for n, waits in self._waiting.items() if waits & bit and not may_hold(name, n)]
                )
        return list(self._free)

    def release(self, numbers: Iterable[Number]) -> None:
        """Numbers rest no more, and that is stored."""
        for number in numbers:
            self._free.pop(number, None)

    def blocked(self) -> Mapping[SwitchName, Collection[Number]]:
        """The numbers that each switch keeps from being given again. For people: costs all that rests."""
        return {
            name: tuple(sorted(number for number, waits in self._waiting.items() if waits & self._bits[name]))
            for name, count in self._blocks.items()
            if count
        }

    def declare_gone(self, name: SwitchName) -> None:
        """The operator says that a switch will not come back with what it held: no number waits for it."""
        bit = self._bits.get(name, 0)
        self._asked &= ~bit
        self._let_go(name, [number for number, waits in self._waiting.items() if waits & bit])

    def returned(self, name: SwitchName) -> None:
        """A switch that was declared gone is part of the fabric again: all that rests waits for it, too."""
        bit = self._bits[name]
        if self._asked & bit:
            return
        self._asked |= bit
        self._waiting.update(dict.fromkeys(self._free, 0))
        self._free = {}
        for number in self._waiting:
            self._waiting[number] |= bit
        self._blocks[name] = len(self._waiting)

    def _let_go(self, name: SwitchName, numbers: Collection[Number]) -> None:
        bit = self._bits.get(name, 0)
        for number in numbers:
            waits = self._waiting[number] & ~bit
            self._blocks[name] -= 1
            if waits:
                self._waiting[number] = waits
            else:
                del self._waiting[number]
                self._free[number] = None
