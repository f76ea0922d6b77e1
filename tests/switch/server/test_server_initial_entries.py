"""Entries that the program itself lists: those that are const stay, the others are a client's to change."""

from __future__ import annotations

import pytest
from finsy.proto import p4r
from google.protobuf import text_format

from p4fabric.softswitch import AsyncSoftSwitch
from tests.switch.server.client import (
    DELETE,
    INSERT,
    MODIFY,
    PROGRAMS,
    Client,
    Push,
    as_set,
    entity,
    program_config,
    select,
)

CONFIG = program_config("entries")
DENIED, EXISTS = 7, 6
EVERY_ENTRY = p4r.Entity(table_entry=p4r.TableEntry())


@pytest.fixture
async def entries(primary: Client) -> Client:
    await primary.push(CONFIG)
    return primary


def exact(kind: int, value: int) -> p4r.Entity:
    return entity(
        f'table_entry {{ table_id: $exacts match {{ field_id: 1 exact {{ value: "\\x{kind:02x}" }} }} action '
        f'{{ action {{ action_id: $set_exact params {{ param_id: 1 value: "\\x{value:02x}" }} }} }} }}',
        CONFIG,
    )


def ternary(table: str, kind: int, priority: int, value: int) -> p4r.Entity:
    action = {"ternaries": "set_ternary", "constants": "set_const"}[table]
    return entity(
        f"table_entry {{ table_id: ${table} priority: {priority} match {{ field_id: 1 ternary "
        f'{{ value: "\\x{kind:02x}" mask: "\\xff" }} }} action {{ action {{ action_id: ${action} '
        f'params {{ param_id: 1 value: "\\x{value:02x}" }} }} }} }}',
        CONFIG,
    )


async def ask(switch: AsyncSoftSwitch, kind: int) -> bytes:
    """What each table has set: the one of exact entries, of ternary ones, of const ones."""
    assert switch.inject(1, bytes([kind, 0, 0, 0]))
    ((_, packet),) = await switch.collect()
    return packet[1:]


async def test_entries_are_read_as_the_compilers_entries_file_has_them(
    switch: AsyncSoftSwitch, entries: Client
) -> None:
    file = (PROGRAMS / "entries.entries.txtpb").read_text()
    expected = [one.entity for one in text_format.Parse(file, p4r.WriteRequest()).updates]
    assert as_set(await entries.read(EVERY_ENTRY)) == as_set(expected)
    assert await ask(switch, 1) == bytes([1, 1, 1])
    assert await ask(switch, 2) == bytes([2, 2, 2])
    assert await ask(switch, 16) == bytes([0, 3, 3])


async def test_entries_that_are_not_const_are_changed(switch: AsyncSoftSwitch, entries: Client) -> None:
    changes = [(MODIFY, exact(1, 9)), (DELETE, exact(2, 0)), (INSERT, exact(3, 7))]
    assert await entries.write(*changes) == []
    assert [(await ask(switch, kind))[0] for kind in (1, 2, 3)] == [9, 0, 7]
    assert await entries.write((INSERT, ternary("ternaries", 16, 4, 8))) == []
    assert await entries.write((MODIFY, ternary("ternaries", 1, 3, 9))) == []
    assert [(await ask(switch, kind))[1] for kind in (1, 2, 16)] == [9, 2, 8]
    assert [code for code, _ in await entries.write((INSERT, ternary("ternaries", 1, 3, 0)))] == [EXISTS]


async def test_a_table_with_entries_of_its_own_has_room_for_more(entries: Client) -> None:
    assert await entries.write(*((INSERT, exact(kind, kind)) for kind in range(3, 256))) == []
    assert len(select(await entries.read(EVERY_ENTRY), "table_entry")) == 2 + 253 + 3 + 3


async def test_const_entries_stay(switch: AsyncSoftSwitch, entries: Client) -> None:
    for kind in (INSERT, MODIFY, DELETE):
        ((code, text),) = await entries.write((kind, ternary("constants", 1, 3, 9)))
        assert (code, "const" in text) == (DENIED, True)
    assert await ask(switch, 1) == bytes([1, 1, 1])


@pytest.mark.parametrize("saved", [True, False])
async def test_what_was_changed_is_kept_by_the_next_pipeline(
    switch: AsyncSoftSwitch, entries: Client, saved: bool
) -> None:
    changed = p4r.ForwardingPipelineConfig()
    changed.CopyFrom(CONFIG)
    changed.p4_device_config += b"\n"
    if saved:
        await entries.push(changed, Push.VERIFY_AND_SAVE)
    changes = [(MODIFY, exact(1, 9)), (DELETE, exact(2, 0)), (DELETE, ternary("ternaries", 1, 3, 0))]
    assert await entries.write(*changes) == []
    before = as_set(await entries.read(EVERY_ENTRY))
    await entries.push(None if saved else changed, Push.COMMIT if saved else Push.RECONCILE_AND_COMMIT)
    assert as_set(await entries.read(EVERY_ENTRY)) == before
    assert [await ask(switch, kind) for kind in (1, 2)] == [bytes([9, 2, 1]), bytes([0, 2, 2])]


async def test_a_pipeline_that_is_pushed_anew_has_its_entries_again(
    switch: AsyncSoftSwitch, entries: Client
) -> None:
    assert await entries.write((DELETE, exact(1, 0)), (DELETE, exact(2, 0))) == []
    await entries.push(CONFIG)
    assert [(await ask(switch, kind))[0] for kind in (1, 2)] == [1, 2]
