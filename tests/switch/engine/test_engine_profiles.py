"""Tables that share an action profile or selector: each runs its own copy of a member's action."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from p4fabric.softswitch.engine import NativeEngine, open_engine
from p4fabric.softswitch.engine.api import (
    ActionCall,
    Change,
    EntryAction,
    Exact,
    GroupMember,
    GroupRef,
    MemberRef,
    Operation,
    Status,
    WriteEntry,
    WriteGroup,
    WriteMember,
)

from .conftest import program

APPEND_7, APPEND_8, SWAP = 1, 2, 3


@pytest.fixture
def engine() -> Iterator[NativeEngine]:
    """profiles.p4 with the same three members in both of its profiles, and a group of each."""
    with open_engine(program("profiles")) as engine:
        engine.add_port(1, None)
        engine.add_port(2, None)
        calls = {
            APPEND_7: ActionCall("In.append", (7,)),
            APPEND_8: ActionCall("In.append", (8,)),
            SWAP: ActionCall("In.swap", ()),
        }
        for profile in ("In.groups", "In.members"):
            write(engine, *(WriteMember(Change.INSERT, profile, *one) for one in calls.items()))
        for member in calls:
            write(engine, WriteGroup(Change.INSERT, "In.groups", member, (GroupMember(member, 1),)))
        engine.start()
        yield engine


def write(engine: NativeEngine, *operations: Operation) -> None:
    outcomes = engine.apply(operations)
    assert all(one.status is Status.OK for one in outcomes), outcomes


def entry(table: str, action: EntryAction) -> WriteEntry:
    return WriteEntry(Change.INSERT, f"In.{table}", (Exact(1),), action)


def ask(engine: NativeEngine, one: int = 0, two: int = 0, three: int = 0, four: int = 0) -> tuple[int, bytes]:
    """What has become of the flow's number and of the trail."""
    assert engine.inject(1, bytes([one, two, three, four]) + b"\0\0" + b"\1\2\3\4")
    ((_, frame),) = engine.collect()
    return int.from_bytes(frame[4:6], "big"), frame[6:10]


@pytest.mark.parametrize("reference", [MemberRef, GroupRef])
def test_every_table_of_a_selector_runs_its_members_actions(
    engine: NativeEngine, reference: type[MemberRef | GroupRef]
) -> None:
    write(engine, entry("first", reference(APPEND_7)), entry("second", reference(APPEND_8)))
    assert ask(engine, one=1)[1] == b"\2\3\4\7"
    assert ask(engine, one=1, two=1)[1] == b"\3\4\7\x08"


def test_every_table_of_a_profile_runs_its_members_actions(engine: NativeEngine) -> None:
    write(engine, entry("third", MemberRef(APPEND_7)), entry("fourth", MemberRef(SWAP)))
    assert ask(engine, three=1) == (0, b"\2\3\4\7")
    assert ask(engine, four=1) == (0, b"\3\4\1\2")
    assert ask(engine, three=1, four=1) == (0, b"\4\7\2\3")


def test_what_follows_is_chosen_by_the_action_that_ran(engine: NativeEngine) -> None:
    write(
        engine,
        entry("first", MemberRef(SWAP)),
        entry("second", MemberRef(APPEND_8)),
        entry("third", MemberRef(SWAP)),
    )
    assert ask(engine, one=1, two=1)[1] == b"\3\4\1\2"  # `second` follows `append` only
    assert ask(engine, three=1) == (0xFFFF, b"\3\4\1\2")


def test_a_member_that_is_modified_changes_every_table(engine: NativeEngine) -> None:
    write(engine, entry("third", MemberRef(APPEND_7)), entry("fourth", MemberRef(APPEND_7)))
    write(engine, WriteMember(Change.MODIFY, "In.members", APPEND_7, ActionCall("In.swap", ())))
    assert ask(engine, three=1, four=1)[1] == b"\1\2\3\4"
    assert ask(engine, four=1)[1] == b"\3\4\1\2"
