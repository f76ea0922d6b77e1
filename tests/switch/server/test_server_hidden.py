"""A P4Info that shows a subset of the device config: what is hidden runs, what is shown can be written."""

from __future__ import annotations

import pytest
from finsy.proto import p4r

from p4fabric.softswitch import AsyncSoftSwitch
from tests.switch.server.client import INSERT, Client, Push, entity, everything, program_config, refused

CONFIG = program_config("hidden")
VISIBLE = """table_entry { table_id: $visible match { field_id: 1 exact { value: "\\x01" } }
  action { action_profile_member_id: 1 } }"""
MEMBER = """action_profile_member { action_profile_id: $answers member_id: 1
  action { action_id: $answer params { param_id: 1 value: "\\x07" } } }"""
SECRET = MEMBER.replace("$answers", "$secrets")


@pytest.fixture
async def hidden(primary: Client) -> Client:
    await primary.push(CONFIG)
    return primary


async def ask(switch: AsyncSoftSwitch, kind: int) -> bytes:
    """What is left of the packet: the kind, the answer, the mark, the color."""
    assert switch.inject(1, bytes([kind, 0, 0, 0]))
    ((_, packet),) = await switch.collect()
    return packet


async def test_a_switch_on_a_value_and_hidden_entries_run(switch: AsyncSoftSwitch, hidden: Client) -> None:
    assert await ask(switch, 0x01) == bytes([0x01, 0, 0, 10])
    assert await ask(switch, 0x02) == bytes([0x02, 0, 0, 20])
    assert await ask(switch, 0x11) == bytes([0x11, 0, 1, 30])
    assert await ask(switch, 0x21) == bytes([0x21, 0, 2, 30])
    assert await ask(switch, 4) == bytes([4, 0, 4, 30])


async def test_a_profile_that_hidden_tables_share_can_be_written(
    switch: AsyncSoftSwitch, hidden: Client
) -> None:
    updates = [(INSERT, entity(one, CONFIG)) for one in (MEMBER, SECRET, VISIBLE)]
    assert await hidden.write(*updates) == []
    assert await ask(switch, 1) == bytes([1, 7, 0, 10])
    members = await hidden.read(entity("action_profile_member {}", CONFIG))
    assert [one.action_profile_member.member_id for one in members] == [1, 1]


async def test_counters_and_registers_of_hidden_tables_are_read(
    switch: AsyncSoftSwitch, hidden: Client
) -> None:
    await ask(switch, 5)
    (seen,) = await hidden.read(entity("counter_entry { counter_id: $seen index { index: 0 } }", CONFIG))
    (last,) = await hidden.read(entity("register_entry { register_id: $last index { index: 0 } }", CONFIG))
    assert seen.counter_entry.data.packet_count == 1
    assert last.register_entry.data.bitstring == b"\5"
    # Entries whose action is hidden cannot be told; all else can.
    found = await hidden.read(*everything())
    entries = [one.table_entry for one in found if one.HasField("table_entry")]
    assert [one.match[0].exact.value for one in entries] == [b"\3"]


async def test_the_state_survives_a_reconciliation(switch: AsyncSoftSwitch, hidden: Client) -> None:
    assert await hidden.write(*((INSERT, entity(one, CONFIG)) for one in (MEMBER, SECRET, VISIBLE))) == []
    changed = p4r.ForwardingPipelineConfig()
    changed.CopyFrom(CONFIG)
    changed.p4_device_config += b"\n"
    await hidden.push(changed, Push.RECONCILE_AND_COMMIT)
    assert await ask(switch, 1) == bytes([1, 7, 0, 10])


async def test_what_p4info_shows_must_be_in_the_device_config(primary: Client) -> None:
    for kind in ("tables", "action_profiles", "counters", "meters", "registers", "actions"):
        wrong = p4r.ForwardingPipelineConfig()
        wrong.CopyFrom(CONFIG)
        getattr(wrong.p4info, kind)[-1].preamble.name = "In.unknown"
        code, said = await refused(primary.push(wrong))
        assert code.name == "INVALID_ARGUMENT", kind
        assert "P4Info" in said and "the device config" in said
