"""The controller headers of packet-in and packet-out (specification, sections 6.4.6 and 16.1): metadata to
header bits and back. Must not know streams or the engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from finsy.proto import p4i, p4r

from softswitch.server import bytestrings
from softswitch.server.errors import invalid


@dataclass(frozen=True, slots=True)
class HeaderField:
    """One field: `shift` is how far it stands from the header's last bit."""

    id: int
    name: str
    bitwidth: int
    shift: int


@dataclass(frozen=True, slots=True)
class PacketHeader:
    """A header of `size` bytes; of 0 bytes where the program has none."""

    size: int
    fields: tuple[HeaderField, ...]

    @classmethod
    def of(cls, described: p4i.ControllerPacketMetadata | None) -> PacketHeader:
        """From P4Info; `Refusal` where the fields make up no whole number of bytes."""
        if described is None:
            return cls(0, ())
        name = described.preamble.name
        total = sum(one.bitwidth for one in described.metadata)
        if total % 8 or any(one.bitwidth <= 0 for one in described.metadata):
            raise invalid(f"P4Info: controller_packet_metadata {name}: {total} bits are no whole bytes")
        if len({one.id for one in described.metadata}) != len(described.metadata):
            raise invalid(f"P4Info: controller_packet_metadata {name}: an id is taken twice")
        fields, left = [], total
        for one in described.metadata:
            left -= one.bitwidth
            fields.append(HeaderField(one.id, one.name, one.bitwidth, left))
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
            header |= bytestrings.decode(raw, field.bitwidth, f"metadata {field.name}") << field.shift
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
            packet.metadata.add(metadata_id=field.id, value=bytestrings.encode(value))
        return packet
