"""What switches have counted of the rules of sessions, added up over switches and over their restarts.

Reads only. This module does not know what is counted for whom.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from p4fabric.controller.compiler.served import SessionKey
from p4fabric.controller.core import Core
from p4fabric.controller.fabric.changes import StateChanges
from p4fabric.controller.fabric.core_thread import CoreThread
from p4fabric.controller.fabric.switch import FabricSwitch
from p4fabric.controller.n4.usage import RuleCounts
from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime import P4RuntimeError
from p4fabric.controller.p4runtime.counter_reads import WantedCounters
from p4fabric.controller.turns import in_turns
from p4fabric.pipelines.entities import EntityKey, TableEntry
from p4fabric.pipelines.fabric import bindings as b

__all__ = ["SessionCounters", "SessionCounts"]

_TAKEN = (b.UplinkRules, b.DownlinkRules)
_PASSED = (b.UplinkUsage, b.DownlinkUsage)


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """Of one session.

    Attributes:
        rules: by their numbers.
        is_complete: whether all switches have answered; else it is what they said last.
    """

    rules: Mapping[int, RuleCounts]
    is_complete: bool


@dataclass(slots=True)
class _Cell:
    """A counter of one switch, which may begin with zero again."""

    epoch: int
    packets: int = 0
    octets: int = 0
    before: tuple[int, int] = (0, 0)
    """What it had counted when it did."""

    def take(self, epoch: int, packets: int, octets: int) -> None:
        if epoch != self.epoch or packets < self.packets:
            self.before = self.before[0] + self.packets, self.before[1] + self.octets
        self.epoch, self.packets, self.octets = epoch, packets, octets


_Cells = dict[tuple[SwitchName, EntityKey], _Cell]
"""Of one rule."""


def _counts(
    rules: Mapping[int, _Cells], entries: Collection[tuple[SwitchName, TableEntry]]
) -> dict[int, RuleCounts]:
    """Of entries that are wanted now."""
    found: dict[int, RuleCounts] = {}
    for switch, entry in entries:
        number = _rule_of(entry)
        cell = rules.get(number, {}).get((switch, entry.key))
        if cell is None:
            continue
        counted = cell.before[0] + cell.packets, cell.before[1] + cell.octets
        taken, passed = found.get(number, RuleCounts())
        if isinstance(entry, _PASSED):
            found[number] = RuleCounts(taken, (passed[0] + counted[0], passed[1] + counted[1]))
        else:
            found[number] = RuleCounts((taken[0] + counted[0], taken[1] + counted[1]), passed)
    return found


def _rule_of(entry: TableEntry) -> int:
    return int(entry.rule)  # type: ignore[attr-defined]


class SessionCounters:
    """Of one fabric. Event loop only."""

    def __init__(
        self,
        core: Core,
        thread: CoreThread,
        changes: StateChanges,
        switches: Mapping[SwitchName, FabricSwitch],
    ) -> None:
        """Make it.

        Args:
            core: knows which entries sessions have.
            thread: that it is asked on.
            changes: whose changes it waits for.
            switches: by name.
        """
        self._core, self._thread, self._changes, self._switches = core, thread, changes, switches
        self._sessions: dict[SessionKey, dict[int, _Cells]] = {}

    async def read(self, keys: Sequence[SessionKey]) -> dict[SessionKey, SessionCounts]:
        """Ask switches what they have counted of sessions."""
        entries = await self._entries(keys)
        wanted: dict[SwitchName, WantedCounters] = {}
        cells: dict[EntityKey, _Cells] = {}
        async for key, found in in_turns(entries.items()):
            rules = self._sessions.setdefault(key, {})
            for switch, entry in found:
                wanted.setdefault(switch, WantedCounters()).add(entry)
                cells[entry.key] = rules.setdefault(_rule_of(entry), {})
        silent = {name for name, counters in wanted.items() if not await self._read(name, counters, cells)}
        return {
            key: SessionCounts(
                _counts(self._sessions.get(key, {}), found),
                not any(switch in silent for switch, _ in found),
            )
            async for key, found in in_turns(entries.items())
        }

    def drop(self, key: SessionKey, rules: Iterable[int]) -> None:
        """Rules that are gone: another one that has a number of theirs begins with nothing.

        What a read that is under way finds of them, is nobody's.
        """
        kept = self._sessions.get(key, {})
        for rule in rules:
            kept.pop(rule, None)

    async def forget(self, has_ended: Callable[[SessionKey], bool]) -> None:
        """Sessions that have ended."""
        async for key in in_turns(list(self._sessions)):
            if has_ended(key):
                self._sessions.pop(key, None)

    async def _entries(
        self, keys: Sequence[SessionKey]
    ) -> dict[SessionKey, list[tuple[SwitchName, TableEntry]]]:
        compiler = self._core.compiler
        async with self._changes.alone():
            outputs = await self._thread.run(lambda: [compiler.session_output(key) for key in keys])
        return {
            key: [
                (switch, entity)
                for switch, entities in output.entities.items()
                for entity in entities
                if isinstance(entity, (*_TAKEN, *_PASSED))
            ]
            async for key, output in in_turns(zip(keys, outputs, strict=True))
            if output is not None
        }

    async def _read(
        self, name: SwitchName, wanted: WantedCounters, cells: Mapping[EntityKey, _Cells]
    ) -> bool:
        """Whether a switch has answered."""
        switch = self._switches.get(name)
        if switch is None:
            return True  # It is gone, and with it what it had counted.
        epoch = switch.counter_epoch

        def take(key: EntityKey, packets: int, octets: int) -> None:
            cells[key].setdefault((name, key), _Cell(epoch)).take(epoch, packets, octets)

        try:
            await switch.read_counters(wanted, take)
        except P4RuntimeError:
            return False
        return True
