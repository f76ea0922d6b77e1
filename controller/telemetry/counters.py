"""Adds up the direct counters that speak for something: a rule, a session, a service.

This module knows entries and their counters. It must never know what they were written for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from controller.names import SwitchName
from controller.p4runtime.errors import P4RuntimeError
from pipelines.entities import Counter, EntityKey, TableEntry

__all__ = ["Count", "CounterCache", "Read", "Source"]

Read = Callable[[SwitchName, Collection[TableEntry]], Awaitable[Mapping[EntityKey, Counter]]]


class Source(Protocol):
    """An entry that counts, and what its count is to be added to."""

    @property
    def label(self) -> str: ...

    @property
    def switch(self) -> SwitchName: ...

    @property
    def entry(self) -> TableEntry: ...


@dataclass(frozen=True, slots=True)
class Count:
    """All entries with one label, added up."""

    label: str
    packets: int
    bytes: int
    by_switch: Mapping[SwitchName, Counter]
    """Switches that have answered at least once."""
    read_at: float | None
    """Seconds since 1970, of the oldest part; None where a switch has never answered."""


@dataclass(frozen=True, slots=True)
class _Read:
    counter: Counter
    at: float


class CounterCache:
    """Remembers the last answer of each switch: a switch that is away keeps its counts."""

    def __init__(self, read: Read) -> None:
        """Take what reads the counters of entries of one switch; a P4RuntimeError of it is put up with."""
        self._read = read
        self._known: dict[tuple[SwitchName, EntityKey], _Read] = {}

    async def refresh(self, sources: Collection[Source]) -> Mapping[SwitchName, str]:
        """Read counters from all switches concerned at once; returns why some did not answer."""
        entries: dict[SwitchName, dict[EntityKey, TableEntry]] = {}
        for source in sources:
            entries.setdefault(source.switch, {})[source.entry.key] = source.entry
        failures: dict[SwitchName, str] = {}

        async def read_one(switch: SwitchName) -> None:
            try:
                found = await self._read(switch, list(entries[switch].values()))
            except P4RuntimeError as error:
                failures[switch] = str(error)
                return
            now = time.time()
            for key in entries[switch]:
                if key in found:
                    self._known[switch, key] = _Read(found[key], now)
                else:
                    self._known.pop((switch, key), None)

        async with asyncio.TaskGroup() as tasks:
            for switch in entries:
                tasks.create_task(read_one(switch))
        return failures

    def forget_others(self, sources: Iterable[Source]) -> None:
        """Forget the counts of entries that are none of these."""
        kept = {(source.switch, source.entry.key) for source in sources}
        self._known = {key: read for key, read in self._known.items() if key in kept}

    def counts(self, sources: Iterable[Source]) -> tuple[Count, ...]:
        """Add up what is known, by label, in the order in which labels appear."""
        by_label: dict[str, list[Source]] = {}
        for source in sources:
            by_label.setdefault(source.label, []).append(source)
        return tuple(self._sum(label, found) for label, found in by_label.items())

    def _sum(self, label: str, sources: Collection[Source]) -> Count:
        packets = octets = 0
        by_switch: dict[SwitchName, Counter] = {}
        read_at: float | None = time.time()
        for source in sources:
            read = self._known.get((source.switch, source.entry.key))
            if read is None:
                read_at = None
                continue
            packets += read.counter.packets
            octets += read.counter.bytes
            before = by_switch.get(source.switch, Counter(0, 0))
            by_switch[source.switch] = Counter(
                before.packets + read.counter.packets, before.bytes + read.counter.bytes
            )
            read_at = None if read_at is None else min(read_at, read.at)
        return Count(label, packets, octets, by_switch, read_at)
