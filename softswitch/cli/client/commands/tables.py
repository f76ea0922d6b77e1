"""`p4fabric switch tables`: the program's tables, or one with its fields and actions."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from finsy.proto import p4i

from p4fabric.softswitch.cli.client.complete import of_key
from p4fabric.softswitch.cli.client.options import AsJson, reads
from p4fabric.softswitch.cli.client.show import blank, print_facts, print_json, print_table
from p4fabric.softswitch.client.matches import forms
from p4fabric.softswitch.client.program import Program, Table
from p4fabric.softswitch.client.session import Switch
from p4fabric.softswitch.client.target import Target

_SCOPES: dict[int, str] = {
    p4i.ActionRef.TABLE_ONLY: "entries only",
    p4i.ActionRef.DEFAULT_ONLY: "default entry only",
}


@reads
def tables(
    target: Target,
    table: Annotated[
        str | None, typer.Argument(help="Show this one in full.", autocompletion=of_key, metavar="[TABLE]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the program's tables, or one table's fields and actions."""
    with Switch(target) as switch:
        program = switch.program()
    listed = [program.table(table)] if table is not None else program.tables()
    if as_json:
        print_json([_plain(program, one) for one in listed])
    elif table is not None:
        _show(program, listed[0])
    else:
        rows = [
            (
                one.short,
                [each.label for each in one.fields],
                [each.short for each in one.actions.values()],
                one.info.size,
            )
            for one in listed
        ]
        print_table(("TABLE", "KEY", "ACTIONS", "#SIZE"), rows)


def _show(program: Program, table: Table) -> None:
    plain = _plain(program, table)
    default = plain["const_default_action"]
    print_facts(
        (
            ("table", table.name),
            ("id", f"{table.id:#x}"),
            ("size", table.info.size),
            ("entries", _entries(table)),
            ("priority", "needed: the highest counts" if table.needs_priority else "none"),
            ("default", f"{default}, const" if default else "can be modified"),
            ("action profile", plain["action_profile"]),
            ("direct counter", plain["direct_counter"]),
            ("direct meter", plain["direct_meter"]),
            ("idle timeout", "entries may have one" if plain["idle_timeout"] else None),
        )
    )
    blank()
    if table.fields:
        print_table(
            ("FIELD", "TYPE", "MATCH", "VALUES"),
            [
                (one.short, one.type.label, one.label.rpartition(" ")[2], forms(one.kind))
                for one in table.fields
            ],
        )
        blank()
    print_table(
        ("ACTION", "PARAMETERS", "FOR"),
        [
            (one.short, ", ".join(each.label for each in one.parameters), _SCOPES.get(one.scope, ""))
            for one in table.actions.values()
        ],
    )


def _entries(table: Table) -> str:
    if table.info.is_const_table:
        return "const"
    return "begins with those of the program" if table.info.has_initial_entries else "written by clients"


def _plain(program: Program, table: Table) -> dict[str, Any]:
    info = table.info
    direct = {
        kind: next(
            (one.preamble.name for one in program.objects(kind).values() if one.direct_table_id == table.id),
            None,
        )
        for kind in ("direct_counters", "direct_meters")
    }
    profile = info.implementation_id
    return {
        "name": table.name,
        "id": table.id,
        "size": info.size,
        "const": info.is_const_table,
        "needs_priority": table.needs_priority,
        "fields": [
            {
                "name": one.name,
                "type": one.type.label,
                "match": one.kind.name.lower() if not isinstance(one.kind, str) else one.kind,
            }
            for one in table.fields
        ],
        "actions": [
            {
                "name": one.name,
                "scope": _SCOPES.get(one.scope),
                "params": [{"name": each.name, "type": each.type.label} for each in one.parameters],
            }
            for one in table.actions.values()
        ],
        "const_default_action": (
            program.action_by_id(info.const_default_action_id).short if info.const_default_action_id else None
        ),
        "action_profile": program.by_id("action_profiles", profile).preamble.name if profile else None,
        "direct_counter": direct["direct_counters"],
        "direct_meter": direct["direct_meters"],
        "idle_timeout": info.idle_timeout_behavior == p4i.Table.NOTIFY_CONTROL,
    }
