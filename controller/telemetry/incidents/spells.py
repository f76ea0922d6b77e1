"""When one queue was congested: spells, from the evidence of its switch. Pure; time is that of the evidence.

Evidence joins a spell when less than the gap lies between them and no bin there shows the queue calm. Reports
of packets come at once and bins tens of milliseconds later, so what belongs together is decided anew
while later evidence may change it: the evidence of the last moments is kept by millisecond, and what is older
is summed up.
"""

from __future__ import annotations

from bisect import bisect_left

from p4fabric.controller.telemetry.incidents.evidence import PacketEvidence, Thresholds
from p4fabric.controller.telemetry.incidents.tally import Tally
from p4fabric.controller.telemetry.incidents.windows import WindowBytes
from p4fabric.controller.telemetry.reports import Bin

__all__ = ["BIN_NS", "JOIN_GAP_NS", "QueueSpells", "join"]

BIN_NS = 1_000_000
JOIN_GAP_NS = 20_000_000
_KEPT_NS = 64_000_000
"""How long evidence is kept apart: a switch sends bins a few milliseconds after they are over."""
_MOST_CELLS = 1024


def join(tallies: list[Tally], calm: list[int], gap: int) -> list[Tally]:
    """Sum up what belongs together; the order of the tallies does not matter, and none of them is changed.

    Args:
        tallies: evidence of one queue.
        calm: when bins begin that show the queue calm, sorted.
        gap: nanoseconds below which two belong together, unless it was calm between them.
    """
    found: list[Tally] = []
    for tally in sorted(tallies, key=lambda one: (one.began, one.ended)):
        last = found[-1] if found else None
        if last is None or not _is_one(last.ended, tally.began, calm, gap):
            last = Tally(tally.began, tally.ended)
            found.append(last)
        last.add(tally)
    return found


def _is_one(ended: int, began: int, calm: list[int], gap: int) -> bool:
    if began <= ended:
        return True
    if began - ended >= gap:
        return False
    # A bin is calm all through, so it lies between them if it does not reach into either.
    first = bisect_left(calm, ended)
    return first == len(calm) or calm[first] + BIN_NS > began


class QueueSpells:
    """The spells of one queue that are not over yet, or not for long."""

    def __init__(self, gap: int = JOIN_GAP_NS) -> None:
        """Take the gap, in nanoseconds; larger where reports come more rarely."""
        self._gap = gap
        self._old: list[Tally] = []
        self._cells: dict[int, Tally] = {}
        """Evidence by millisecond."""
        self._calm: set[int] = set()
        """When calm bins begin."""
        self._bytes = WindowBytes()
        self._settled_at = 0
        """The time of the evidence when the old was summed up last."""
        self._spells: list[Tally] | None = []
        """Joined; None: to be joined again."""

    def packet(self, packet: PacketEvidence) -> None:
        """Take a packet that met congestion."""
        uncounted = self._bytes.more(packet)
        cell = self._cells.get(packet.at // BIN_NS)
        if cell is None:
            self._put(packet.at, Tally.of_packet(packet, *uncounted))
        else:
            cell.add_packet(packet, *uncounted)
            self._spells = None

    def bin(self, one: Bin, thresholds: Thresholds | None) -> None:
        """Take a bin; without thresholds it says nothing of congestion."""
        if thresholds is None:
            return
        if one.after_gap and one.start_ns >= BIN_NS:
            # The switch has no bin of a millisecond in which nothing happened.
            self._calm.add(one.start_ns - BIN_NS)
        if thresholds.is_congested(one):
            self._put(one.start_ns, Tally.of_bin(one, BIN_NS))
        elif thresholds.is_calm(one):
            self._calm.add(one.start_ns)
            self._advance(one.start_ns)
            self._spells = None

    @property
    def spells(self) -> list[Tally]:
        """Those that are known, in order of time; nobody may change them."""
        if self._spells is None:
            self._spells = join([*self._old, *self._cells.values()], sorted(self._calm), self._gap)
        return self._spells

    def forget(self, spell: Tally) -> None:
        """Forget one of the spells, with all that it was made of."""

        def is_left(one: Tally) -> bool:
            return one.began < spell.began or one.ended > spell.ended

        self._old = [one for one in self._old if is_left(one)]
        self._cells = {key: one for key, one in self._cells.items() if is_left(one)}
        self._calm = {start for start in self._calm if start >= spell.began - self._gap}
        self._spells = None

    def _put(self, at: int, tally: Tally) -> None:
        cell = self._cells.get(at // BIN_NS)
        if cell is None:
            self._cells[at // BIN_NS] = tally
        else:
            cell.add(tally)
        self._advance(at)
        self._spells = None

    def _advance(self, at: int) -> None:
        """Sum up what is too old to be judged anew; now and then, as it takes looking at all of it."""
        is_full = len(self._cells) > _MOST_CELLS or len(self._calm) > _MOST_CELLS
        if at <= self._settled_at + _KEPT_NS and not is_full:
            return
        self._settled_at = max(self._settled_at, at)
        horizon = self._settled_at - _KEPT_NS
        old = [key for key in self._cells if key * BIN_NS < horizon]
        if is_full and not old:
            old = sorted(self._cells)[: _MOST_CELLS // 2]
        self._old = join([*self._old, *(self._cells.pop(key) for key in old)], sorted(self._calm), self._gap)
        self._calm = {start for start in self._calm if start >= horizon} if not is_full else set()
