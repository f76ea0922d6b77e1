"""Counts of packets and bytes, and cells of indirect counters (section 9.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from finsy.proto import p4r

from p4fabric.pipelines.entities.cell import check_index
from p4fabric.pipelines.entities.key import EntityKey

__all__ = ["Counter", "CounterCell"]


@dataclass(frozen=True, slots=True)
class Counter:
    """A packet and byte count."""

    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class CounterCell:
    """Base of the generated indirect counters: one cell of an array."""

    COUNTER_ID: ClassVar[int]
    COUNTER_NAME: ClassVar[str]
    SIZE: ClassVar[int]

    index: int

    def __post_init__(self) -> None:
        """Refuse a cell that the array does not have.

        Raises:
            ValueError: the index is outside of the array.
        """
        check_index(self.COUNTER_NAME, self.SIZE, self.index)

    @property
    def key(self) -> EntityKey:
        """The array and the index."""
        return (self.COUNTER_ID, self.index)

    def encode_key(self) -> p4r.Entity:
        """Encode what a read asks for (section 9.4)."""
        entity = p4r.Entity()
        entity.counter_entry.counter_id = self.COUNTER_ID
        entity.counter_entry.index.index = self.index
        return entity
