"""Meters, idle timeouts and value sets as clients configure them, judged by packets."""

from __future__ import annotations

import asyncio
import time

import grpc
import pytest
from finsy.proto import p4i, p4r

from p4fabric.softswitch import AsyncSoftSwitch
from tests.switch.server.client import (
    DELETE,
    INSERT,
    MODIFY,
    Client,
    Push,
    as_set,
    entity,
    everything,
    kinds_config,
    refusals,
    refused,
    state_config,
)

FRAME = 100
FULL = "{ cir: 0 cburst: 2 pir: 0 pburst: 4 }"
"""Two green packets, two yellow ones, then red."""


@pytest.fixture
async def state(primary: Client) -> Client:
    """The primary of a switch that runs state.p4, where kind 5 leaves by port 2."""
    await primary.push(state_config())
    assert await primary.write((INSERT, forward())) == []
    return primary


def ask(text: str) -> p4r.Entity:
    return entity(text, state_config())


def forward(extra: str = "") -> p4r.Entity:
    return ask(f"table_entry {{ table_id: $In.kinds <KIND> <FORWARD> {extra} }}")


def direct(config: str = "") -> p4r.Entity:
    return ask(f"direct_meter_entry {{ table_entry {{ table_id: $In.kinds <KIND> }} {config} }}")


def members(*texts: str) -> p4r.Entity:
    return ask(
        "value_set_entry { value_set_id: $pairs " + " ".join(f"members {{ {one} }}" for one in texts) + "}"
    )


async def send(
    switch: AsyncSoftSwitch, count: int = 1, *, kind: int = 5, part: int = 0, cell: int = 0
) -> list[bytes]:
    """The answers to `count` equal frames."""
    frame = kind.to_bytes(2, "big") + bytes([part << 4 | cell, 0, 0])
    for _ in range(count):
        assert switch.inject(1, frame.ljust(FRAME, b"\0"))
    return [answer for _, answer in await switch.collect()]


async def colours(switch: AsyncSoftSwitch, count: int, cell: int = 0) -> list[tuple[int, int]]:
    """Of each packet, what the direct meter says and what the array's cell does."""
    return [(answer[4] >> 4, answer[4] & 15) for answer in await send(switch, count, cell=cell)]


@pytest.mark.parametrize("atomicity", p4r.WriteRequest.Atomicity.values())
async def test_each_wrong_update_of_state_is_refused_and_nothing_changes(
    state: Client, atomicity: int
) -> None:
    before = as_set(await state.read(*everything()))
    for case in refusals("state", state_config()):
        found = await state.write((case.kind, case.entity), atomicity=atomicity)
        assert found, f"taken: {case}"
        assert (found[0][0], case.said in found[0][1]) == (case.code, True), (case, found)
    assert as_set(await state.read(*everything())) == before


async def test_a_meters_cell_colours_packets_and_reads_back_as_written(
    switch: AsyncSoftSwitch, state: Client
) -> None:
    bytes_ = "{ cir: 0 cburst: 200 pir: 0 pburst: 400 }"
    cell = ask(f"meter_entry {{ meter_id: $cells index {{ index: 3 }} config {bytes_} }}")
    assert await state.write((MODIFY, cell)) == []
    assert await colours(switch, 5, cell=3) == [(0, 0), (0, 0), (0, 1), (0, 1), (0, 2)]
    assert await colours(switch, 5, cell=4) == [(0, 0)] * 5
    assert await state.read(ask("meter_entry { meter_id: $cells index { index: 3 } }")) == [cell]
    everyone = await state.read(ask("meter_entry {}"))
    assert [one.meter_entry.HasField("config") for one in everyone] == [at == 3 for at in range(16)]
    whole = ask(f"meter_entry {{ meter_id: $cells config {bytes_} }}")
    assert await state.write((MODIFY, whole)) == []
    assert await colours(switch, 5, cell=4) == [(0, 0), (0, 0), (0, 1), (0, 1), (0, 2)]
    assert await state.write((MODIFY, ask("meter_entry { meter_id: $cells }"))) == []
    assert await colours(switch, 5, cell=3) == [(0, 0)] * 5


async def test_an_entrys_meter_is_the_messages_and_modified_with_it(
    switch: AsyncSoftSwitch, state: Client
) -> None:
    red = [(0, 0), (0, 0), (1, 0), (1, 0), (2, 0)]
    with_config = ask("table_entry { table_id: $In.kinds meter_config {} }")
    assert await state.write((DELETE, forward()), (INSERT, forward(f"meter_config {FULL}"))) == []
    assert await colours(switch, 5) == red
    assert await state.read(with_config) == [forward(f"meter_config {FULL}")]
    assert await state.read(ask("table_entry {}")) == [forward()]
    assert await state.write((MODIFY, forward())) == []  # without a config: every packet is green again
    assert await colours(switch, 5) == [(0, 0)] * 5
    assert await state.read(with_config) == [forward()]
    assert await state.write((MODIFY, direct(f"config {FULL}"))) == []
    assert await colours(switch, 5) == red
    assert await state.read(direct()) == [direct(f"config {FULL}")]
    kept = forward(f"meter_config {FULL}")
    kept.table_entry.ClearField("action")
    assert await state.write((MODIFY, kept)) == []
    assert await state.read(with_config) == [forward(f"meter_config {FULL}")]
    assert await state.write((MODIFY, direct())) == []
    assert await colours(switch, 5) == [(0, 0)] * 5
    assert await state.write((DELETE, forward())) == []
    assert await state.write((MODIFY, direct())) == [(5, "In.kinds: there is no such entry")]


@pytest.mark.parametrize(
    ("kind", "taken", "refused_"),
    [
        (p4i.MeterSpec.TWO_RATE_THREE_COLOR, "cir: 1 cburst: 2 pir: 3 pburst: 4", "cir: 1 pir: 1 eburst: 1"),
        (
            p4i.MeterSpec.SINGLE_RATE_THREE_COLOR,
            "cir: 1 cburst: 2 pir: 1 pburst: 2 eburst: 3",
            "cir: 1 cburst: 2 pir: 2 pburst: 2",
        ),
        (
            p4i.MeterSpec.SINGLE_RATE_TWO_COLOR,
            "cir: 1 cburst: 2 pir: 1 pburst: 2",
            "cir: 1 cburst: 2 pir: 1 pburst: 2 eburst: 3",
        ),
    ],
)
async def test_each_type_of_meter_takes_its_own_rates(
    primary: Client, kind: p4i.MeterSpec.Type.ValueType, taken: str, refused_: str
) -> None:
    config = p4r.ForwardingPipelineConfig()
    config.CopyFrom(state_config())
    config.p4info.meters[0].spec.type = config.p4info.direct_meters[0].spec.type = kind
    await primary.push(config)
    good, bad = (ask(f"meter_entry {{ meter_id: $cells config {{ {one} }} }}") for one in (taken, refused_))
    assert await primary.write((MODIFY, good), (INSERT, forward(f"meter_config {{ {taken} }}"))) == []
    assert [
        code for code, _ in await primary.write((MODIFY, bad), (MODIFY, direct(f"config {{ {refused_} }}")))
    ] == [grpc.StatusCode.INVALID_ARGUMENT.value[0]] * 2
    (cell,) = await primary.read(ask("meter_entry { meter_id: $cells index { index: 0 } }"))
    (entry,) = await primary.read(direct())
    assert cell.meter_entry.config == entry.direct_meter_entry.config == good.meter_entry.config


async def test_an_idle_entry_is_told_once_for_each_timeout(switch: AsyncSoftSwitch, state: Client) -> None:
    ageing = forward('idle_timeout_ns: 400000000 controller_metadata: 7 metadata: "m"')
    assert await state.write((MODIFY, ageing)) == []
    assert await state.read(ask("table_entry {}")) == [ageing]
    begin = time.time_ns()
    await send(switch)
    for _ in range(2):
        told = (await state.receive("idle_timeout_notification")).idle_timeout_notification
        named = p4r.TableEntry()
        named.CopyFrom(ageing.table_entry)
        named.ClearField("action")
        assert list(told.table_entry) == [named]
        assert begin + 0.4e9 <= told.timestamp <= time.time_ns()
    (read,) = await state.read(ask("table_entry { table_id: $In.kinds time_since_last_hit {} }"))
    assert 0.7e9 < read.table_entry.time_since_last_hit.elapsed_ns <= time.time_ns() - begin
    assert await state.write((MODIFY, forward())) == []  # no timeout any more
    assert await state.silent(0.6)
    (read,) = await state.read(ask("table_entry { time_since_last_hit {} }"))
    assert read.table_entry.time_since_last_hit.elapsed_ns > 0.4e9


async def test_a_modify_that_keeps_the_action_sets_the_timeout(
    switch: AsyncSoftSwitch, state: Client
) -> None:
    bare = forward("idle_timeout_ns: 100000000")
    bare.table_entry.ClearField("action")
    assert await state.write((MODIFY, bare)) == []
    await state.receive("idle_timeout_notification")
    assert len(await send(switch)) == 1


async def test_times_since_hits_are_refused_where_nothing_ages(kinds: Client) -> None:
    request = entity("table_entry { table_id: $prefixes time_since_last_hit {} }", kinds_config())
    assert (await refused(kinds.read(request)))[0] is grpc.StatusCode.UNKNOWN


async def test_a_value_set_selects_in_the_parser_until_it_is_emptied(
    switch: AsyncSoftSwitch, state: Client
) -> None:
    assert await state.read(ask("value_set_entry {}")) == [
        ask("value_set_entry { value_set_id: $pairs }"),
        ask("value_set_entry { value_set_id: $Parse.kinds }"),
    ]
    pair = members('<KIND> match { field_id: 2 ternary { value: "\\2" mask: "\\3" } }')
    assert await state.write((MODIFY, pair)) == []
    assert [(await send(switch, part=part))[0][3] for part in (2, 6, 3)] == [1, 1, 0]
    assert await state.read(ask("value_set_entry { value_set_id: $pairs }")) == [pair]
    assert await state.write((MODIFY, members("<KIND>"))) == []
    assert (await send(switch, part=3))[0][3] == 1
    assert await state.write((MODIFY, members())) == []
    assert (await send(switch, part=2))[0][3] == 0


async def test_another_pipeline_begins_anew_or_goes_on_with_all(
    switch: AsyncSoftSwitch, state: Client
) -> None:
    cell = ask(f"meter_entry {{ meter_id: $cells index {{ index: 2 }} config {FULL} }}")
    timed = forward("idle_timeout_ns: 300000000")
    assert await state.write((MODIFY, cell), (MODIFY, timed), (MODIFY, direct(f"config {FULL}"))) == []
    assert await state.write((MODIFY, members("<KIND>"))) == []
    before = as_set(await state.read(*everything()))
    await state.push(rebuilt(state_config()), Push.RECONCILE_AND_COMMIT)
    assert as_set(await state.read(*everything())) == before
    assert await colours(switch, 5) == [(0, 0), (0, 0), (1, 0), (1, 0), (2, 0)]
    assert (await send(switch))[0][3] == 1
    await state.receive("idle_timeout_notification")
    await state.push(state_config(), Push.VERIFY_AND_COMMIT)
    assert await state.write((INSERT, forward())) == []
    assert await colours(switch, 5) == [(0, 0)] * 5
    assert (await send(switch))[0][3] == 0
    # The entry that was timed told of itself each 0.3 s; what it told before the push may come now.
    async with asyncio.timeout(60):
        while not await state.silent(0.5):
            await state.receive("idle_timeout_notification")


async def test_entries_of_the_program_count_like_others(switch: AsyncSoftSwitch, kinds: Client) -> None:
    request = entity("direct_counter_entry { table_entry { table_id: $fixed } }", kinds_config())
    frame = bytes(11) + b"\1" + b"\x08\0" + bytes(46)
    for _ in range(3):
        switch.inject(1, frame)
    await switch.collect()

    async def counts(text: str) -> dict[bytes, int]:
        found = [one.direct_counter_entry for one in await kinds.read(request)]
        return {one.table_entry.match[0].exact.value: one.data.packet_count for one in found}

    assert await counts("first") == {b"\x08\0": 3, b"\x86\xdd": 0}
    await kinds.push(rebuilt(kinds_config()), Push.RECONCILE_AND_COMMIT)
    assert await counts("kept") == {b"\x08\0": 3, b"\x86\xdd": 0}
    known = await kinds.read(entity("table_entry { table_id: $fixed counter_data {} }", kinds_config()))
    assert sorted(one.table_entry.counter_data.packet_count for one in known) == [0, 3]


async def test_the_default_entry_meters_too(switch: AsyncSoftSwitch, state: Client) -> None:
    default = ask("table_entry { table_id: $In.kinds is_default_action: true <FORWARD> }")
    metered = ask(
        f"table_entry {{ table_id: $In.kinds is_default_action: true <FORWARD> meter_config {FULL} }}"
    )
    asked = ask("table_entry { table_id: $In.kinds is_default_action: true meter_config {} }")
    meter = ask("direct_meter_entry { table_entry { table_id: $In.kinds is_default_action: true } }")
    assert await state.write((MODIFY, metered)) == []
    assert [answer[4] >> 4 for answer in await send(switch, 5, kind=9)] == [0, 0, 1, 1, 2]
    assert await state.read(asked) == [metered]
    await state.push(rebuilt(state_config()), Push.RECONCILE_AND_COMMIT)
    assert [answer[4] >> 4 for answer in await send(switch, 5, kind=9)] == [0, 0, 1, 1, 2]
    assert await state.write((MODIFY, meter)) == []
    assert [answer[4] >> 4 for answer in await send(switch, 5, kind=9)] == [0] * 5
    assert await state.read(asked) == [default]
    assert await state.write((MODIFY, metered)) == []
    reset = ask("table_entry { table_id: $In.kinds is_default_action: true }")
    assert await state.write((MODIFY, reset)) == []
    assert await state.read(meter) == [meter]
    assert await send(switch, kind=9) == []


async def test_the_default_entry_counts_misses(switch: AsyncSoftSwitch, kinds: Client) -> None:
    asked = entity(
        "direct_counter_entry { table_entry { table_id: $mixed is_default_action: true } }", kinds_config()
    )
    for _ in range(3):
        switch.inject(1, bytes(60))
    await switch.collect()
    (count,) = await kinds.read(asked)
    assert count.direct_counter_entry.data == p4r.CounterData(packet_count=3, byte_count=180)
    await kinds.push(rebuilt(kinds_config()), Push.RECONCILE_AND_COMMIT)
    assert await kinds.read(asked) == [count]
    count.direct_counter_entry.data.packet_count = 0
    assert await kinds.write((MODIFY, count)) == []
    (entry,) = await kinds.read(
        entity("table_entry { table_id: $mixed is_default_action: true counter_data {} }", kinds_config())
    )
    assert entry.table_entry.counter_data == p4r.CounterData(byte_count=180)


async def test_an_entry_may_change_more_than_once_in_an_atomic_batch(state: Client) -> None:
    bare, third = forward('metadata: "second"'), forward('metadata: "third"')
    for one in (bare, third):
        one.table_entry.ClearField("action")
    timed = forward("idle_timeout_ns: 5")
    atomic = p4r.WriteRequest.DATAPLANE_ATOMIC
    assert await state.write((MODIFY, timed), (MODIFY, bare), (MODIFY, third), atomicity=atomic) == []
    assert await state.read(ask("table_entry {}")) == [forward('metadata: "third"')]
    found = await state.write((DELETE, forward()), (MODIFY, bare), atomicity=atomic)
    assert [code for code, _ in found] == [10, 5]


def rebuilt(config: p4r.ForwardingPipelineConfig) -> p4r.ForwardingPipelineConfig:
    """The same program, from a device config that differs."""
    other = p4r.ForwardingPipelineConfig()
    other.CopyFrom(config)
    other.p4_device_config += b" "
    return other


def wrong_infos() -> dict[str, p4r.ForwardingPipelineConfig]:
    """P4Infos of state.p4 that do not describe it, by what the refusal says."""
    found = {}

    def case(said: str) -> p4i.P4Info:
        found[said] = p4r.ForwardingPipelineConfig()
        found[said].CopyFrom(state_config())
        return found[said].p4info

    case("counts bytes").meters[0].spec.unit = p4i.MeterSpec.PACKETS
    case("counts packets").direct_meters[0].spec.unit = p4i.MeterSpec.BYTES
    case("no meter 'In.more'").meters[0].preamble.name = "In.more"
    case("no table 9").direct_meters[0].direct_table_id = 9
    case("no such value set").value_sets[0].preamble.name = "Parse.more"
    case("1 matches").value_sets[0].match.pop()
    case("exact, lpm, ternary or optional").value_sets[0].match[0].match_type = p4i.MatchField.RANGE
    case("17 bits").value_sets[1].match[0].bitwidth = 17
    case("is 0 or taken").value_sets[0].match[1].id = 1
    case("meter type 9").meters[0].spec.type = 9  # type: ignore[assignment]
    return found


@pytest.mark.parametrize("said", wrong_infos())
async def test_a_p4info_that_does_not_fit_is_refused(primary: Client, said: str) -> None:
    code, text = await refused(primary.push(wrong_infos()[said]))
    assert code is grpc.StatusCode.INVALID_ARGUMENT and said in text
