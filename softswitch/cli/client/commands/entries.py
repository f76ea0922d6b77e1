"""`p4fabric switch read`, `insert`, `modify` and `delete`: table entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from finsy.proto import p4i, p4r

from p4fabric.softswitch.cli.client.complete import of_key, of_table
from p4fabric.softswitch.cli.client.entry_table import entries_text
from p4fabric.softswitch.cli.client.options import AsJson, reads, writes
from p4fabric.softswitch.cli.client.show import is_terminal, note, print_json, say
from p4fabric.softswitch.client import entries
from p4fabric.softswitch.client.errors import BadInput
from p4fabric.softswitch.client.program import Program, Table
from p4fabric.softswitch.client.read_entries import read_table
from p4fabric.softswitch.client.session import DELETE, INSERT, MODIFY, Switch
from p4fabric.softswitch.client.target import Target

TableName = Annotated[
    str, typer.Argument(help="Its name, or the end of it after a dot.", autocompletion=of_table)
]
KeyWords = Annotated[
    list[str] | None, typer.Argument(metavar="[FIELD=VALUE]…", help="The key.", autocompletion=of_key)
]
EntryWords = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FIELD=VALUE]… ACTION [PARAMETER=VALUE]…",
        help="The key, then the action with its parameters. In tables with an action selector, several "
        "actions may stand between +, with a weight such as 2*ACTION.",
        autocompletion=of_table,
    ),
]
Priority = Annotated[
    int | None, typer.Option("--priority", "-p", min=1, help="Where entries may overlap: the highest counts.")
]
MemberId = Annotated[
    int | None, typer.Option("--member", min=0, help="A member of the action profile instead.")
]
GroupId = Annotated[int | None, typer.Option("--group", min=0, help="A group of the action profile instead.")]
IdleTimeout = Annotated[
    float | None,
    typer.Option("--idle-timeout", metavar="SECONDS", min=0.001, help="Notify when not hit for so long."),
]


@reads
def read(
    target: Target,
    table: Annotated[
        str | None,
        typer.Argument(metavar="[TABLE]", help="Its name; all tables without it.", autocompletion=of_key),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FIELD=VALUE]…", help="Only entries with this in their key.", autocompletion=of_key
        ),
    ] = None,
    priority: Priority = None,
    as_json: AsJson = False,
) -> None:
    """Show table entries, with their counters and meters.

    What is shown under MATCH and ACTION can be typed again, after `insert`, `modify` or `delete`.
    """
    with Switch(target) as switch:
        program = switch.program()
        wanted = [program.table(table)] if table is not None else program.tables()
        found = [(one, read_table(switch, program, one, key or [], priority)) for one in wanted]
    if as_json:
        print_json([entries.plain_entry(program, one, entry) for one, them in found for entry in them])
        return
    if text := entries_text(program, found, one=table is not None, terminal=is_terminal()):
        say(text)


@writes
def insert(
    target: Target,
    table: TableName,
    words: EntryWords = None,
    priority: Priority = None,
    member: MemberId = None,
    group: GroupId = None,
    idle_timeout: IdleTimeout = None,
) -> None:
    """Insert a table entry.

    For example: p4fabric switch insert ipv4_lpm dstAddr=10.0.0.0/24 ipv4_forward port=1
    """
    with Switch(target) as switch:
        program = switch.program()
        one = program.table(table)
        entity = _entry(program, one, words or [], priority, member, group, idle_timeout)
        switch.write([(INSERT, entity)], [f"insert {one.short} {' '.join(words or [])}"])


@writes
def modify(
    target: Target,
    table: TableName,
    words: EntryWords = None,
    priority: Priority = None,
    member: MemberId = None,
    group: GroupId = None,
    idle_timeout: IdleTimeout = None,
    default: Annotated[
        bool, typer.Option("--default", help="The default entry: what happens to packets that hit none.")
    ] = False,
) -> None:
    """Modify a table entry, or with --default what happens where no entry is hit."""
    with Switch(target) as switch:
        program = switch.program()
        one = program.table(table)
        if default:
            if any(value is not None for value in (priority, member, group, idle_timeout)):
                raise BadInput("--default takes an action and its parameters only")
            entity = p4r.Entity()
            entry = entity.table_entry
            entry.table_id, entry.is_default_action = one.id, True
            entry.action.CopyFrom(entries.parse_default(one, words or []))
            entries.check_scope(one, entry.action, default=True)
        else:
            entity = _entry(program, one, words or [], priority, member, group, idle_timeout)
        switch.write([(MODIFY, entity)], [f"modify {one.short} {' '.join(words or [])}"])


@writes
def delete(
    target: Target,
    table: TableName,
    key: KeyWords = None,
    priority: Priority = None,
    every: Annotated[bool, typer.Option("--all", help="All entries of the table.")] = False,
    default: Annotated[
        bool, typer.Option("--default", help="Give the default entry the action that the program has.")
    ] = False,
) -> None:
    """Delete a table entry, or all of a table."""
    with Switch(target) as switch:
        program = switch.program()
        one = program.table(table)
        if (every or default) and (key or priority is not None or every == default):
            raise BadInput("a key, --all or --default: one of them is needed")
        if every:
            _delete_all(switch, program, one)
            return
        entity = p4r.Entity()
        entry = entity.table_entry
        entry.table_id = one.id
        if default:
            if one.info.const_default_action_id:
                raise BadInput(f"table {one.short}: its default action is const")
            entry.is_default_action = True
            switch.write([(MODIFY, entity)], [f"delete {one.short} --default"])
            return
        _, action = entries.split(key or [])
        if action:
            raise BadInput(entries.misread(one, action))
        if not key and one.fields and not all(field.may_be_left_out for field in one.fields):
            raise BadInput(f"table {one.short}: a key is needed, or --all, or --default")
        entries.set_key(entry, one, key or [], priority)
        switch.write([(DELETE, entity)], [f"delete {one.short} {' '.join(key or [])}"])


def _entry(
    program: Program,
    table: Table,
    words: Sequence[str],
    priority: int | None,
    member: int | None,
    group: int | None,
    idle_timeout: float | None,
) -> p4r.Entity:
    key, action = entries.split(words)
    entity = p4r.Entity()
    entry = entity.table_entry
    entry.table_id = table.id
    entry.action.CopyFrom(entries.parse_action(program, table, action, member=member, group=group))
    entries.check_scope(table, entry.action, default=False)
    entries.set_key(entry, table, key, priority)
    if idle_timeout is not None:
        if table.info.idle_timeout_behavior != p4i.Table.NOTIFY_CONTROL:
            raise BadInput(f"table {table.short}: its entries have no idle timeout (`support_timeout` in P4)")
        entry.idle_timeout_ns = round(idle_timeout * entries.NANOSECONDS)
    return entity


def _delete_all(switch: Switch, program: Program, table: Table) -> None:
    if table.info.is_const_table:
        raise BadInput(f"table {table.short}: its entries are const")
    request = p4r.Entity()
    request.table_entry.table_id = table.id
    updates = []
    for found in switch.read(request):
        entry = found.table_entry
        if not entry.is_default_action and not entry.is_const:
            entity = p4r.Entity()
            one = entity.table_entry
            one.table_id, one.priority = entry.table_id, entry.priority
            one.match.extend(entry.match)
            updates.append((DELETE, entity))
    switch.write(updates, [f"delete from {table.short}"] * len(updates))
    note(f"{len(updates)} entries of {table.short} deleted")
