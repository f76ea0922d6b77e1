"""Intervals of ports that all rules see alike, and their blocks in the table of port classes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from p4fabric.controller.blocks import Block, aligned_blocks
from p4fabric.controller.policy.atoms import Atom, Universe
from p4fabric.controller.policy.numbers import Numbers
from p4fabric.controller.policy.rules import PortRange, Protocol

__all__ = ["PORT_CLASS_BITS", "PortBlock", "PortClasses"]

PORT_CLASS_BITS = 16
_PROTOCOL_BITS = 3
_AREA = {Protocol.TCP: 1, Protocol.UDP: 2, Protocol.SCTP: 3}
"""The highest bits of a class: "any port of TCP" is one block."""
_NO_PORTS = 0
"""The class of protocols without ports, which no set of ports has."""
_PORT_BITS = 16
_PORTS = 1 << _PORT_BITS


class PortBlock(NamedTuple):
    """A key in the table of port classes; of those that match, the longest mask wins."""

    protocol: Protocol
    ports: Block


class PortClasses:
    """Those of all protocols. Each begins with one interval, from port 0 on."""

    def __init__(self, universe: Universe) -> None:
        """Make it; atoms live in the universe."""
        self._universe = universe
        shift = PORT_CLASS_BITS - _PROTOCOL_BITS
        self._numbers = {p: Numbers(area << shift, area + 1 << shift) for p, area in _AREA.items()}
        self._starts: dict[Protocol, list[int]] = {}
        self._atoms: dict[Protocol, dict[int, Atom]] = {}
        self._uses: Counter[tuple[Protocol, int]] = Counter()
        self._dead: list[tuple[Protocol, Atom]] = []
        universe.add(_NO_PORTS)
        self.table: dict[PortBlock, int] = {}
        """What the table should hold: the class of each block."""
        self.before: dict[PortBlock, int | None] = {}
        """What it should have held when this was emptied last; None: nothing."""
        for protocol in Protocol:
            self._starts[protocol] = [0]
            self._atoms[protocol] = {0: self._make(protocol)}
            self._show(protocol, 0, True)

    def has_room(self, ranges: Iterable[PortRange]) -> bool:
        """Whether ranges can be told apart from all others."""
        starts = {(one.protocol, start) for one in ranges for start in (one.first, one.last + 1)}
        wanted = Counter(
            protocol for protocol, start in starts if 0 < start < _PORTS and not self._uses[protocol, start]
        )
        return all(self._numbers[protocol].left >= count for protocol, count in wanted.items())

    def acquire(self, ports: PortRange) -> None:
        """One more wants a range to be told apart.

        Raises:
            OutOfNumbers: there are too many.
        """
        for start in (ports.first, ports.last + 1):
            if 0 < start < _PORTS:
                if not self._uses[ports.protocol, start]:
                    self._cut(ports.protocol, start)
                self._uses[ports.protocol, start] += 1

    def release(self, ports: PortRange) -> None:
        """One less wants it; `bury` what nobody wants when the table is written."""
        for start in (ports.first, ports.last + 1):
            if 0 < start < _PORTS:
                self._uses[ports.protocol, start] -= 1
                if not self._uses[ports.protocol, start]:
                    del self._uses[ports.protocol, start]
                    self._unite(ports.protocol, start)

    def bury(self) -> None:
        """Intervals that are no more leave all sets."""
        for protocol, atom in self._dead:
            for one in list(atom.sets):
                atom.leave(one)
            self._universe.remove(atom.number)
            self._numbers[protocol].give_back(atom.number)
        self._dead.clear()

    def wake(self) -> None:
        """No switch holds anything with numbers that rest."""
        for numbers in self._numbers.values():
            numbers.wake()

    def of(self, ports: PortRange) -> Iterator[Atom]:
        """The intervals that make up a range in use."""
        starts, atoms = self._starts[ports.protocol], self._atoms[ports.protocol]
        for start in starts[bisect_left(starts, ports.first) : bisect_right(starts, ports.last)]:
            yield atoms[start]

    def _make(self, protocol: Protocol) -> Atom:
        atom = Atom(self._numbers[protocol].take())
        self._universe.add(atom.number)
        return atom

    def _cut(self, protocol: Protocol, start: int) -> None:
        atom = self._make(protocol)
        starts = self._starts[protocol]
        before = starts[bisect_left(starts, start) - 1]
        for one in self._atoms[protocol][before].sets:
            atom.join(one)
        self._show(protocol, before, False)
        insort(starts, start)
        self._atoms[protocol][start] = atom
        self._show(protocol, before, True)
        self._show(protocol, start, True)

    def _unite(self, protocol: Protocol, start: int) -> None:
        starts = self._starts[protocol]
        before = starts[bisect_left(starts, start) - 1]
        self._show(protocol, before, False)
        self._show(protocol, start, False)
        starts.remove(start)
        self._dead.append((protocol, self._atoms[protocol].pop(start)))
        self._show(protocol, before, True)

    def _show(self, protocol: Protocol, start: int, is_there: bool) -> None:
        starts = self._starts[protocol]
        following = bisect_right(starts, start)
        end = starts[following] if following < len(starts) else _PORTS
        for ports in aligned_blocks(start, end, _PORT_BITS):
            block = PortBlock(protocol, ports)
            self.before.setdefault(block, self.table.get(block))
            if is_there:
                self.table[block] = self._atoms[protocol][start].number
            else:
                del self.table[block]
