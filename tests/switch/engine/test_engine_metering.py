"""Value sets, meters and idle entries: what the control plane sets, judged by packets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from p4fabric.softswitch.engine import NativeEngine, open_engine
from p4fabric.softswitch.engine.api import (
    ActionCall,
    Atomicity,
    Change,
    EngineOptions,
    Exact,
    IdleEntry,
    MeterConfig,
    OneRate,
    Operation,
    SetDefaultAction,
    Status,
    Ternary,
    TwoRates,
    WriteDirectMeter,
    WriteEntry,
    WriteMeter,
    WriteValueSet,
)

from .conftest import program

FRAME = 100
GREEN, RED = 0, 2


@pytest.fixture
def state() -> Iterator[NativeEngine]:
    """state.p4 with memory ports 1 and 2."""
    with open_engine(program("state")) as engine:
        yield begun(engine)


@pytest.fixture
def held() -> Iterator[NativeEngine]:
    """The same by a clock that begins at 0 and goes on by `advance` only."""
    with open_engine(program("state"), EngineOptions(clock=lambda: 0)) as engine:
        yield begun(engine)


def begun(engine: NativeEngine) -> NativeEngine:
    for port in (1, 2):
        engine.add_port(port, None)
    engine.start()
    return engine


def seconds(number: float) -> int:
    """In nanoseconds."""
    return round(number * 1e9)


def forward(kind: int, change: Change = Change.INSERT, timeout: float = 0) -> WriteEntry:
    call = ActionCall("In.forward", (2,))
    return WriteEntry(change, "In.kinds", (Exact(kind),), call, idle_timeout_ns=int(timeout * 1e9))


def write(engine: NativeEngine, *operations: Operation) -> list[int]:
    outcomes = engine.apply(operations)
    assert all(one.status is Status.OK for one in outcomes), outcomes
    return [one.handle for one in outcomes]


def send(engine: NativeEngine, kind: int, part: int = 0, rest: int = 0, count: int = 1) -> list[bytes]:
    """The answers to `count` equal frames."""
    frame = kind.to_bytes(2, "big") + bytes([part << 4 | rest, 0, 0])
    for _ in range(count):
        engine.inject(1, frame.ljust(FRAME, b"\0"))
    return [answer for _, answer in engine.collect()]


def test_value_sets_know_their_members_and_forget_them(state: NativeEngine) -> None:
    write(
        state,
        *(forward(kind) for kind in (5, 6, 7, 8)),
        WriteValueSet("Parse.pairs", ((Exact(5), Exact(3)), (Ternary(8, 0xF), None))),
        WriteValueSet("Parse.kinds", ((Exact(6),),)),
    )
    asked = [(5, 3), (5, 4), (6, 0), (7, 1), (8, 9), (8, 0)]
    assert [send(state, kind, part)[0][3] for kind, part in asked] == [1, 0, 3, 2, 1, 1]
    write(state, WriteValueSet("Parse.pairs", ((Exact(7), Exact(1)),)))
    assert [send(state, kind, part)[0][3] for kind, part in asked] == [0, 0, 3, 1, 0, 0]
    failing = WriteValueSet("Parse.kinds", ((Exact(1),), (Exact(2),), (Exact(3),)))
    outcomes = state.apply([WriteValueSet("Parse.pairs", ()), failing], Atomicity.ALL_OR_NOTHING)
    assert [one.status for one in outcomes] == [Status.ABORTED, Status.RESOURCE_EXHAUSTED]
    assert send(state, 7, 1)[0][3] == 1
    refused = state.apply([WriteValueSet("Parse.kinds", ((Exact(1), Exact(1)),)), WriteValueSet("x", ())])
    assert [one.status for one in refused] == [Status.INVALID_ARGUMENT, Status.NOT_FOUND]


@pytest.mark.parametrize(
    ("config", "colours"),
    [
        (None, [0] * 6),
        (TwoRates(0, 2, 0, 5), [0, 0, 1, 1, 1, 2]),
        (OneRate(0, 2, 3), [0, 0, 1, 1, 1, 2]),
        (OneRate(0, 4), [0, 0, 0, 0, 2, 2]),
    ],
)
def test_bursts_are_coloured(state: NativeEngine, config: MeterConfig | None, colours: list[int]) -> None:
    scaled = config and type(config)(*(one * FRAME for one in config))  # the array counts bytes
    (handle, *_) = write(
        state,
        forward(5),
        WriteDirectMeter("In.kinds", (Exact(5),), 0, config),
        WriteMeter("In.cells", 3, scaled),
    )
    assert [answer[4] for answer in send(state, 5, rest=3, count=6)] == [one << 4 | one for one in colours]
    assert state.read_direct_meters("In.kinds", [handle]) == [config]
    assert state.read_meters("In.cells", 2, 3) == [None, scaled, None]


def test_meters_fill_up_again_at_their_rates(held: NativeEngine) -> None:
    write(held, forward(5), WriteMeter("In.cells", None, TwoRates(10 * FRAME, FRAME, 20 * FRAME, 2 * FRAME)))
    assert [answer[4] for answer in send(held, 5, count=3)] == [0, 1, 2]
    held.advance(seconds(0.06))  # one packet's worth of the peak rate, half of the committed one's
    assert [answer[4] for answer in send(held, 5, count=2)] == [1, 2]
    held.advance(seconds(0.36))
    assert [answer[4] for answer in send(held, 5, count=3)] == [0, 1, 2]
    assert send(held, 5, rest=1)[0][4] == 0  # cells do not share


def test_a_failed_batch_leaves_meters_as_they_were(state: NativeEngine) -> None:
    (handle, *_) = write(state, forward(5), WriteDirectMeter("In.kinds", (Exact(5),), 0, OneRate(1, 2, 3)))
    outcomes = state.apply(
        [
            WriteDirectMeter("In.kinds", (Exact(5),), 0, None),
            WriteMeter("In.cells", None, OneRate(1, 1)),
            WriteMeter("In.cells", 0, TwoRates(5, 1, 4, 1)),
        ],
        Atomicity.ALL_OR_NOTHING,
    )
    assert outcomes[2].status is Status.INVALID_ARGUMENT
    outcomes = state.apply(
        [
            WriteDirectMeter("In.kinds", (Exact(5),), 0, None),
            WriteMeter("In.cells", None, OneRate(1, 1)),
            WriteDirectMeter("In.kinds", (Exact(6),), 0, None),
        ],
        Atomicity.ALL_OR_NOTHING,
    )
    assert outcomes[2].status is Status.NOT_FOUND
    assert state.read_direct_meters("In.kinds", [handle]) == [OneRate(1, 2, 3)]
    assert state.read_meters("In.cells") == [None] * 16


def test_an_idle_entry_is_named_once_for_each_timeout_without_a_hit(held: NativeEngine) -> None:
    used, idle, ageless = write(held, forward(5, timeout=0.3), forward(6, timeout=0.3), forward(7))
    for tenths in range(1, 6):
        held.advance(seconds(tenths / 10))
        send(held, 5)
    assert held.idle_entries() == [IdleEntry("In.kinds", idle)]
    assert held.idle_entries() == []
    assert held.read_idle_times("In.kinds", [used, idle, ageless]) == [0, seconds(0.5), seconds(0.5)]
    held.advance(seconds(0.85))
    assert {one.handle for one in held.idle_entries()} == {used, idle}
    send(held, 6)
    held.advance(seconds(1.25))
    assert {one.handle for one in held.idle_entries()} == {used, idle}
    write(held, forward(5, Change.MODIFY, timeout=0))
    send(held, 6)
    held.advance(seconds(1.65))
    assert {one.handle for one in held.idle_entries()} == {idle}


def test_a_miss_leaves_the_colour_alone_until_the_default_entry_is_metered(state: NativeEngine) -> None:
    write(state, SetDefaultAction("In.kinds", ActionCall("In.forward", (2,))), forward(7))
    coloured = bytes(4) + bytes([RED << 6])

    def colour(kind: int) -> int:
        state.inject(1, kind.to_bytes(2, "big") + coloured[2:].ljust(FRAME, b"\0"))
        ((_, answer),) = state.collect()
        return answer[4] >> 4

    assert colour(5) == RED
    assert colour(7) == GREEN  # a hit, of an entry that is not metered
    write(state, WriteDirectMeter("In.kinds", None, 0, TwoRates(0, 1, 0, 1)))
    assert [colour(5), colour(5)] == [GREEN, RED]
