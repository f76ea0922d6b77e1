"""`p4fabric switch members` and `groups`: action profiles and selectors."""

from __future__ import annotations

from typing import Annotated

import typer
from finsy.p4entity import encode_port
from finsy.proto import p4i, p4r

from p4fabric.softswitch.cli.client.commands.nouns import listing, noun
from p4fabric.softswitch.cli.client.complete import of_kinds, of_member
from p4fabric.softswitch.cli.client.options import AsJson, reads, writes
from p4fabric.softswitch.cli.client.show import print_json, print_table
from p4fabric.softswitch.client import entries
from p4fabric.softswitch.client.entities import plain_group, plain_member, profile_name, show_members
from p4fabric.softswitch.client.errors import BadInput
from p4fabric.softswitch.client.program import Program, show_action
from p4fabric.softswitch.client.session import DELETE, INSERT, MODIFY, Switch
from p4fabric.softswitch.client.target import Target

members = noun("members", "Members of action profiles: actions that entries refer to.")
groups = noun("groups", "Groups of members, among which an action selector chooses.")

Profile = Annotated[
    str, typer.Argument(help="The action profile's name.", autocompletion=of_kinds("action_profiles"))
]
AnyProfile = Annotated[
    str | None,
    typer.Argument(
        metavar="[PROFILE]", help="Only those of this one.", autocompletion=of_kinds("action_profiles")
    ),
]
MemberId = Annotated[int, typer.Argument(min=0, help="The member's number.", metavar="ID")]
GroupId = Annotated[int, typer.Argument(min=0, help="The group's number.", metavar="ID")]
ActionWords = Annotated[
    list[str],
    typer.Argument(metavar="ACTION [PARAMETER=VALUE]…", help="What it does.", autocompletion=of_member),
]
GroupWords = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[WEIGHT*]MEMBER[@PORT]…",
        help="Members by their numbers; with a port, those that count only while it is up.",
    ),
]
MostMembers = Annotated[int, typer.Option("--max-size", min=0, help="The most members that it may have.")]


def _profiles(target: Target, as_json: bool) -> None:
    with Switch(target) as switch:
        program = switch.program()
    found = program.objects("action_profiles").values()
    plain = [
        {
            "name": one.preamble.name,
            "selector": one.with_selector,
            "size": one.size,
            "max_group_size": one.max_group_size,
            "tables": [program.table_by_id(number).name for number in one.table_ids],
        }
        for one in found
    ]
    if as_json:
        print_json(plain)
        return
    rows = [
        (
            program.short("action_profiles", one["name"]),
            "with selector" if one["selector"] else "",
            ", ".join(program.short("tables", name) for name in one["tables"]),
            one["size"],
            one["max_group_size"] or "",
        )
        for one in plain
    ]
    print_table(("PROFILE", "", "TABLES", "#SIZE", "#GROUP SIZE"), rows)


listing(members, "profiles", "Show the program's action profiles.", _profiles)
listing(groups, "profiles", "Show the program's action profiles.", _profiles)


@members.command("read")
@reads
def read_members(target: Target, profile: AnyProfile = None, as_json: AsJson = False) -> None:
    """Show members."""
    with Switch(target) as switch:
        program = switch.program()
        request = p4r.Entity()
        request.action_profile_member.action_profile_id = _id(program, profile)
        found = [one.action_profile_member for one in switch.read(request)]
    if as_json:
        print_json([plain_member(program, one) for one in found])
        return
    rows = [
        (
            program.short("action_profiles", profile_name(program, one)),
            one.member_id,
            show_action(program.action_by_id(one.action.action_id), one.action),
        )
        for one in found
    ]
    print_table(("PROFILE", "#ID", "ACTION"), rows)


@members.command("insert")
@writes
def insert_member(target: Target, profile: Profile, number: MemberId, action: ActionWords) -> None:
    """Insert a member."""
    _write_member(target, INSERT, profile, number, action)


@members.command("modify")
@writes
def modify_member(target: Target, profile: Profile, number: MemberId, action: ActionWords) -> None:
    """Give a member another action."""
    _write_member(target, MODIFY, profile, number, action)


@members.command("delete")
@writes
def delete_member(target: Target, profile: Profile, number: MemberId) -> None:
    """Delete a member, which no entry and no group may use any more."""
    _write_member(target, DELETE, profile, number, None)


@groups.command("read")
@reads
def read_groups(target: Target, profile: AnyProfile = None, as_json: AsJson = False) -> None:
    """Show groups and their members."""
    with Switch(target) as switch:
        program = switch.program()
        request = p4r.Entity()
        request.action_profile_group.action_profile_id = _id(program, profile)
        found = [one.action_profile_group for one in switch.read(request)]
    if as_json:
        print_json([plain_group(program, one) for one in found])
        return
    rows = [
        (
            program.short("action_profiles", profile_name(program, one)),
            one.group_id,
            show_members(one.members),
            one.max_size or "",
        )
        for one in found
    ]
    print_table(("PROFILE", "#ID", "MEMBERS", "#MAX SIZE"), rows)


@groups.command("insert")
@writes
def insert_group(
    target: Target, profile: Profile, number: GroupId, listed: GroupWords = None, max_size: MostMembers = 0
) -> None:
    """Insert a group."""
    _write_group(target, INSERT, profile, number, listed or [], max_size)


@groups.command("modify")
@writes
def modify_group(
    target: Target, profile: Profile, number: GroupId, listed: GroupWords = None, max_size: MostMembers = 0
) -> None:
    """Give a group other members."""
    _write_group(target, MODIFY, profile, number, listed or [], max_size)


@groups.command("delete")
@writes
def delete_group(target: Target, profile: Profile, number: GroupId) -> None:
    """Delete a group, which no entry may use any more."""
    _write_group(target, DELETE, profile, number, [], 0)


def _write_member(target: Target, kind: int, profile: str, number: int, action: list[str] | None) -> None:
    with Switch(target) as switch:
        program = switch.program()
        info = program.find("action_profiles", profile)
        entity = p4r.Entity()
        member = entity.action_profile_member
        member.action_profile_id, member.member_id = info.preamble.id, number
        if action is not None:
            member.action.CopyFrom(entries.profile_action(program, info, action))
        switch.write([(kind, entity)], [f"member {number} of {info.preamble.alias}"])


def _write_group(
    target: Target, kind: int, profile: str, number: int, listed: list[str], max_size: int
) -> None:
    with Switch(target) as switch:
        program = switch.program()
        info: p4i.ActionProfile = program.find("action_profiles", profile)
        if not info.with_selector:
            raise BadInput(f"action profile {info.preamble.alias} has no selector, and so no groups")
        entity = p4r.Entity()
        group = entity.action_profile_group
        group.action_profile_id, group.group_id = info.preamble.id, number
        if kind != DELETE:
            group.max_size = max_size or info.max_group_size
        for word in listed:
            one = entries.Weighted.parse(word)
            if not (one.name.isascii() and one.name.isdigit()):
                raise BadInput(f"{word!r}: [WEIGHT*]MEMBER[@PORT] is needed, MEMBER being a number")
            member = group.members.add(member_id=int(one.name), weight=one.weight)
            if one.watch_port is not None:
                member.watch_port = encode_port(one.watch_port)
        switch.write([(kind, entity)], [f"group {number} of {info.preamble.alias}"])


def _id(program: Program, profile: str | None) -> int:
    return int(program.find("action_profiles", profile).preamble.id) if profile is not None else 0
