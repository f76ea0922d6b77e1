"""The controller headers of packet-in and packet-out (specification, sections 6.4.6 and 16.1): metadata to
header bits and back. Must not know streams or the engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from finsy.proto import p4i, p4r

from p4fabric.softswitch.engine.api import HeaderField as EngineField
from p4fabric.softswitch.server.codings import Coding, TypeCodings, Unsigned
from p4fabric.softswitch.server.errors import Refusal, invalid


@dataclass(frozen=True, slots=True)
class HeaderField:
    """One field: `shift` is how far it stands from the header's last bit."""

    id: int
    name: str
    bitwidth: int
    shift: int
    coding: Coding


@dataclass(frozen=True, slots=True)
class PacketHeader:
    """A header of `size` bytes; of 0 bytes where the program has none."""

    size: int
    fields: tuple[HeaderField, ...]

    @classmethod
    def of(cls, described: p4i.ControllerPacketMetadata | None, types: TypeCodings) -> PacketHeader:
        """From P4Info, and from the device config's header type of the same fields: only that tells the
        widths of translated fields, and which are signed. `Refusal` where there is none, or where the fields
        make up no whole number of bytes."""
        if described is None:
            return cls(0, ())
        place = f"P4Info: controller_packet_metadata {described.preamble.name}"
        if len({one.id for one in described.metadata}) != len(described.metadata):
            raise invalid(f"{place}: an id is taken twice")
        there = _header_type(place, described, types)
        total = left = sum(one.bitwidth for one in there)
        if total % 8 or any(one.bitwidth <= 0 for one in there):
            raise invalid(f"{place}: {total} bits are no whole bytes")
        fields = []
        for here, field in zip(described.metadata, there, strict=True):
            left -= field.bitwidth
            coding = types.coding(
                f"{place}: {here.name}", here.bitwidth, here.type_name.name, field.bitwidth, field.signed
            )
            fields.append(
                HeaderField(here.id, here.name, field.bitwidth, left, coding or Unsigned(field.bitwidth))
            )
        return cls(total // 8, tuple(fields))

    def encode(self, metadata: Iterable[p4r.PacketMetadata]) -> bytes:
        """The header of a packet-out; `Refusal` when the metadata are not exactly the header's fields."""
        values = {}
        for one in metadata:
            if one.metadata_id in values:
                raise invalid(f"metadata {one.metadata_id} is given twice")
            values[one.metadata_id] = one.value
        header = 0
        for field in self.fields:
            raw = values.pop(field.id, None)
            if raw is None:
                raise invalid(f"metadata {field.id} ({field.name}) is missing")
            try:
                header |= field.coding.decode(raw, f"metadata {field.name}") << field.shift
            except Refusal as refusal:
                raise invalid(refusal.text) from None
        if values:
            raise invalid(f"the packet_out header has no metadata {min(values)}")
        return header.to_bytes(self.size, "big")

    def decode(self, frame: bytes) -> p4r.PacketIn | None:
        """A packet-in from a frame with the header in front; None when the frame is too short for it."""
        if len(frame) < self.size:
            return None
        packet = p4r.PacketIn(payload=frame[self.size :])
        header = int.from_bytes(frame[: self.size], "big")
        for field in self.fields:
            value = header >> field.shift & (1 << field.bitwidth) - 1
            packet.metadata.add(metadata_id=field.id, value=field.coding.encode(value))
        return packet


def _header_type(
    place: str, described: p4i.ControllerPacketMetadata, types: TypeCodings
) -> Sequence[EngineField]:
    """The fields of the device config's header type that has these fields."""
    names = [one.name for one in described.metadata]
    for fields in types.headers.values():
        if [one.name for one in fields] == names and all(
            types.is_translated(here.type_name.name) or here.bitwidth == there.bitwidth
            for here, there in zip(described.metadata, fields, strict=True)
        ):
            return fields
    for one in described.metadata:
        if types.is_translated(one.type_name.name):
            raise invalid(
                f"{place}: the width of {one.name}, of translated type {one.type_name.name}, is not known: "
                "the device config has no header type of these fields"
            )
    # The program does not use the header.
    return [EngineField(one.name, one.bitwidth, False) for one in described.metadata]
