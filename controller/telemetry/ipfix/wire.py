"""IPFIX messages (RFC 7011): templates, and records of them. Pure.

Elements are those of IANA's registry, and a few of our own below the enterprise number that RFC 5612 reserves
for examples, as p4fabric has none: `docs/reference/ipfix.md` lists them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from struct import Struct, pack
from typing import NamedTuple

__all__ = [
    "DROPPED",
    "DROPPED_FLOW",
    "ENTERPRISE",
    "MOST_BYTES",
    "QUEUED_FLOW",
    "QUEUED_FLOW_WITHOUT_DROPS",
    "TEMPLATES",
    "Element",
    "Template",
    "message",
]

VERSION = 10
ENTERPRISE = 32473
MOST_BYTES = 1400
"""Of a message."""
_TEMPLATE_SET = 2
_HEADER = Struct("!HHIII")
_SET_HEADER = Struct("!HH")
_OWN = 0x8000
"""In an element's number: it is an enterprise's."""


class Element(NamedTuple):
    """An information element and its length in bytes."""

    name: str
    number: int
    length: int
    enterprise: int = 0


DROPPED = Element("droppedPacketDeltaCount", 133, 8)


@dataclass(frozen=True)
class Template:
    """What records look like. One for each version of IP."""

    number: int
    elements: tuple[Element, ...]

    @property
    def size(self) -> int:
        """Bytes of a record."""
        return sum(element.length for element in self.elements)

    def describe(self) -> bytes:
        """The template as a record of a template set."""
        parts = [pack("!HH", self.number, len(self.elements))]
        for element in self.elements:
            if element.enterprise:
                parts.append(pack("!HHI", element.number | _OWN, element.length, element.enterprise))
            else:
                parts.append(pack("!HH", element.number, element.length))
        return b"".join(parts)

    def record(self, values: Sequence[int]) -> bytes:
        """A record.

        Args:
            values: one for each element; addresses as numbers. What is too large is as large as fits.
        """
        return b"".join(
            min(max(0, value), (1 << 8 * element.length) - 1).to_bytes(element.length, "big")
            for element, value in zip(self.elements, values, strict=True)
        )


def _ends(version: int) -> tuple[Element, ...]:
    if version == 4:
        return Element("sourceIPv4Address", 8, 4), Element("destinationIPv4Address", 12, 4)
    return Element("sourceIPv6Address", 27, 16), Element("destinationIPv6Address", 28, 16)


def _of_flow(version: int) -> tuple[Element, ...]:
    return (
        Element("flowStartMilliseconds", 152, 8),
        Element("flowEndMilliseconds", 153, 8),
        *_ends(version),
        Element("sourceTransportPort", 7, 2),
        Element("destinationTransportPort", 11, 2),
        Element("protocolIdentifier", 4, 1),
        Element("vlanId", 58, 2),
        Element("ingressInterface", 10, 4),
        Element("egressInterface", 14, 4),
        Element("packetDeltaCount", 2, 8),
        DROPPED,
        Element("forwardingStatus", 89, 1),
    )


QUEUED_FLOW = {
    version: Template(
        number,
        (
            *_of_flow(version),
            Element("p4fabricIncident", 1, 8, ENTERPRISE),
            Element("p4fabricRole", 2, 1, ENTERPRISE),
            Element("p4fabricQueue", 3, 1, ENTERPRISE),
            Element("p4fabricQueuedOctets", 4, 8, ENTERPRISE),
            Element("p4fabricShare", 5, 4, ENTERPRISE),
            Element("p4fabricMaxWaitMicroseconds", 6, 4, ENTERPRISE),
            Element("p4fabricPeakDepth", 7, 4, ENTERPRISE),
            Element("p4fabricPeakWaitMicroseconds", 8, 4, ENTERPRISE),
        ),
    )
    for version, number in ((4, 256), (6, 257))
}
"""A flow at a queue of an incident, by version of IP."""
QUEUED_FLOW_WITHOUT_DROPS = {
    version: Template(
        number, tuple(element for element in QUEUED_FLOW[version].elements if element != DROPPED)
    )
    for version, number in ((4, 260), (6, 261))
}
"""The same, at a switch that does not tell how many packets found a queue full: 0 would say that none did."""
DROPPED_FLOW = {
    version: Template(number, (*_of_flow(version), Element("p4fabricDropReason", 9, 1, ENTERPRISE)))
    for version, number in ((4, 258), (6, 259))
}
"""Packets of a flow that were dropped for one reason."""
TEMPLATES = (*QUEUED_FLOW.values(), *DROPPED_FLOW.values(), *QUEUED_FLOW_WITHOUT_DROPS.values())


def message(
    domain: int,
    sequence: int,
    seconds: int,
    records: Iterable[tuple[Template, Sequence[bytes]]],
    *,
    templates: bool,
) -> bytes:
    """A message.

    Args:
        domain: the observation domain: a switch's node id.
        sequence: how many records were sent of this domain before.
        seconds: when it is sent, since 1970.
        records: written records, by template.
        templates: describe all templates first.
    """
    sets = []
    if templates:
        described = b"".join(template.describe() for template in TEMPLATES)
        sets.append(_SET_HEADER.pack(_TEMPLATE_SET, _SET_HEADER.size + len(described)) + described)
    for template, written in records:
        if written:
            data = b"".join(written)
            sets.append(_SET_HEADER.pack(template.number, _SET_HEADER.size + len(data)) + data)
    body = b"".join(sets)
    length = _HEADER.size + len(body)
    return _HEADER.pack(VERSION, length, seconds & 0xFFFFFFFF, sequence & 0xFFFFFFFF, domain) + body
