"""The control plane's side: batches, lookups against a model, replacement of a running pipeline, queues."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p4fabric.softswitch.engine import NativeEngine, load_config, open_engine
from p4fabric.softswitch.engine.api import (
    ActionCall,
    Atomicity,
    Change,
    CounterValue,
    Exact,
    GroupMember,
    Lpm,
    Operation,
    PipelineError,
    Range,
    Replica,
    Status,
    Ternary,
    WriteCounter,
    WriteDirectCounter,
    WriteEntry,
    WriteGroup,
    WriteMember,
    WriteMulticastGroup,
    WriteRegister,
)

from .conftest import PROGRAMS, program
from .packets import Command, ask, command

FABRIC = Path(__file__).parents[3] / "pipelines" / "fabric" / "fabric.json"
SMALL = st.integers(0, 15)


def rule(change: Change, match: tuple[object, ...], priority: int, value: int) -> WriteEntry:
    return WriteEntry(change, "In.rules", match, ActionCall("In.mark", (value,)), priority)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rules=st.lists(st.tuples(SMALL, SMALL, SMALL, SMALL, st.integers(0, 1), st.integers(1, 4)), max_size=25),
    removed=st.sets(st.integers(0, 24)),
    keys=st.lists(st.tuples(SMALL, SMALL, st.integers(0, 1)), min_size=5, max_size=15),
)
def test_ternary_lookups_equal_a_linear_search(
    constructs: NativeEngine,
    rules: list[tuple[int, int, int, int, int, int]],
    removed: set[int],
    keys: list[tuple[int, int, int]],
) -> None:
    model: dict[tuple[tuple[Ternary, Ternary, Exact], int], int] = {}
    operations = []
    for number, (a, a_mask, d, d_mask, odd, priority) in enumerate(rules, 1):
        match = (Ternary(a & a_mask, a_mask), Ternary(d & d_mask, d_mask), Exact(odd))
        outcome = constructs.apply([rule(Change.INSERT, match, priority, number)])[0].status
        assert outcome is (Status.ALREADY_EXISTS if (match, priority) in model else Status.OK)
        model.setdefault((match, priority), number)
    for index in removed:
        if index < len(rules) and index + 1 in model.values():
            identity = next(one for one, number in model.items() if number == index + 1)
            operations.append(rule(Change.DELETE, identity[0], identity[1], 0))
            del model[identity]
    assert all(one.status is Status.OK for one in constructs.apply(operations))
    for a, d, odd in keys:
        hits = [
            (priority, number)
            for ((a_rule, d_rule, odd_rule), priority), number in model.items()
            if a & a_rule.mask == a_rule.value and d & d_rule.mask == d_rule.value and odd == odd_rule.value
        ]
        got = ask(constructs, op=1, a=a, d=d, odd=odd).b
        best = max((priority for priority, _ in hits), default=None)
        assert got in ({number for priority, number in hits if priority == best} or {0})
    constructs.apply([rule(Change.DELETE, match, priority, 0) for match, priority in model])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.tuples(st.integers(0, (1 << 32) - 1), st.integers(0, 32)), max_size=40), st.data())
def test_prefix_lookups_equal_a_linear_search(
    constructs: NativeEngine, prefixes: set[tuple[int, int]], data: st.DataObject
) -> None:
    constructs.swap(program("constructs"))  # an example that hypothesis gave up leaves its entries
    masked = {
        (value >> (32 - length) << (32 - length) if length else 0, length) for value, length in prefixes
    }
    entries = [
        WriteEntry(
            Change.INSERT,
            "In.routes",
            (Lpm(value, length) if length else None,),
            ActionCall("In.routed", (2, number)),
        )
        for number, (value, length) in enumerate(sorted(masked))
    ]
    assert all(one.status is Status.OK for one in constructs.apply(entries))
    ends = [value | data.draw(st.integers(0, (1 << (32 - length)) - 1)) for value, length in sorted(masked)][
        :10
    ]
    for address in [*ends, data.draw(st.integers(0, (1 << 32) - 1))]:
        header = bytes.fromhex("4500001400000000401100000a000001") + address.to_bytes(4, "big")
        total = sum(int.from_bytes(header[i : i + 2], "big") for i in range(0, 20, 2))
        total = (total & 0xFFFF) + (total >> 16)
        total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
        header = header[:10] + total.to_bytes(2, "big") + header[12:]
        constructs.inject(1, bytes(12) + b"\x08\x00" + header + bytes(8))
        frames = constructs.collect()
        best = max(
            (
                (length, number)
                for number, (value, length) in enumerate(sorted(masked))
                if not length or address >> (32 - length) == value >> (32 - length)
            ),
            default=None,
        )
        assert [frame[:6] for _, frame in frames] == ([best[1].to_bytes(6, "big")] if best else [])
    constructs.apply([WriteEntry(Change.DELETE, "In.routes", one.match) for one in entries])


def everything(change: Change) -> list[Operation]:
    """An operation of each kind."""
    match = (Ternary(1, 1), None, Exact(0))
    return [
        rule(change, match, 1, 5),
        WriteMember(change, "In.paths", 1, ActionCall("In.mark", (1,))),
        WriteGroup(change, "In.paths", 1, (GroupMember(1),)),
        WriteMulticastGroup(change, 1, (Replica(2, 1),)),
    ]


def test_all_or_nothing_leaves_nothing_behind(constructs: NativeEngine) -> None:
    failing = WriteEntry(Change.DELETE, "In.routes", (Lpm(0x0A000000, 8),))
    changes = [
        *everything(Change.INSERT),
        WriteRegister("In.cells", 1, 77),
        WriteCounter("In.seen", None, CounterValue(1, 2)),
        rule(Change.MODIFY, (Ternary(1, 1), None, Exact(0)), 1, 6),
    ]
    outcomes = constructs.apply([*changes, failing], Atomicity.ALL_OR_NOTHING)
    assert [one.status for one in outcomes] == [Status.ABORTED] * len(changes) + [Status.NOT_FOUND]
    assert ask(constructs, op=1, a=1).b == 0
    assert constructs.read_registers("In.cells", 1, 1) == [0]
    assert set(constructs.read_counters("In.seen")) == {(0, 0)}
    # What was undone can be done again, and undone again when it is there.
    assert {one.status for one in constructs.apply(changes, Atomicity.ALL_OR_NOTHING)} == {Status.OK}
    assert ask(constructs, op=1, a=1).b == 6
    undo = [*reversed(everything(Change.DELETE)), failing]
    assert constructs.apply(undo, Atomicity.ALL_OR_NOTHING)[-1].status is Status.NOT_FOUND
    assert ask(constructs, op=1, a=1).b == 6
    assert {one.status for one in constructs.apply(undo[:-1])} == {Status.OK}
    assert ask(constructs, op=1, a=1).b == 0


def test_wrong_operations_name_what_is_wrong(constructs: NativeEngine) -> None:
    cases: list[tuple[Operation, Status, str]] = [
        (rule(Change.INSERT, (None, None, None), 1, 1), Status.INVALID_ARGUMENT, "odd"),
        (rule(Change.INSERT, (None, None, Exact(8)), 1, 1), Status.INVALID_ARGUMENT, "3 bits"),
        (rule(Change.INSERT, (None, None, Exact(1)), 0, 1), Status.INVALID_ARGUMENT, "priority"),
        (rule(Change.INSERT, (Ternary(3, 1), None, Exact(1)), 1, 1), Status.INVALID_ARGUMENT, "mask"),
        (rule(Change.INSERT, (None, None, Exact(1)), 1, 1 << 32), Status.INVALID_ARGUMENT, "32 bits"),
        (WriteEntry(Change.INSERT, "In.nowhere", ()), Status.NOT_FOUND, "In.nowhere"),
        (
            WriteEntry(Change.INSERT, "In.spans", (Range(5, 4), None), ActionCall("NoAction"), 1),
            Status.INVALID_ARGUMENT,
            "5..4",
        ),
        (WriteDirectCounter("In.routes", (None,), 0, CounterValue(1, 1)), Status.NOT_FOUND, "no such entry"),
        (WriteRegister("In.cells", 32, 1), Status.INVALID_ARGUMENT, "32"),
    ]
    for operation, status, text in cases:
        (outcome,) = constructs.apply([operation])
        assert (outcome.status, text in outcome.text) == (status, True), outcome


def test_a_full_table_says_so_and_makes_room_again(constructs: NativeEngine) -> None:
    entries = [
        WriteEntry(Change.INSERT, "In.ports", (Exact(port),), ActionCall("In.drop"))
        for port in range(100, 164)
    ]
    outcomes = constructs.apply(entries)  # one place is taken already
    assert [one.status for one in outcomes] == [Status.OK] * 63 + [Status.RESOURCE_EXHAUSTED]
    swapped: list[Operation] = [WriteEntry(Change.DELETE, "In.ports", (Exact(100),)), entries[-1]]
    assert {one.status for one in constructs.apply(swapped, Atomicity.ALL_OR_NOTHING)} == {Status.OK}


def test_packets_see_a_whole_batch_or_nothing(constructs: NativeEngine) -> None:
    # All cells are written in one batch, to ever larger values: of two packets, one behind the other, the
    # second must not find an older value in the last cell than the first did in the first.
    stop = threading.Event()
    values = []

    def flip() -> None:
        value = 0
        while not stop.is_set():
            value += 1
            constructs.apply([WriteRegister("In.cells", None, value)])

    writer = threading.Thread(target=flip)
    writer.start()
    try:
        for _ in range(100):
            constructs.inject(1, command(op=6, a=0))
            constructs.inject(1, command(op=6, a=31))
            frames = constructs.collect()
            values.append([Command(frame[14:]).c for _, frame in frames])
            whole = constructs.read_registers("In.cells")
            assert len(set(whole)) == 1
    finally:
        stop.set()
        writer.join()
    assert all(first <= second for first, second in values)


def test_a_running_pipeline_is_replaced_and_its_queue_is_not_lost(constructs: NativeEngine) -> None:
    constructs.set_queue(2, rate_pps=20)
    for _ in range(5):
        constructs.inject(1, command(op=0))
    constructs.swap(program("constructs"))
    assert len(constructs.collect(3, count=5)) == 5
    constructs.inject(1, command(op=0))  # the new one's tables are empty
    assert constructs.collect() == []
    assert set(constructs.port_stats()) == {1, 2, 3, 4}
    constructs.swap(load_config(FABRIC.read_bytes()))
    assert "FabricIngress.bridging.bridging" in constructs.info.tables


def test_a_slow_port_queues_measures_and_drops(constructs: NativeEngine) -> None:
    constructs.set_queue(2, rate_bps=800_000, depth=10)
    frame = command(bytes(1000), op=24)
    begin = time.monotonic()
    for _ in range(20):
        constructs.inject(1, frame)
    frames = [Command(one[14:]) for _, one in constructs.collect(5)]
    assert 10 <= len(frames) <= 12
    assert time.monotonic() - begin >= len(frame) * 8 * (len(frames) - 1) / 800_000
    assert constructs.queue_stats(2).drops == 20 - len(frames)
    assert frames[-1].a > frames[1].a
    assert frames[-1].a == pytest.approx(frames[-1].c, abs=2000)
    assert (frames[-1].b, frames[-1].d) == (9, 0)


def test_hostile_json_is_refused_with_its_place() -> None:
    original = json.loads((PROGRAMS / "constructs.json").read_text())

    def broken(path: str, value: object) -> bytes:
        changed = json.loads(json.dumps(original))
        *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        at = changed
        for step in steps:
            at = at[step]
        at[last] = value
        return json.dumps(changed).encode()

    for path, value, place in (
        ("header_types.1.fields.0.1", 10**9, "header_types[1].fields[0][1]"),
        ("headers.0.header_type", "x", "headers[0].header_type"),
        ("parsers.0.parse_states.0.parser_ops.0.op", "explode", "parse_states[0].parser_ops[0].op"),
        ("pipelines.0.init_table", "nowhere", "pipelines[0].init_table"),
        ("pipelines.0.tables.0.key", 5, "pipelines[0].tables[0].key"),
        ("actions.0.primitives", [{"op": "system", "parameters": []}], "actions[0].primitives[0].op"),
        ("register_arrays.0.size", 1 << 40, "register_arrays[0].size"),
        ("calculations.0.algo", "md5", "calculations[0].algo"),
        ("header_stacks", [{}], "header_stacks[0]"),
        ("meter_arrays", [{}], "meter_arrays[0]"),
    ):
        with pytest.raises(PipelineError) as caught:
            load_config(broken(path, value))
        assert place in caught.value.path
    for text in (b"", b"{", b"[" * 100_000, b"\xff", b"[]", b'{"__meta__": {"version": [3, 0]}}'):
        with pytest.raises(PipelineError):
            load_config(text)


def test_names_cannot_become_code() -> None:
    text = (PROGRAMS / "constructs.json").read_text()
    for name in ('*/ #error "x"\n', "int", "a\\\n", '"); abort(); ("', "ä"):
        quoted = json.dumps(name)[1:-1]
        changed = (
            text.replace("route_counter", quoted).replace("In.routes", quoted).replace("ether_type", quoted)
        )
        changed = changed.replace("constructs.p4", quoted)
        with open_engine(load_config(changed.encode())) as engine:
            assert name in engine.info.tables
