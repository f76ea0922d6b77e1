"""How a program's values are written: which numbers are MAC, IPv4 or IPv6 addresses.

In this order: what P4Info says of keys and parameters (`@format`, the name of a type), the shape of headers
(Ethernet, ARP, IPv4, IPv6), where a value goes (a key is a field, a parameter is assigned to one), and at
last its name. Must not know how addresses are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from finsy.proto import p4i

from p4fabric.softswitch.engine.model import Action, Argument, Field, FieldRef, Header, Key, Pipeline


class Format(StrEnum):
    """A way to write a number; `PLAIN` is one that says that it is only a number."""

    MAC = "mac"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    PLAIN = "plain"


BITS = {Format.MAC: 48, Format.IPV4: 32, Format.IPV6: 128}
_ANNOTATIONS = {
    "MAC_ADDRESS": Format.MAC,
    "IPV4_ADDRESS": Format.IPV4,
    "IPV6_ADDRESS": Format.IPV6,
    "HEX_STRING": Format.PLAIN,
    "STRING": Format.PLAIN,
}
_ANNOTATION = re.compile(r'@format\s*\(\s*"?\s*(\w+)\s*"?\s*\)')
_TYPE_NAMES = (
    (re.compile(r"mac|ethernet|eth_?addr", re.IGNORECASE), Format.MAC),
    (re.compile(r"ip_?v?4|ip_?addr", re.IGNORECASE), Format.IPV4),
    (re.compile(r"ip_?v?6|ip_?addr", re.IGNORECASE), Format.IPV6),
)
_SHAPES = (
    ((48, 48, 16), {0: Format.MAC, 1: Format.MAC}),
    ((16, 16, 8, 8, 16, 48, 32, 48, 32), {5: Format.MAC, 6: Format.IPV4, 7: Format.MAC, 8: Format.IPV4}),
)
"""Headers by the widths of their fields, with the addresses' places."""
_NAME = re.compile(
    r"addr|(^|_)(s|d|src|dst|source|dest|destination|router|next_?hop)?_?(mac|ip|ipv4|ipv6)(_|$)"
)
_SHORT = re.compile(r"^(src|dst|source|dest|destination)$")


class Formats:
    """The formats of one program; None where nothing says that a value is an address."""

    def __init__(self, pipeline: Pipeline | None = None, p4info: p4i.P4Info | None = None) -> None:
        """Without a `pipeline`, there are P4Info and names to go by."""
        stated = _Stated(p4info)
        self._fields: dict[tuple[str, str], Format] = {}
        self._keys: dict[tuple[str, str], Format] = {}
        self._parameters: dict[tuple[str, str], Format] = {}
        if pipeline is None:
            self._keys |= stated.keys
            self._parameters |= stated.parameters
            return
        for header in pipeline.headers:
            for field, found in _by_shape(header):
                self._fields[header.name, field.name] = found
        for table in pipeline.tables:
            for key in table.key:
                self._read_key(stated, table.name, key)
        for action in pipeline.actions:
            self._read_parameters(stated, action, pipeline.info.actions[action.name].parameters)

    def field(self, header: str, field: str, bitwidth: int) -> Format | None:
        """Of a header's or metadata's field."""
        return _known(self._fields.get((header, field)) or _by_name(field, bitwidth))

    def key(self, table: str, name: str, bitwidth: int) -> Format | None:
        """Of a field of a table's key."""
        return _known(self._keys.get((table, name)) or _by_name(name, bitwidth))

    def parameter(self, action: str, name: str, bitwidth: int) -> Format | None:
        """Of an action's parameter."""
        return _known(self._parameters.get((action, name)) or _by_name(name, bitwidth))

    def _read_key(self, stated: _Stated, table: str, key: Key) -> None:
        found = stated.keys.get((table, key.name))
        if isinstance(key.expression, FieldRef):
            at = (key.expression.header.name, key.expression.field.name)
            if found is not None:
                self._fields.setdefault(at, found)
            found = found or self._fields.get(at)
            if found is None:
                found = _by_name(at[1], key.bitwidth)
        if found is not None and _fits(found, key.bitwidth):
            self._keys[table, key.name] = found

    def _read_parameters(self, stated: _Stated, action: Action, parameters: Iterable[object]) -> None:
        names = [str(getattr(one, "name", "")) for one in parameters]
        for index, field, header in _assigned(action):
            name, bitwidth = names[index], action.widths[index]
            found = stated.parameters.get((action.name, name))
            found = found or self._fields.get((header.name, field.name)) or _by_name(field.name, bitwidth)
            if found is not None and _fits(found, bitwidth):
                self._parameters.setdefault((action.name, name), found)
                self._fields.setdefault((header.name, field.name), found)
        for name, bitwidth in zip(names, action.widths, strict=True):
            found = stated.parameters.get((action.name, name))
            if found is not None and _fits(found, bitwidth):
                self._parameters[action.name, name] = found


class _Stated:
    """What P4Info says, by names."""

    def __init__(self, p4info: p4i.P4Info | None) -> None:
        self.keys: dict[tuple[str, str], Format] = {}
        self.parameters: dict[tuple[str, str], Format] = {}
        for table in p4info.tables if p4info is not None else ():
            for match in table.match_fields:
                self._add(self.keys, (table.preamble.name, match.name), match, match.bitwidth)
        for action in p4info.actions if p4info is not None else ():
            for parameter in action.params:
                self._add(
                    self.parameters, (action.preamble.name, parameter.name), parameter, parameter.bitwidth
                )

    @staticmethod
    def _add(to: dict[tuple[str, str], Format], name: tuple[str, str], of: object, bitwidth: int) -> None:
        annotations: Iterable[str] = getattr(of, "annotations", ())
        for one in annotations:
            annotated = _ANNOTATION.search(one)
            if annotated is not None and annotated[1].upper() in _ANNOTATIONS:
                to[name] = _ANNOTATIONS[annotated[1].upper()]
                return
        type_name = str(getattr(getattr(of, "type_name", None), "name", ""))
        for pattern, found in _TYPE_NAMES:
            if type_name and BITS[found] == bitwidth and pattern.search(type_name):
                to[name] = found
                return


def _by_shape(header: Header) -> Iterator[tuple[Field, Format]]:
    """The addresses of headers whose fields are as wide as those of a protocol that everybody knows."""
    if header.metadata:
        return
    widths = tuple(one.bitwidth for one in header.fields if not one.variable)
    places: Mapping[int, Format] = next((there for shape, there in _SHAPES if shape == widths), {})
    if widths[:1] == (4,) and widths[-2:] == (32, 32) and sum(widths) == 160:
        places = {len(widths) - 2: Format.IPV4, len(widths) - 1: Format.IPV4}
    elif widths[:1] == (4,) and widths[-2:] == (128, 128) and sum(widths) == 320:
        places = {len(widths) - 2: Format.IPV6, len(widths) - 1: Format.IPV6}
    for at, found in places.items():
        yield header.fields[at], found


def _assigned(action: Action) -> Iterator[tuple[int, Field, Header]]:
    """Which fields an action's parameters are assigned to as they are."""
    for step in action.primitives:
        if step.name != "assign":
            continue
        target, value = step.operands
        if isinstance(target, FieldRef) and isinstance(value, Argument):
            yield value.index, target.field, target.header


def _by_name(name: str, bitwidth: int) -> Format | None:
    """The last resort."""
    found = next((one for one, bits in BITS.items() if bits == bitwidth), None)
    if found is None:
        return None
    last = re.sub(r"([a-z])([A-Z])", r"\1_\2", name.rpartition(".")[2]).lower().strip("_0123456789")
    if _NAME.search(last) or _SHORT.search(last):
        return found
    return None


def _fits(found: Format, bitwidth: int) -> bool:
    return BITS.get(found, bitwidth) == bitwidth


def _known(found: Format | None) -> Format | None:
    return None if found is Format.PLAIN else found


UNKNOWN = Formats()
