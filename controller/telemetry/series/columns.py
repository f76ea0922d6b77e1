"""Bins in columns: some thousand slots of equal length in arrays, far smaller than as many objects."""

from __future__ import annotations

from array import array

from p4fabric.controller.telemetry.reports import Bin
from p4fabric.controller.telemetry.series.points import Known, Point

__all__ = ["MillisecondColumns", "SecondColumns"]

_KNOWN, _LATE = 1, 2
_MOST_32 = 0xFFFFFFFF


class MillisecondColumns:
    """A second of bins, one for each millisecond. A slot without a bin is not known."""

    SLOTS = 1000
    __slots__ = ("_ranked", "at", "bytes", "depth", "drops", "flags", "packets", "wait")

    def __init__(self) -> None:
        """Make it with no slot known."""
        self.depth, self.at, self.wait = _zeros("I"), _zeros("I"), _zeros("I")
        self.packets, self.bytes, self.drops = _zeros("I"), _zeros("I"), _zeros("I")
        self.flags = bytearray(self.SLOTS)
        self._ranked: array[int] | None = None
        """All waits in order, once somebody asks, until another bin comes."""

    def put(self, slot: int, one: Bin) -> bool:
        """Put a bin into its slot; returns whether there was none."""
        is_new, self._ranked = not self.flags[slot], None
        self.depth[slot], self.at[slot], self.wait[slot] = one.max_depth, one.max_at_ns, one.max_wait_ns
        self.packets[slot], self.bytes[slot], self.drops[slot] = one.packets, one.bytes, one.drops
        self.flags[slot] = _KNOWN | (_LATE if one.late else 0)
        return is_new

    def bin(self, slot: int, start_ns: int) -> Bin | None:
        """The bin of a slot that begins at a moment; None: there is none."""
        flags = self.flags[slot]
        if not flags:
            return None
        return Bin(
            start_ns,
            self.depth[slot],
            self.at[slot],
            self.wait[slot],
            self.packets[slot],
            self.bytes[slot],
            self.drops[slot],
            flags & _LATE != 0,
        )

    def waits(self, start: int, end: int, *, is_calm: bool) -> list[int]:
        """The longest wait of each slot from one to before another that is known."""
        if is_calm:
            return list(self.wait[start:end])
        known = self.flags[start:end]
        return [wait for wait, flags in zip(self.wait[start:end], known, strict=True) if flags]

    def ranked(self, start: int, end: int) -> array[int]:
        """The longest waits of the slots from one to before another, in order; 0 where there is no bin."""
        if end - start < self.SLOTS:
            return array("I", sorted(self.wait[start:end]))
        if self._ranked is None:
            self._ranked = array("I", sorted(self.wait))
        return self._ranked

    def point(self, start: int, end: int, *, is_calm: bool) -> Point:
        """The slots from one to before another, taken together.

        Args:
            start: the first slot.
            end: the one behind the last.
            is_calm: where there is no bin, nothing happened.
        """
        flags = self.flags[start:end]
        missing = flags.count(0)
        if missing == end - start:
            return Point.CALM if is_calm else Point.UNKNOWN
        depths = self.depth[start:end]
        least = 0 if missing and is_calm else min(d for d, known in zip(depths, flags, strict=True) if known)
        return Point(
            Known.BINS if not missing or is_calm else Known.PARTLY,
            least,
            max(depths),
            max(self.wait[start:end]),
            sum(self.packets[start:end]),
            sum(self.bytes[start:end]),
            sum(self.drops[start:end]),
            any(one & _LATE for one in flags),
        )


class SecondColumns:
    """An hour of seconds, each made of its bins and of what is known to be calm."""

    SLOTS = 3600
    __slots__ = ("bytes", "calm", "depth", "drops", "known", "late", "packets", "wait")

    def __init__(self) -> None:
        """Make it with no slot known."""
        slots = self.SLOTS
        self.depth, self.wait = array("I", bytes(4 * slots)), array("I", bytes(4 * slots))
        self.packets, self.bytes = array("I", bytes(4 * slots)), array("Q", bytes(8 * slots))
        self.drops, self.known = array("I", bytes(4 * slots)), array("H", bytes(2 * slots))
        self.calm, self.late = bytearray(slots), bytearray(slots)

    def add(self, slot: int, one: Bin) -> None:
        """Add a bin to its second."""
        self.depth[slot] = max(self.depth[slot], one.max_depth)
        self.wait[slot] = max(self.wait[slot], one.max_wait_ns)
        self.packets[slot] = min(_MOST_32, self.packets[slot] + one.packets)
        self.bytes[slot] += one.bytes
        self.drops[slot] = min(_MOST_32, self.drops[slot] + one.drops)
        self.known[slot] += 1
        if one.late:
            self.late[slot] = 1

    def point(self, start: int, end: int) -> Point:
        """The slots from one to before another, taken together."""
        known, calm = self.known[start:end], self.calm[start:end]
        seen = sum(1 for bins, quiet in zip(known, calm, strict=True) if bins or quiet)
        if not any(known):
            if not seen:
                return Point.UNKNOWN
            return Point.CALM if seen == end - start else Point.PARTLY_CALM
        is_whole = all(calm)
        return Point(
            Known.BINS if is_whole else Known.PARTLY,
            0 if any(bins < 1000 for bins in known) else None,
            max(self.depth[start:end]),
            max(self.wait[start:end]),
            sum(self.packets[start:end]),
            sum(self.bytes[start:end]),
            sum(self.drops[start:end]),
            any(self.late[start:end]),
        )


def _zeros(kind: str) -> array[int]:
    return array(kind, bytes(4 * MillisecondColumns.SLOTS))
