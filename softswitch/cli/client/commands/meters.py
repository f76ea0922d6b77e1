"""`p4fabric switch meters`: meters by cell, and direct meters by table entry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from finsy.proto import p4i, p4r

from p4fabric.softswitch.cli.client.commands.nouns import listing, noun
from p4fabric.softswitch.cli.client.complete import of_kinds
from p4fabric.softswitch.cli.client.options import AsJson, Where, reads, writes
from p4fabric.softswitch.cli.client.show import print_json, print_table
from p4fabric.softswitch.client import entries
from p4fabric.softswitch.client.cells import runs
from p4fabric.softswitch.client.errors import BadInput
from p4fabric.softswitch.client.session import MODIFY, Switch
from p4fabric.softswitch.client.target import Target
from p4fabric.softswitch.client.where import Resource, find_resource, resources

meters = noun("meters", "Meters: by index, or of a table's entries.")

Name = Annotated[
    str, typer.Argument(help="The meter's name.", autocompletion=of_kinds("meters", "direct_meters"))
]
Priority = Annotated[int | None, typer.Option("--priority", "-p", min=1, help="That of the entry.")]
_KINDS = ("meters", "direct_meters")
_UNITS = {p4i.MeterSpec.BYTES: "bytes", p4i.MeterSpec.PACKETS: "packets"}
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)([kKMG]?)")
_FACTORS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}
_UNLIMITED = "(always green)"


def _list(target: Target, as_json: bool) -> None:
    with Switch(target) as switch:
        found = resources(switch.program(), _KINDS)
    if as_json:
        print_json([{"name": one.name, "measures": _unit(one), **one.plain_extent} for one in found])
        return
    print_table(("METER", "RATES IN", "OF"), [(one.short, f"{_unit(one)}/s", one.extent) for one in found])


def _unit(one: Resource) -> str:
    return _UNITS.get(one.info.spec.unit, "?")


listing(meters, "list", "Show the program's meters.", _list)


@meters.command()
@reads
def read(
    target: Target, name: Name, where: Where = None, priority: Priority = None, as_json: AsJson = False
) -> None:
    """Show rates and bursts; neighbouring cells with the same in one line."""
    with Switch(target) as switch:
        resource = find_resource(switch.program(), _KINDS, name)
        found = resource.read(switch, where or [], priority)
    if as_json:
        print_json([{**resource.plain_place(one), "config": _plain(one)} for one in found])
        return
    if resource.table is None:
        cells = runs((one.meter_entry.index.index, _show(one)) for one in found)
        print_table(("#INDEX", "RATES AND BURSTS"), list(cells))
        return
    rows = [
        (one.direct_meter_entry.table_entry.priority or "", resource.place(one), _show(one)) for one in found
    ]
    print_table(("#PRIORITY", "ENTRY", "RATES AND BURSTS"), rows)


@meters.command()
@writes
def write(
    target: Target,
    name: Name,
    where: Where = None,
    cir: Annotated[
        str, typer.Option("--cir", metavar="RATE", help="Committed rate a second: 1000, 64k, 10M.")
    ] = ...,  # type: ignore[assignment]
    cburst: Annotated[str, typer.Option("--cburst", metavar="SIZE", help="Committed burst.")] = ...,  # type: ignore[assignment]
    pir: Annotated[
        str | None, typer.Option("--pir", metavar="RATE", help="Peak rate; that of --cir without it.")
    ] = None,
    pburst: Annotated[
        str | None, typer.Option("--pburst", metavar="SIZE", help="Peak burst; that of --cburst without it.")
    ] = None,
    priority: Priority = None,
) -> None:
    """Set rates and bursts, in the meter's unit: packets or bytes (not bits)."""
    config = p4r.MeterConfig(
        cir=_number("--cir", cir),
        cburst=_number("--cburst", cburst),
        pir=_number("--pir", pir if pir is not None else cir),
        pburst=_number("--pburst", pburst if pburst is not None else cburst),
    )
    if config.pir < config.cir:
        raise BadInput(f"--pir {pir} is less than --cir {cir}")
    _write(target, name, where or [], priority, config)


@meters.command()
@writes
def reset(target: Target, name: Name, where: Where = None, priority: Priority = None) -> None:
    """Take rates away: all packets are green then."""
    _write(target, name, where or [], priority, None)


def _write(
    target: Target, name: str, where: Sequence[str], priority: int | None, config: p4r.MeterConfig | None
) -> None:
    with Switch(target) as switch:
        resource = find_resource(switch.program(), _KINDS, name)
        updates, names = [], []
        for one in resource.places(switch, where, priority):
            if config is not None:
                _entry(one).config.CopyFrom(config)
            updates.append((MODIFY, one))
            names.append(f"{resource.short} {resource.place(one)}")
        switch.write(updates, names)


def _number(option: str, word: str) -> int:
    match = _NUMBER.fullmatch(word)
    if match is None:
        raise BadInput(f"{option} {word!r}: a number is needed, such as 1000, 64k or 10M")
    return round(float(match[1]) * _FACTORS[match[2]])


def _entry(entity: p4r.Entity) -> Any:
    return getattr(entity, str(entity.WhichOneof("entity")))


def _show(entity: p4r.Entity) -> str:
    entry = _entry(entity)
    return entries.show_rates(entry.config) if entry.HasField("config") else _UNLIMITED


def _plain(entity: p4r.Entity) -> dict[str, int] | None:
    entry = _entry(entity)
    return entries.plain_rates(entry.config) if entry.HasField("config") else None
