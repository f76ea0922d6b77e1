"""Counts what is lost of a sequence of numbered datagrams. Pure: numbers in, counts out.

The numbers go round after 2**22, datagrams may come late, twice or not at all, and a sender that starts
again begins with a small number. Nothing is guessed: what was sent before the first datagram that came, or
around a restart, is not counted as lost.
"""

from __future__ import annotations

from enum import Enum

from p4fabric.controller.telemetry.reports.wire import SEQUENCES

__all__ = ["Arrival", "SequenceCounter"]

_WINDOW = 4096
"""How far behind the highest number a late datagram is still told from a restart."""
_PROBATION = 4
"""Datagrams that fit each other and nothing before, until the sender counts as restarted."""
_HALF = SEQUENCES // 2
_MASK = (1 << _WINDOW) - 1


class Arrival(Enum):
    """What a datagram is by its number."""

    NEW = "new"
    LATE = "late"
    """It was counted as lost, and is not any more."""
    DUPLICATE = "duplicate"
    """It was there already, or nobody can say: it must not count twice."""
    RESTART = "restart"
    """The sender began anew."""


class SequenceCounter:
    """Of one sender: a node and its `hw_id`."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self.received = 0
        """Datagrams that count."""
        self.lost = 0
        """Missing between the first and the newest, as far as is known now."""
        self.late = 0
        self.duplicates = 0
        self.restarts = 0
        self._highest = -1
        self._seen = 0
        """Bit n: the number `highest - n` came, or is not owed."""
        self._misfit = -1
        """The last number that fitted nothing, and how many in a row there were."""
        self._misfits = 0

    def take(self, number: int) -> Arrival:
        """Take the number of a datagram that came."""
        if self._highest < 0:
            self._begin(number)
            return Arrival.NEW
        ahead = (number - self._highest) % SEQUENCES
        if 0 < ahead < _HALF:
            self._advance(number, ahead)
            return Arrival.NEW
        behind = SEQUENCES - ahead if ahead else 0
        if behind < _WINDOW and not self._seen >> behind & 1:
            self._seen |= 1 << behind
            self._misfits = 0
            self.lost -= 1
            self.late += 1
            self.received += 1
            return Arrival.LATE
        return self._not_fitting(number)

    def restart(self) -> None:
        """It is known that the sender begins anew."""
        if self._highest >= 0:
            self.restarts += 1
            self._highest = -1

    def _begin(self, number: int) -> None:
        self._highest, self._seen = number, _MASK
        self._misfits = 0
        self.received += 1

    def _advance(self, number: int, ahead: int) -> None:
        self._highest, self._misfits = number, 0
        self._seen = (self._seen << ahead | 1) & _MASK if ahead < _WINDOW else 1
        self.lost += ahead - 1
        self.received += 1

    def _not_fitting(self, number: int) -> Arrival:
        follows = self._misfits and (number - self._misfit) % SEQUENCES == 1
        self._misfits = self._misfits + 1 if follows else 1
        self._misfit = number
        if self._misfits < _PROBATION:
            self.duplicates += 1
            return Arrival.DUPLICATE
        self.restarts += 1
        # Those on probation were the first of the new life. What they said is not heard: it is not lost
        # on the way either.
        self._begin(number)
        return Arrival.RESTART
