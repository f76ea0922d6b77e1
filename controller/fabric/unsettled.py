"""How many entries each switch may hold otherwise than the store says: of changes kept and not yet written.

A controller that is killed between the two finds more on a switch than its store wants there. It must be
able to tell that from a store that is the wrong one, so it keeps the number with the change. This module
does not know what the entries are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from p4fabric.controller.compiler import SwitchDelta
from p4fabric.controller.names import SwitchName
from p4fabric.controller.store.values import UnsettledSwitch

__all__ = ["UnsettledSwitches"]

FEWEST = 8
"""Fewer entries are not worth a record: nobody asks who removes so few."""


@dataclass(frozen=True, slots=True)
class UnsettledSwitches:
    """Entries that changes have touched since a switch last held all that was desired, by switch."""

    entries: Mapping[SwitchName, int]
    recorded: Mapping[SwitchName, int]
    """As the store has them."""

    @classmethod
    def of(cls, records: Iterable[UnsettledSwitch]) -> UnsettledSwitches:
        """As a store kept them."""
        kept = {record.switch: record.entries for record in records}
        return cls(kept, kept)

    def after(
        self, deltas: Mapping[SwitchName, SwitchDelta], settled: Collection[SwitchName]
    ) -> UnsettledSwitches:
        """With one more change.

        Args:
            deltas: what it changes of what switches should hold.
            settled: switches that hold all that was desired before it.
        """
        entries = {name: count for name, count in self.entries.items() if name not in settled}
        for name, delta in deltas.items():
            entries[name] = entries.get(name, 0) + len(delta.wanted) + len(delta.unwanted)
        return UnsettledSwitches(entries, self.recorded)

    def put(self) -> list[UnsettledSwitch]:
        """The records that are to be written."""
        counts = self._worth_recording().items()
        return [UnsettledSwitch(name, count) for name, count in counts if self.recorded.get(name) != count]

    def remove(self) -> list[UnsettledSwitch]:
        """The records that are to go."""
        wanted = self._worth_recording()
        return [UnsettledSwitch(name, count) for name, count in self.recorded.items() if name not in wanted]

    def written(self) -> UnsettledSwitches:
        """With these records written."""
        return UnsettledSwitches(self.entries, self._worth_recording())

    def _worth_recording(self) -> dict[SwitchName, int]:
        return {name: count for name, count in self.entries.items() if count >= FEWEST}
