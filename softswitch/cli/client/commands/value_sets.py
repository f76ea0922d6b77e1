"""`p4fabric switch value-sets`: the parser's value sets."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from finsy.proto import p4r

from p4fabric.softswitch.cli.client.commands.nouns import listing, noun
from p4fabric.softswitch.cli.client.complete import of_kinds
from p4fabric.softswitch.cli.client.options import AsJson, reads, writes
from p4fabric.softswitch.cli.client.show import print_json, print_table
from p4fabric.softswitch.client.entries import parse_key
from p4fabric.softswitch.client.errors import BadInput
from p4fabric.softswitch.client.matches import MatchField
from p4fabric.softswitch.client.session import MODIFY, Switch
from p4fabric.softswitch.client.target import Target

value_sets = noun("value-sets", "Value sets of the parser.")

Name = Annotated[str, typer.Argument(help="The value set's name.", autocompletion=of_kinds("value_sets"))]
Members = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[MEMBER]…", help="VALUE, or FIELD=VALUE,FIELD=VALUE where a set has several fields."
    ),
]


def _list(target: Target, as_json: bool) -> None:
    with Switch(target) as switch:
        program = switch.program()
    found = program.objects("value_sets")
    plain: list[dict[str, Any]] = [
        {"name": name, "fields": [one.label for one in program.match_fields(info.match)], "size": info.size}
        for name, info in found.items()
    ]
    if as_json:
        print_json(plain)
        return
    rows = [
        (program.short("value_sets", one["name"]), ", ".join(one["fields"]), one["size"]) for one in plain
    ]
    print_table(("VALUE SET", "FIELDS", "#SIZE"), rows)


listing(value_sets, "list", "Show the program's value sets.", _list)


@value_sets.command()
@reads
def read(target: Target, name: Name, as_json: AsJson = False) -> None:
    """Show a value set's members."""
    with Switch(target) as switch:
        program = switch.program()
        info = program.find("value_sets", name)
        request = p4r.Entity()
        request.value_set_entry.value_set_id = info.preamble.id
        found = [member for one in switch.read(request) for member in one.value_set_entry.members]
    fields = program.match_fields(info.match)
    by_id = [{one.field_id: one for one in member.match} for member in found]
    if as_json:
        print_json(
            [{one.name: one.plain(each[one.id]) for one in fields if one.id in each} for each in by_id]
        )
        return
    rows = [
        (",".join(f"{one.short}={one.show(each[one.id])}" for one in fields if one.id in each) or "(any)",)
        for each in by_id
    ]
    print_table(("MEMBER",), rows)


@value_sets.command()
@writes
def write(target: Target, name: Name, listed: Members = None) -> None:
    """Give a value set these members, instead of those that it has."""
    with Switch(target) as switch:
        program = switch.program()
        info = program.find("value_sets", name)
        fields = program.match_fields(info.match)
        entity = p4r.Entity()
        entity.value_set_entry.value_set_id = info.preamble.id
        for word in listed or []:
            entity.value_set_entry.members.add().match.extend(_member(fields, word, info.preamble.alias))
        switch.write([(MODIFY, entity)], [f"value set {info.preamble.alias}"])


def _member(fields: tuple[MatchField, ...], word: str, name: str) -> list[p4r.FieldMatch]:
    words = [word if "=" in word or len(fields) != 1 else f"{fields[0].name}={word}"]
    if len(fields) != 1:
        words = word.split(",")
    given = parse_key(fields, words, f"field of value set {name}")
    found = []
    for one in fields:
        match = one.parse(given[one.name]) if one.name in given else None
        if match is not None:
            found.append(match)
        elif one.name not in given and not one.may_be_left_out:
            raise BadInput(f"value set {name}: {word!r}: {one.short} is missing ({one.label})")
    return found
