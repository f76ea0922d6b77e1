"""Adds up the direct counters that speak for something: a rule, a session, a service.

No total ever goes back: what a switch that restarts, or an entry that is written anew, counts from zero is
added to what was counted before. This module knows entries and their counters. It does not know what
they were written for and never reads a switch.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from p4fabric.controller.names import IntentKey, SwitchName, TenantName
from p4fabric.controller.p4runtime.counter_reads import WantedCounters
from p4fabric.pipelines.entities import Counter, EntityKey, TableEntry

__all__ = ["Count", "CounterTotals", "Sample", "Source"]

_MOST_LABELS = 2048
"""Of one owner, whose counts are kept while none of its entries counts for them."""
_NEVER = -math.inf


class Source(NamedTuple):
    """An entry that counts, and what its count is to be added to."""

    label: str
    switch: SwitchName
    entry: TableEntry


class Sample(NamedTuple):
    """When and under which circumstances a switch was asked; for all counters of one read."""

    switch: SwitchName
    epoch: int
    """Of the switch's counters: with another one, all of them began with zero."""
    asked_at: float
    """Seconds since 1970, on a clock that never goes back."""


@dataclass(frozen=True, slots=True)
class Count:
    """All entries with one label, added up; never less than before."""

    label: str
    packets: int
    bytes: int
    by_switch: Mapping[SwitchName, Counter]
    """Switches that have answered at least once."""
    read_at: float | None
    """Seconds since 1970, of the oldest part; None where a switch has never answered."""


@dataclass(slots=True)
class _Tally:
    """Packets and bytes of a kind and tenant, and how many intents count for it."""

    packets: int = 0
    bytes: int = 0
    owners: int = 0


@dataclass(slots=True, eq=False)
class _Cell:
    """One entry's counter, as one owner counts it."""

    source: Source
    key: EntityKey
    """The entry's; to make it takes a while."""
    tally: _Tally
    last_packets: int = 0
    """As the switch had it last."""
    last_bytes: int = 0
    packets: int = 0
    """In all."""
    bytes: int = 0
    epoch: int = -1
    read_at: float = _NEVER

    def take(self, sample: Sample, packets: int, octets: int, now: float) -> None:
        """Take what a switch said; answers may come in another order than they were asked for."""
        if sample.epoch < self.epoch:
            return
        begun_again = packets < self.last_packets or octets < self.last_bytes
        if begun_again and sample.epoch == self.epoch and sample.asked_at < self.read_at:
            # Asked before the last answer came: it may be older than that one, and then it says nothing.
            return
        if begun_again or sample.epoch > self.epoch:
            self.last_packets = self.last_bytes = 0
        grown, grown_bytes = packets - self.last_packets, octets - self.last_bytes
        self.last_packets, self.last_bytes = packets, octets
        self.epoch, self.read_at = sample.epoch, now
        self.packets += grown
        self.bytes += grown_bytes
        self.tally.packets += grown
        self.tally.bytes += grown_bytes

    def goes_on_from(self, other: _Cell) -> None:
        """Count the same entry from where another left off."""
        self.last_packets, self.last_bytes = other.last_packets, other.last_bytes
        self.epoch, self.read_at = other.epoch, other.read_at


@dataclass(slots=True)
class _Owner:
    tally: _Tally
    cells: dict[tuple[str, SwitchName, EntityKey], _Cell] = field(default_factory=dict)
    gone: dict[str, dict[SwitchName, Counter]] = field(default_factory=dict)
    """What entries had counted that are there no more, by label."""


_ZERO = Counter(0, 0)


class CounterTotals:
    """Tell it what counts for whom, and what switches answer: a switch that is away keeps its counts.

    Its size is that of the entries that count. Each change costs what it touches.
    """

    def __init__(self) -> None:
        """Begin with nothing that counts."""
        self._owners: dict[IntentKey, _Owner] = {}
        self._cells: dict[SwitchName, dict[EntityKey, tuple[_Cell, ...]]] = {}
        self._wanted: dict[SwitchName, WantedCounters] = {}
        self._tallies: dict[tuple[str, TenantName], _Tally] = {}

    def tallies(self) -> Iterator[tuple[str, TenantName, int, int]]:
        """Kind, tenant, packets and bytes of all that was counted for intents, those deleted included.

        A kind and tenant is forgotten with its last intent.
        """
        for (kind, tenant), tally in list(self._tallies.items()):
            yield kind, tenant, tally.packets, tally.bytes

    def wanted(self, switch: SwitchName) -> WantedCounters:
        """Whose counters are to be read of a switch."""
        found = self._wanted.get(switch)
        if found is None:
            found = self._wanted[switch] = WantedCounters()
        return found

    def replace(self, owner: IntentKey, sources: Iterable[Source]) -> None:
        """Say what counts for an owner from now on; what others had counted still counts for it."""
        known = self._owners.get(owner)
        if known is None:
            tally = self._tallies.setdefault((owner.kind, owner.tenant), _Tally())
            tally.owners += 1
            known = self._owners[owner] = _Owner(tally)
        before = known.cells
        known.cells = {}
        for source in sources:
            entry = source.entry.key
            key = (source.label, source.switch, entry)
            known.cells[key] = before.pop(key) if key in before else _Cell(source, entry, known.tally)
        added = [cell for cell in known.cells.values() if cell.read_at == _NEVER]
        if not before:
            for cell in added:
                self._add(cell)
            return
        left = {(cell.source.switch, cell.key): cell for cell in before.values()}
        for cell in added:
            place = cell.source.switch, cell.key
            if place in left:
                cell.goes_on_from(left[place])
            self._add(cell)
        for cell in before.values():
            self._remove(cell)
            self._keep(known, cell)

    def forget(self, owner: IntentKey) -> None:
        """Forget all that was counted for an owner."""
        known = self._owners.pop(owner, None)
        if known is None:
            return
        for cell in known.cells.values():
            self._remove(cell)
        known.tally.owners -= 1
        if not known.tally.owners:
            del self._tallies[owner.kind, owner.tenant]

    def take(self, sample: Sample, entry: EntityKey, packets: int, octets: int, now: float) -> None:
        """Take what a switch has counted for an entry."""
        for cell in self._cells.get(sample.switch, {}).get(entry, ()):
            cell.take(sample, packets, octets, now)

    def absent(self, sample: Sample, entries: Collection[EntityKey], now: float) -> None:
        """Those of the entries that a read which is over did not find will count from zero."""
        cells = self._cells.get(sample.switch, {})
        for entry in entries:
            for cell in cells.get(entry, ()):
                if _NEVER < cell.read_at < sample.asked_at:
                    cell.take(sample, 0, 0, now)

    def counts(self, owner: IntentKey) -> tuple[Count, ...]:
        """Add up what is known for an owner, by label, in the order in which labels appeared."""
        known = self._owners.get(owner)
        if known is None:
            return ()
        by_label: dict[str, list[_Cell]] = {}
        for cell in known.cells.values():
            by_label.setdefault(cell.source.label, []).append(cell)
        return tuple(_sum(label, cells, known.gone.get(label, {})) for label, cells in by_label.items())

    def labels(self, owner: IntentKey) -> int:
        """How many counts an owner has."""
        known = self._owners.get(owner)
        return len({label for label, _, _ in known.cells}) if known is not None else 0

    def entries(self, owner: IntentKey) -> Mapping[SwitchName, list[TableEntry]]:
        """The entries that count for an owner, by switch."""
        found: dict[SwitchName, list[TableEntry]] = {}
        known = self._owners.get(owner)
        for cell in known.cells.values() if known is not None else ():
            found.setdefault(cell.source.switch, []).append(cell.source.entry)
        return found

    def _add(self, cell: _Cell) -> None:
        _, switch, entry = cell.source
        cells = self._cells.setdefault(switch, {})
        others = cells.get(cell.key)
        if others is None:
            cells[cell.key] = (cell,)
            self.wanted(switch).add(entry)
        elif cell not in others:
            cells[cell.key] = (*others, cell)
            self.wanted(switch).add(entry)

    def _remove(self, cell: _Cell) -> None:
        _, switch, entry = cell.source
        cells = self._cells[switch]
        others = tuple(other for other in cells[cell.key] if other is not cell)
        if others:
            cells[cell.key] = others
        else:
            del cells[cell.key]
            self.wanted(switch).discard(entry)

    def _keep(self, known: _Owner, cell: _Cell) -> None:
        label, switch, _ = cell.source
        if cell.read_at == _NEVER:
            return
        by_switch = known.gone.pop(label, {})
        before = by_switch.get(switch, _ZERO)
        by_switch[switch] = Counter(before.packets + cell.packets, before.bytes + cell.bytes)
        known.gone[label] = by_switch
        if len(known.gone) > _MOST_LABELS:
            del known.gone[next(iter(known.gone))]


def _sum(label: str, cells: Collection[_Cell], gone: Mapping[SwitchName, Counter]) -> Count:
    by_switch = dict(gone)
    for cell in cells:
        if cell.read_at != _NEVER:
            before = by_switch.get(cell.source.switch, _ZERO)
            by_switch[cell.source.switch] = Counter(before.packets + cell.packets, before.bytes + cell.bytes)
    packets = sum(part.packets for part in by_switch.values())
    octets = sum(part.bytes for part in by_switch.values())
    oldest = min(cell.read_at for cell in cells)
    return Count(label, packets, octets, by_switch, None if oldest == _NEVER else oldest)
