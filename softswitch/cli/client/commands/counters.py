"""`p4fabric switch counters`: counters by cell, and direct counters by table entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from finsy.proto import p4i, p4r

from p4fabric.softswitch.cli.client.commands.nouns import listing, noun
from p4fabric.softswitch.cli.client.complete import of_kinds
from p4fabric.softswitch.cli.client.options import AsJson, Where, reads, writes
from p4fabric.softswitch.cli.client.show import print_json, print_table
from p4fabric.softswitch.client.cells import runs
from p4fabric.softswitch.client.session import MODIFY, Switch
from p4fabric.softswitch.client.target import Target
from p4fabric.softswitch.client.where import Resource, find_resource, resources

counters = noun("counters", "Counters: by index, or of a table's entries.")

Name = Annotated[
    str,
    typer.Argument(help="The counter's name.", autocompletion=of_kinds("counters", "direct_counters")),
]
Priority = Annotated[int | None, typer.Option("--priority", "-p", min=1, help="That of the entry.")]
_KINDS = ("counters", "direct_counters")
_UNITS = {p4i.CounterSpec.BYTES: "bytes", p4i.CounterSpec.PACKETS: "packets"}


def _list(target: Target, as_json: bool) -> None:
    with Switch(target) as switch:
        found = resources(switch.program(), _KINDS)
    if as_json:
        print_json([{"name": one.name, "counts": _unit(one), **one.plain_extent} for one in found])
        return
    print_table(("COUNTER", "COUNTS", "OF"), [(one.short, _unit(one), one.extent) for one in found])


def _unit(one: Resource) -> str:
    return _UNITS.get(one.info.spec.unit, "packets and bytes")


listing(counters, "list", "Show the program's counters.", _list)


@counters.command()
@reads
def read(
    target: Target, name: Name, where: Where = None, priority: Priority = None, as_json: AsJson = False
) -> None:
    """Show counts; neighbouring cells with the same counts in one line."""
    with Switch(target) as switch:
        resource = find_resource(switch.program(), _KINDS, name)
        found = resource.read(switch, where or [], priority)
    if as_json:
        print_json([{**resource.plain_place(one), **_plain(_data(one))} for one in found])
        return
    if resource.table is None:
        cells = runs((one.counter_entry.index.index, _counts(_data(one))) for one in found)
        print_table(("#INDEX", "#PACKETS", "#BYTES"), [(place, *counts) for place, counts in cells])
        return
    rows = [
        (one.direct_counter_entry.table_entry.priority or "", resource.place(one), *_counts(_data(one)))
        for one in found
    ]
    print_table(("#PRIORITY", "ENTRY", "#PACKETS", "#BYTES"), rows)


@counters.command()
@writes
def write(
    target: Target,
    name: Name,
    where: Where = None,
    packets: Annotated[int, typer.Option("--packets", min=0, help="The count of packets.")] = 0,
    octets: Annotated[int, typer.Option("--bytes", min=0, help="The count of bytes.")] = 0,
    priority: Priority = None,
) -> None:
    """Set counts."""
    _write(target, name, where or [], priority, packets, octets)


@counters.command()
@writes
def reset(target: Target, name: Name, where: Where = None, priority: Priority = None) -> None:
    """Set counts to 0: of some cells or one entry, or all."""
    _write(target, name, where or [], priority, 0, 0)


def _write(
    target: Target, name: str, where: Sequence[str], priority: int | None, packets: int, octets: int
) -> None:
    with Switch(target) as switch:
        resource = find_resource(switch.program(), _KINDS, name)
        updates, names = [], []
        for one in resource.places(switch, where, priority):
            data = _data(one)
            data.packet_count, data.byte_count = packets, octets
            data.SetInParent()
            updates.append((MODIFY, one))
            names.append(f"{resource.short} {resource.place(one)}")
        switch.write(updates, names)


def _data(entity: p4r.Entity) -> p4r.CounterData:
    if entity.WhichOneof("entity") == "counter_entry":
        return entity.counter_entry.data
    return entity.direct_counter_entry.data


def _counts(data: p4r.CounterData) -> tuple[int, int]:
    return data.packet_count, data.byte_count


def _plain(data: p4r.CounterData) -> dict[str, int]:
    return {"packets": data.packet_count, "bytes": data.byte_count}
