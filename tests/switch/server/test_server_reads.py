"""What reads select, how it is cut up, and what of it is the data plane's."""

from __future__ import annotations

import grpc
import pytest
from finsy.proto import p4r

from p4fabric.softswitch import AsyncSoftSwitch
from tests.switch.server.client import (
    DELETE,
    INSERT,
    MODIFY,
    Client,
    as_set,
    entity,
    everything,
    fabric_config,
    kinds_config,
    refusal_of,
    refused,
)
from tests.switch.server.kinds import everywhere, frame, rule

INVALID, NOT_FOUND, OUT_OF_RANGE = 3, 5, 11


def ask(text: str) -> p4r.Entity:
    return entity(text, kinds_config())


def bridge(mac: int) -> p4r.Entity:
    one = entity("table_entry { table_id: $bridging <BRIDGE> <TO_PORT> }", fabric_config())
    one.table_entry.match[1].exact.value = mac.to_bytes(6, "big").lstrip(b"\0")
    return one


async def test_a_large_answer_comes_in_messages_of_at_most_a_thousand_entities(fabric: Client) -> None:
    entries = [bridge(mac) for mac in range(1, 2502)]
    assert await fabric.write(*((INSERT, one) for one in entries)) == []
    found = await fabric.messages(ask("table_entry {}"))
    assert [len(message.entities) for message in found] == [1000, 1000, 501]
    assert as_set(one for message in found for one in message.entities) == as_set(entries)


async def test_large_entities_come_in_smaller_messages_than_clients_take(fabric: Client) -> None:
    for mac in range(1, 31):
        one = bridge(mac)
        one.table_entry.metadata = bytes(500_000)
        assert await fabric.write((INSERT, one)) == []
    found = await fabric.messages(ask("table_entry {}"))
    assert sum(len(message.entities) for message in found) == 30
    assert max(message.ByteSize() for message in found) < 2 << 20


async def test_filters_select_what_they_say(kinds: Client) -> None:
    low, high, other = rule(1, 2, priority=1), rule(1, 3, priority=2), rule(2, 3, priority=2)
    dropped = rule(3, 1)
    dropped.table_entry.action.action.CopyFrom(
        ask("table_entry { action { action { action_id: $drop } } }").table_entry.action.action
    )
    dropped.table_entry.metadata, dropped.table_entry.controller_metadata = b"mine", 7
    assert await kinds.write(*((INSERT, one) for one in (low, high, other, dropped))) == []

    async def read(text: str, like: p4r.Entity | None = None) -> set[bytes]:
        request = ask(f"table_entry {{ table_id: $mixed {text} }}")
        if like is not None:
            request.table_entry.match.MergeFrom(like.table_entry.match)
        return as_set(await kinds.read(request))

    assert await read("") == as_set([low, high, other, dropped])
    assert await read("priority: 2") == as_set([high, other])
    assert await read("priority: 3") == set()
    assert await read("", low) == as_set([low, high])
    assert await read("priority: 2", low) == as_set([high])
    assert await read("", rule(9, 1)) == set()
    assert await read("action { action { action_id: $send } }") == as_set([low, high, other])
    assert await read('metadata: "mine"') == as_set([dropped])
    assert await read("controller_metadata: 7 priority: 2") == set()


async def test_default_and_const_entries_are_read_as_the_program_has_them(kinds: Client) -> None:
    initial = ask(
        "table_entry { table_id: $keyless is_default_action: true"
        ' action { action { action_id: $set_value params { param_id: 1 value: "\\7" } } } }'
    )
    request = ask("table_entry { table_id: $keyless is_default_action: true }")
    assert await kinds.read(request) == [initial]
    changed = p4r.Entity()
    changed.CopyFrom(initial)
    changed.table_entry.action.action.params[0].value = b"\x09"
    assert await kinds.write((MODIFY, changed)) == []
    assert await kinds.read(request) == [changed]
    assert await kinds.write((MODIFY, request)) == []  # no action: as the program has it
    assert await kinds.read(request) == [initial]
    const = [one.table_entry for one in await kinds.read(ask("table_entry { table_id: $fixed }"))]
    assert {one.match[0].exact.value for one in const} == {b"\x08\x00", b"\x86\xdd"}
    assert all(one.is_const for one in const)


async def test_counters_come_with_entries_when_asked_for(switch: AsyncSoftSwitch, kinds: Client) -> None:
    one = rule(0x800000000001, 2)
    assert await kinds.write((INSERT, one), (INSERT, everywhere(3)), (INSERT, rule(5, 2))) == []
    for _ in range(3):
        switch.inject(1, frame(0x800000000001))
    assert len(await switch.collect()) == 3
    counted = ask("table_entry { table_id: $mixed counter_data {} }")
    found = {entry.table_entry.match[1].ternary.value or b"": entry for entry in await kinds.read(counted)}
    data = [
        (entry.table_entry.counter_data.packet_count, entry.table_entry.HasField("counter_data"))
        for entry in found.values()
    ]
    assert sorted(data) == [(0, True), (3, True)]
    assert not any(e.table_entry.HasField("counter_data") for e in await kinds.read(ask("table_entry {}")))
    direct = p4r.Entity()
    direct.direct_counter_entry.table_entry.CopyFrom(one.table_entry)
    direct.direct_counter_entry.table_entry.ClearField("action")
    (read,) = await kinds.read(direct)
    assert read.direct_counter_entry.data == p4r.CounterData(packet_count=3, byte_count=180)
    direct.direct_counter_entry.data.packet_count = 0
    assert await kinds.write((MODIFY, direct)) == []
    (read,) = await kinds.read(direct)
    assert read.direct_counter_entry.data.packet_count == 0
    assert await kinds.write((DELETE, one)) == []
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await kinds.read(direct)
    assert [code for code, _ in refusal_of(failure.value)] == [NOT_FOUND]


async def test_cells_are_read_one_all_or_every_array(switch: AsyncSoftSwitch, kinds: Client) -> None:
    assert await kinds.write((INSERT, everywhere(2))) == []
    switch.inject(3, frame(0x800000000001))
    await switch.collect()
    (cell,) = await kinds.read(ask("counter_entry { counter_id: $per_port index { index: 3 } }"))
    assert cell.counter_entry.data == p4r.CounterData(packet_count=1, byte_count=60)
    assert [e.counter_entry.index.index for e in await kinds.read(ask("counter_entry {}"))] == list(range(16))
    assert len(await kinds.read(ask("register_entry { register_id: $last }"))) == 8
    outside = ask("counter_entry { counter_id: $per_port index { index: 16 } }")
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await kinds.read(outside)
    assert [code for code, _ in refusal_of(failure.value)] == [OUT_OF_RANGE]


async def test_what_is_right_in_a_batch_is_answered_and_what_is_wrong_is_told(kinds: Client) -> None:
    assert await kinds.write((INSERT, rule(1, 2))) == []
    requests = [
        ask("table_entry { table_id: $mixed }"),
        p4r.Entity(),
        ask("table_entry { table_id: 5 }"),
        ask("table_entry { priority: 5 }"),
    ]
    found = []
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        async for message in kinds.stub.Read(p4r.ReadRequest(device_id=1, entities=requests)):
            found += list(message.entities)
    assert found == [rule(1, 2)]
    assert failure.value.code() is grpc.StatusCode.UNKNOWN
    assert [code for code, _ in refusal_of(failure.value)] == [0, INVALID, NOT_FOUND, INVALID]


async def test_byte_strings_are_taken_as_they_come_and_given_back_canonical(kinds: Client) -> None:
    long = rule(1, 2)
    long.table_entry.match[0].exact.value = b"\0\0\0\1"
    long.table_entry.match[1].ternary.value = b"\0\0\0\0\0\0\0\1"
    long.table_entry.action.action.params[0].value = b"\0\2"
    assert await kinds.write((INSERT, long)) == []
    assert await kinds.read(ask("table_entry { table_id: $mixed }")) == [rule(1, 2)]
    assert (await kinds.write((INSERT, rule(1, 2))))[0][0] == 6  # the same entry


async def test_nothing_is_read_or_written_before_there_is_a_pipeline(primary: Client) -> None:
    for call in (primary.read(*everything()[:1]), primary.write((INSERT, p4r.Entity()))):
        assert (await refused(call))[0] is grpc.StatusCode.FAILED_PRECONDITION
