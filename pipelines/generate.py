"""Generates the typed bindings of a pipeline from its P4Info: `python -m pipelines.generate P4INFO OUTPUT`.

A table becomes a `TableEntry` class, an action an `Action`, an indirect counter a `CounterCell`, a digest a
`DigestMessage`, a controller header a `PacketMetadata`. A P4 `type name_t` becomes the class `Name` of
`pipelines.values`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from finsy.proto import p4i
from google.protobuf import text_format

import pipelines.values

_HEADER = '''\
"""Typed bindings of {name}, generated from its P4Info by pipelines/generate.py; do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipelines.entities import (
    Action, {cells}DigestMessage, Lpm, MatchField, PacketMetadata, Parameter, TableEntry, Ternary, Weighted,
)
from pipelines.values import {values}
'''

_KINDS = {
    p4i.MatchField.EXACT: "exact",
    p4i.MatchField.LPM: "lpm",
    p4i.MatchField.TERNARY: "ternary",
    p4i.MatchField.OPTIONAL: "optional",
}
# P4Runtime servers built on PI take only plain bit strings in digests, so that their fields' types
# are told by their names.
_DIGEST_FIELDS = {
    "ingress_port": "Port",
    "port": "Port",
    "vlan_id": "VlanId",
    "mac": "MacAddress",
    "ipv4": "IPv4Address",
    "ipv4_src": "IPv4Address",
    "ipv4_dst": "IPv4Address",
    "ipv6": "IPv6Address",
    "ipv6_src": "IPv6Address",
    "ipv6_dst": "IPv6Address",
    "protocol": "IpProtocol",
    "src_port": "L4Port",
    "dst_port": "L4Port",
}
_SPECIAL = {"Ipv4Address": "IPv4Address", "Ipv6Address": "IPv6Address", "L4Port": "L4Port"}


def camel(name: str) -> str:
    """`port_filter.deny` → `PortFilterDeny`."""
    return "".join(part[:1].upper() + part[1:] for part in name.replace(".", "_").split("_") if part)


def value_class(type_name: str, bitwidth: int) -> str:
    """The Python class for a P4 type's name, or for a plain `bit<W>`."""
    if not type_name:
        return "bool" if bitwidth == 1 else "int"
    name = camel(type_name.removesuffix("_t"))
    name = _SPECIAL.get(name, name)
    if not hasattr(pipelines.values, name):
        raise SystemExit(f"P4 type {type_name} has no class {name} in pipelines/values.py")
    return name


def _actions(p4info: p4i.P4Info) -> Iterator[str]:
    for action in p4info.actions:
        yield "\n\n@dataclass(frozen=True, slots=True)"
        yield f"class {camel(action.preamble.alias)}(Action):"
        yield f'    """`{action.preamble.name}`."""\n'
        parameters = [
            (p.id, p.name, p.bitwidth, value_class(p.type_name.name, p.bitwidth)) for p in action.params
        ]
        for _, name, _, cls in parameters:
            yield f"    {name}: {cls}"
        yield f"    ID: ClassVar[int] = {action.preamble.id}"
        yield f"    NAME: ClassVar[str] = {action.preamble.name!r}"
        yield f"    PARAMETERS: ClassVar[tuple[Parameter, ...]] = {_parameters(parameters)}"


def _parameters(parameters: Iterable[tuple[int, str, int, str]]) -> str:
    return "(" + "".join(f"Parameter({i}, {n!r}, {w}, {c}), " for i, n, w, c in parameters) + ")"


def _field_type(kind: str, cls: str) -> str:
    if kind == "exact":
        return cls
    if kind == "lpm":
        return f"Lpm[{cls}]"
    return f"Ternary[{cls}] | None" if kind == "ternary" else f"{cls} | None"


def _tables(p4info: p4i.P4Info) -> Iterator[str]:
    actions = {action.preamble.id: camel(action.preamble.alias) for action in p4info.actions}
    selectors = {t for profile in p4info.action_profiles for t in profile.table_ids}
    counters = {counter.direct_table_id for counter in p4info.direct_counters}
    for table in p4info.tables:
        usable = [actions[ref.id] for ref in table.action_refs if ref.scope != p4i.ActionRef.DEFAULT_ONLY]
        matches = []
        for match in table.match_fields:
            if match.match_type not in _KINDS:
                raise SystemExit(f"{table.preamble.name}.{match.name}: match type {match.match_type}")
            cls = value_class(match.type_name.name, match.bitwidth)
            matches.append((match.id, match.name, match.bitwidth, _KINDS[match.match_type], cls))
        priority = any(kind in ("ternary", "optional") for *_, kind, _ in matches)
        selector = table.preamble.id in selectors
        action = " | ".join(usable)
        if selector:
            action = f"tuple[Weighted[{action}], ...]"
        yield "\n\n@dataclass(frozen=True)"
        yield f"class {camel(table.preamble.alias)}(TableEntry):"
        yield f'    """`{table.preamble.name}`, {table.size:,} entries."""\n'
        for _, name, _, kind, cls in matches:
            yield f"    {name}: {_field_type(kind, cls)}"
        if priority:
            yield "    priority: int"
        yield f"    action: {action}"
        yield f"    TABLE_ID: ClassVar[int] = {table.preamble.id}"
        yield f"    TABLE_NAME: ClassVar[str] = {table.preamble.name!r}"
        yield f"    SIZE: ClassVar[int] = {table.size}"
        made = "".join(f"MatchField({i}, {n!r}, {w}, {k!r}, {c}), " for i, n, w, k, c in matches)
        yield f"    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]] = ({made})"
        known = ", ".join(f"{name}.ID: {name}" for name in usable)
        yield f"    ACTIONS: ClassVar[dict[int, type[Action]]] = {{{known}}}"
        yield f"    HAS_PRIORITY: ClassVar[bool] = {priority}"
        yield f"    HAS_SELECTOR: ClassVar[bool] = {selector}"
        yield f"    HAS_COUNTER: ClassVar[bool] = {table.preamble.id in counters}"


def _counters(p4info: p4i.P4Info) -> Iterator[str]:
    for counter in p4info.counters:
        yield "\n\n@dataclass(frozen=True, slots=True)"
        yield f"class {camel(counter.preamble.alias)}(CounterCell):"
        yield f'    """A cell of `{counter.preamble.name}`, which has {counter.size:,}."""\n'
        yield f"    COUNTER_ID: ClassVar[int] = {counter.preamble.id}"
        yield f"    COUNTER_NAME: ClassVar[str] = {counter.preamble.name!r}"
        yield f"    SIZE: ClassVar[int] = {counter.size}"


def _digests(p4info: p4i.P4Info) -> Iterator[str]:
    for digest in p4info.digests:
        struct = p4info.type_info.structs[digest.type_spec.struct.name]
        parameters = []
        for index, member in enumerate(struct.members, start=1):
            width = member.type_spec.bitstring.bit.bitwidth
            parameters.append((index, member.name, width, _DIGEST_FIELDS.get(member.name, "int")))
        yield "\n\n@dataclass(frozen=True, slots=True)"
        yield f"class {camel(digest.preamble.alias.removesuffix('_t'))}(DigestMessage):"
        yield f'    """The digest `{digest.preamble.name}`."""\n'
        for _, name, _, cls in parameters:
            yield f"    {name}: {cls}"
        yield f"    DIGEST_ID: ClassVar[int] = {digest.preamble.id}"
        yield f"    FIELDS: ClassVar[tuple[Parameter, ...]] = {_parameters(parameters)}"


def _packet_metadata(p4info: p4i.P4Info) -> Iterator[str]:
    for header in p4info.controller_packet_metadata:
        parameters, padding = [], []
        for metadata in header.metadata:
            if "@padding" in metadata.annotations:
                padding.append(metadata.id)
            else:
                cls = value_class(metadata.type_name.name, metadata.bitwidth)
                parameters.append((metadata.id, metadata.name, metadata.bitwidth, cls))
        yield "\n\n@dataclass(frozen=True, slots=True)"
        yield f"class {camel(header.preamble.alias)}Metadata(PacketMetadata):"
        yield f'    """The controller header `{header.preamble.name}`."""\n'
        for _, name, _, cls in parameters:
            yield f"    {name}: {cls}"
        yield f"    METADATA: ClassVar[tuple[Parameter, ...]] = {_parameters(parameters)}"
        yield f"    PADDING: ClassVar[tuple[int, ...]] = {tuple(padding)!r}"


def generate(p4info: p4i.P4Info, name: str) -> str:
    """The text of the bindings module."""
    parts = (_actions, _tables, _counters, _digests, _packet_metadata)
    body = "\n".join(line for part in parts for line in part(p4info))
    used = [value for value in pipelines.values.__all__ if value in body]
    tables = ", ".join(camel(table.preamble.alias) for table in p4info.tables)
    index = f"\n\nTABLES: dict[int, type[TableEntry]] = {{table.TABLE_ID: table for table in ({tables})}}\n"
    cells = "CounterCell, " if p4info.counters else ""
    return _HEADER.format(name=name, cells=cells, values=", ".join(used)) + body + "\n" + index


def main(arguments: list[str]) -> None:
    """Write the bindings of one P4Info file, formatted."""
    source, output = Path(arguments[0]), Path(arguments[1])
    p4info = text_format.Parse(source.read_text(), p4i.P4Info())
    output.write_text(generate(p4info, output.parent.name))
    formatter = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length=110", str(output)]
    subprocess.run(formatter, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
