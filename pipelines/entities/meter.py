"""Meters: their rates, and cells of indirect ones (section 9.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from finsy.proto import p4r

from p4fabric.pipelines.entities.cell import check_index
from p4fabric.pipelines.entities.key import EntityKey

__all__ = ["MeterCell", "MeterConfig"]


@dataclass(frozen=True, slots=True)
class MeterConfig:
    """Rates a second and bursts, in the meter's unit (bytes or packets): RFC 2698's two rates."""

    committed_rate: int
    committed_burst: int
    peak_rate: int
    peak_burst: int

    def encode(self) -> p4r.MeterConfig:
        """Encode."""
        return p4r.MeterConfig(
            cir=self.committed_rate,
            cburst=self.committed_burst,
            pir=self.peak_rate,
            pburst=self.peak_burst,
        )

    @classmethod
    def decode(cls, config: p4r.MeterConfig) -> Self:
        """Decode."""
        return cls(config.cir, config.cburst, config.pir, config.pburst)


@dataclass(frozen=True, slots=True)
class MeterCell:
    """Base of the generated indirect meters: one cell of an array, which is there always."""

    METER_ID: ClassVar[int]
    METER_NAME: ClassVar[str]
    SIZE: ClassVar[int]

    index: int
    config: MeterConfig | None
    """None: it colours everything green."""

    def __post_init__(self) -> None:
        """Refuse a cell that the array does not have.

        Raises:
            ValueError: the index is outside of the array.
        """
        check_index(self.METER_NAME, self.SIZE, self.index)

    @property
    def key(self) -> EntityKey:
        """The array and the index."""
        return ("meter", self.METER_ID, self.index)

    def encode(self) -> p4r.Entity:
        """Encode whole."""
        entity = p4r.Entity()
        entity.meter_entry.meter_id = self.METER_ID
        entity.meter_entry.index.index = self.index
        if self.config is not None:
            entity.meter_entry.config.CopyFrom(self.config.encode())
        return entity

    @classmethod
    def wildcard(cls) -> p4r.Entity:
        """What a read of all cells of this array asks for."""
        entity = p4r.Entity()
        entity.meter_entry.meter_id = cls.METER_ID
        return entity

    @classmethod
    def decode(cls, entry: p4r.MeterEntry) -> Self:
        """Decode a cell of this array."""
        config = MeterConfig.decode(entry.config) if entry.HasField("config") else None
        return cls(entry.index.index, config)
