"""Registers: cells of their arrays (section 9.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from finsy.proto import p4r

from p4fabric.pipelines.entities.cell import check_index
from p4fabric.pipelines.entities.data import DataType
from p4fabric.pipelines.entities.key import EntityKey

__all__ = ["RegisterCell"]


@dataclass(frozen=True)
class RegisterCell:
    """Base of the generated registers: a cell of an array, which is there always; a subclass adds `value`."""

    REGISTER_ID: ClassVar[int]
    REGISTER_NAME: ClassVar[str]
    SIZE: ClassVar[int]
    TYPE: ClassVar[DataType]

    index: int

    def __post_init__(self) -> None:
        """Refuse a cell that the array does not have.

        Raises:
            ValueError: the index is outside of the array.
        """
        check_index(self.REGISTER_NAME, self.SIZE, self.index)

    @property
    def key(self) -> EntityKey:
        """The array and the index."""
        return ("register", self.REGISTER_ID, self.index)

    def encode(self) -> p4r.Entity:
        """Encode whole.

        Raises:
            ValueError: the value does not fit.
        """
        value: Any = self.value  # type: ignore[attr-defined]
        entity = p4r.Entity()
        entity.register_entry.register_id = self.REGISTER_ID
        entity.register_entry.index.index = self.index
        entity.register_entry.data.CopyFrom(self.TYPE.encode(value))
        return entity

    @classmethod
    def wildcard(cls) -> p4r.Entity:
        """What a read of all cells of this array asks for."""
        entity = p4r.Entity()
        entity.register_entry.register_id = cls.REGISTER_ID
        return entity

    @classmethod
    def decode(cls, entry: p4r.RegisterEntry) -> Self:
        """Decode a cell of this array.

        Raises:
            ValueError: a value of another type.
        """
        values: dict[str, Any] = {"index": entry.index.index, "value": cls.TYPE.decode(entry.data)}
        return cls(**values)
