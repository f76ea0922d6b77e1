"""`p4fabric switch registers`."""

from __future__ import annotations

from typing import Annotated

import typer
from finsy.proto import p4r

from p4fabric.softswitch.cli.client.commands.nouns import listing, noun
from p4fabric.softswitch.cli.client.complete import of_kinds
from p4fabric.softswitch.cli.client.options import AsJson, reads, writes
from p4fabric.softswitch.cli.client.show import print_json, print_table
from p4fabric.softswitch.client.cells import parse_indices, register_cell, register_data, runs
from p4fabric.softswitch.client.errors import BadInput
from p4fabric.softswitch.client.session import MODIFY, Switch
from p4fabric.softswitch.client.target import Target

registers = noun("registers", "Registers: read and write their cells.")

Name = Annotated[str, typer.Argument(help="The register's name.", autocompletion=of_kinds("registers"))]
Index = Annotated[str, typer.Argument(metavar="INDEX", help="A cell, or a range such as 0-7.")]
AnyIndex = Annotated[
    str | None, typer.Argument(metavar="[INDEX]", help="A cell, or a range such as 0-7; all without it.")
]


def _list(target: Target, as_json: bool) -> None:
    with Switch(target) as switch:
        program = switch.program()
    found = program.objects("registers")
    plain = [
        {"name": name, "type": register_data(program, one).label, "size": one.size}
        for name, one in found.items()
    ]
    if as_json:
        print_json(plain)
        return
    rows = [(program.short("registers", str(one["name"])), one["type"], one["size"]) for one in plain]
    print_table(("REGISTER", "TYPE", "#SIZE"), rows)


listing(registers, "list", "Show the program's registers.", _list)


@registers.command()
@reads
def read(target: Target, name: Name, index: AnyIndex = None, as_json: AsJson = False) -> None:
    """Show cells; neighbours with the same value in one line."""
    with Switch(target) as switch:
        program = switch.program()
        info = program.find("registers", name)
        wanted = parse_indices(index, info.size, info.preamble.alias) if index is not None else [None]
        requests = []
        for one in wanted:
            request = p4r.Entity()
            request.register_entry.register_id = info.preamble.id
            if one is not None:
                request.register_entry.index.index = one
            requests.append(request)
        found = [one.register_entry for one in switch.read(*requests)]
    data = register_data(program, info)
    if as_json:
        print_json([{"index": one.index.index, "value": data.plain(one.data)} for one in found])
        return
    print_table(("#INDEX", "VALUE"), list(runs((one.index.index, data.show(one.data)) for one in found)))


@registers.command(context_settings={"ignore_unknown_options": True})
@writes
def write(
    target: Target,
    name: Name,
    index: Index,
    value: Annotated[str, typer.Argument(help="A number such as 10, 0xa or -1, or an address.")],
) -> None:
    """Write a value to a cell, or to each of a range."""
    if value.startswith("--"):
        raise BadInput(f"there is no option {value}")
    _write(target, name, index, value)


@registers.command()
@writes
def reset(target: Target, name: Name, index: AnyIndex = None) -> None:
    """Write 0 to a cell, a range or all."""
    _write(target, name, index, None)


def _write(target: Target, name: str, index: str | None, value: str | None) -> None:
    with Switch(target) as switch:
        program = switch.program()
        info = program.find("registers", name)
        data = register_data(program, info)
        wanted = data.parse(value) if value is not None else data.zero()
        updates, names = [], []
        indices = (
            parse_indices(index, info.size, info.preamble.alias) if index is not None else range(info.size)
        )
        for one in indices:
            updates.append((MODIFY, register_cell(info, one, wanted)))
            names.append(f"{info.preamble.alias}[{one}]")
        switch.write(updates, names)
