"""The headers of packet-ins and packet-outs (section 16.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from finsy.proto import p4r

from p4fabric.pipelines.entities.encoding import Parameter

__all__ = ["PacketMetadata"]


@dataclass(frozen=True, slots=True)
class PacketMetadata:
    """Base of the generated packet-in and packet-out headers; padding is left out."""

    METADATA: ClassVar[tuple[Parameter, ...]]
    PADDING: ClassVar[tuple[int, ...]] = ()

    def encode(self) -> list[p4r.PacketMetadata]:
        """Encode as the metadata of a PacketOut, padding zero.

        Raises:
            ValueError: a value does not fit.
        """
        values = [(field.id, field.encode(getattr(self, field.name))) for field in self.METADATA]
        values += [(padding, b"\0") for padding in self.PADDING]
        return [p4r.PacketMetadata(metadata_id=number, value=value) for number, value in sorted(values)]

    @classmethod
    def decode(cls, metadata: Iterable[p4r.PacketMetadata]) -> Self:
        """Decode a PacketIn's metadata.

        Raises:
            ValueError: a field is missing, or a value is none of its field.
        """
        by_id = {entry.metadata_id: entry.value for entry in metadata}
        try:
            return cls(*(field.decode(by_id[field.id]) for field in cls.METADATA))
        except KeyError as missing:
            raise ValueError(f"packet metadata {missing.args[0]} is missing") from None
