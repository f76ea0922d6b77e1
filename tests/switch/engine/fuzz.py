"""Random packets, table operations and replacements against an engine built with ASan and UBSan, which end
the process at the first finding. Run by `test_engine_sanitized.py` with the sanitizers' libraries preloaded:

    export LD_PRELOAD="$(cc -print-file-name=libasan.so) $(cc -print-file-name=libubsan.so)"
    ASAN_OPTIONS=detect_leaks=0 .venv/bin/python -m tests.switch.engine.fuzz JSON SECONDS SEED
"""

from __future__ import annotations

import contextlib
import random
import socket
import sys
import tempfile
import time
from pathlib import Path

from p4fabric.softswitch.engine import NativeEngine, load_config, open_engine
from p4fabric.softswitch.engine.api import (
    ActionCall,
    Atomicity,
    Change,
    EngineOptions,
    EntryAction,
    Exact,
    FieldMatch,
    GroupMember,
    GroupRef,
    KeyField,
    Lpm,
    MatchKind,
    MemberRef,
    OneRate,
    Operation,
    Range,
    Replica,
    SetDefaultAction,
    TableInfo,
    Ternary,
    TwoRates,
    ValueSetInfo,
    WriteCloneSession,
    WriteDirectMeter,
    WriteEntry,
    WriteGroup,
    WriteMember,
    WriteMeter,
    WriteMulticastGroup,
    WriteValueSet,
)
from p4fabric.softswitch.engine.trace.events import TraceFilter
from p4fabric.softswitch.tracing.document import trace_document
from p4fabric.softswitch.tracing.text import trace_text

PORTS = (1, 2, 3)
IPV4 = bytes.fromhex("080045000040000000004011")


def match_of(chance: random.Random, key: KeyField) -> FieldMatch:
    """A match on few values, so that entries and packets meet."""
    whole = (1 << key.bitwidth) - 1
    value = chance.choice((0, 1, 2, 3, whole, chance.getrandbits(key.bitwidth))) & whole
    if key.match is MatchKind.LPM:
        length = chance.randint(0, key.bitwidth)
        return Lpm(value >> (key.bitwidth - length) << (key.bitwidth - length) if length else 0, length)
    if key.match is MatchKind.TERNARY:
        mask = chance.choice((0, 1, 3, whole, chance.getrandbits(key.bitwidth))) & whole
        return Ternary(value & mask, mask)
    if key.match is MatchKind.RANGE:
        return Range(min(value, 5), max(value, 5))
    return Exact(value)


def action_of(chance: random.Random, engine: NativeEngine, table: TableInfo) -> EntryAction:
    if table.profile:
        return chance.choice((MemberRef(chance.randint(0, 5)), GroupRef(chance.randint(0, 3))))
    return call_of(chance, engine, table)


def call_of(chance: random.Random, engine: NativeEngine, table: TableInfo) -> ActionCall:
    action = chance.choice(table.actions)
    small = [chance.choice((0, 1, 2, 3, chance.getrandbits(one.bitwidth))) for one in action.parameters]
    return ActionCall(
        action.name, tuple(v & ((1 << p.bitwidth) - 1) for v, p in zip(small, action.parameters, strict=True))
    )


def operation_of(chance: random.Random, engine: NativeEngine) -> Operation:
    change = chance.choice((Change.INSERT, Change.INSERT, Change.MODIFY, Change.DELETE))
    number, kind = chance.randint(0, 3), chance.randint(0, 12)
    replicas = tuple(Replica(chance.choice((*PORTS, 510, 400)), one) for one in range(chance.randint(0, 3)))
    tables = [one for one in engine.info.tables.values() if not one.hidden]
    if kind == 0 or not tables:
        return WriteMulticastGroup(change, chance.choice((1, 2, 100)), replicas)
    if kind == 1:
        return WriteCloneSession(
            change, chance.choice((5, 510)), replicas, number, chance.choice((0, 20, 2000))
        )
    table = chance.choice(tables)
    if kind == 2 and table.profile:
        return WriteMember(change, table.profile, number, call_of(chance, engine, table))
    if kind == 3 and table.profile:
        members = tuple(
            GroupMember(one, chance.randint(1, 3), chance.choice((None, 1, 99))) for one in range(number)
        )
        return WriteGroup(change, table.profile, number, members)
    if kind == 4:
        return SetDefaultAction(table.name, chance.choice((None, call_of(chance, engine, table))))
    match = tuple(match_of(chance, key) for key in table.key)
    priority = chance.randint(1, 4) if table.needs_priority else 0
    config = chance.choice(
        (None, TwoRates(1, 2, 1 << 42, 1 << 61), OneRate(1 << 42, 1 << 61, 3), OneRate(0, 0))
    )
    if kind == 5 and table.direct_meter:
        return WriteDirectMeter(table.name, match, priority, config)
    if kind == 6 and engine.info.meters:
        meter = chance.choice(list(engine.info.meters.values()))
        return WriteMeter(meter.name, chance.choice((None, 0, meter.size - 1, meter.size)), config)
    if kind == 7 and engine.info.value_sets:
        return value_set_of(chance, chance.choice(list(engine.info.value_sets.values())))
    timeout = chance.choice((0, 1, 1 << 20)) if table.supports_timeout else 0
    return WriteEntry(change, table.name, match, action_of(chance, engine, table), priority, timeout)


def value_set_of(chance: random.Random, info: ValueSetInfo) -> WriteValueSet:
    members = tuple(
        tuple(
            match_of(chance, KeyField("", width, chance.choice((MatchKind.EXACT, MatchKind.TERNARY))))
            for width in info.bitwidths
        )
        for _ in range(chance.randint(0, info.max_size + 1))
    )
    return WriteValueSet(info.name, members)


def read_state(engine: NativeEngine, handles: dict[str, list[int]]) -> None:
    """Read what there is, by handles of which most are stale."""
    for table in engine.info.tables.values():
        for read, has in (
            (engine.read_direct_meters, table.direct_meter),
            (engine.read_idle_times, table.supports_timeout),
        ):
            if has:
                with contextlib.suppress(KeyError):
                    read(table.name, handles.get(table.name, []))
    for meter in engine.info.meters:
        engine.read_meters(meter)
    for idle in engine.idle_entries(10):
        handles.setdefault(idle.table, []).append(idle.handle)


def change_watches(chance: random.Random, engine: NativeEngine) -> None:
    """What is known of queues, and who is told."""
    queues, port = engine.queues, chance.choice(PORTS)
    match chance.randint(0, 3):
        case 0:
            queues.unwatch(port)
        case 1:
            queues.watch(port, report_depth=chance.choice((0, 1, 20)), report_wait_us=chance.choice((0, 500)))
        case 2:
            queues.deflect(chance.choice((0, 5, 6, 510)), chance.choice((1, 10**6)), chance.choice((1, 1000)))
        case 3:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
                made.connect(("127.0.0.1", chance.choice((9, 32766))))
                queues.report_to(made.detach() if chance.randint(0, 2) else -1, chance.getrandbits(32))


def frame_of(chance: random.Random) -> bytes:
    """Something that gets past the first parser states, more often than not."""
    addresses = bytes(chance.choice((0, 1, 2, 3)) for _ in range(12))
    kind = chance.randint(0, 9)
    length = chance.choice((0, 1, 20, 60, 90, 200, 1500, 9000))
    rest = bytes(chance.choice((0, 1, 2, 3, 255)) for _ in range(min(length, 90))) + bytes(
        max(0, length - 90)
    )
    if kind <= 1:
        operation = chance.choice((*range(25), 0x41, 0x42, 0x43))
        return addresses + b"\x88\xb5" + bytes([0x10 | chance.choice((0, 1, 15)), operation]) + rest
    if kind == 2:
        return addresses + IPV4 + rest
    if kind == 3:
        return addresses + b"\x81\x00\x00\x01" + chance.choice((IPV4, b"\x86\xdd\x60", b"\x08\x06")) + rest
    if kind == 4:
        gtpu = bytes.fromhex("0000 0000 0001 0868 0868 0030 0000 34ff 0020 0000 0001 0000 0085 0110 0900 45")
        return addresses + IPV4 + b"\x00\x00\x00\x00\x01" + gtpu + rest
    if kind >= 8:
        return bytes([0, chance.choice(PORTS), chance.randint(0, 7), 0]) + rest
    if kind >= 6:
        small = bytes(chance.choice((0, 1, 2, 3, 8, 64, 72, 255)) for _ in range(7))
        return bytes([chance.randint(0, 0x42)]) + small + rest[: chance.choice((0, 3, 8, 20, 90, 200))]
    return addresses[: chance.randint(0, 12)] + rest


def main() -> None:
    """Keep going for the time given."""
    config = load_config(Path(sys.argv[1]).read_bytes())
    chance = random.Random(int(sys.argv[3]))
    packets = operations = 0
    handles: dict[str, list[int]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        open_engine(config, EngineOptions(sanitize=True)) as engine,
    ):
        engine.capture(Path(folder))
        for port in PORTS:
            engine.add_port(port, None)
        engine.start()
        until = time.monotonic() + float(sys.argv[2])  # what was compiled before does not count
        while time.monotonic() < until:
            batch = [operation_of(chance, engine) for _ in range(chance.randint(1, 20))]
            engine.apply(batch, chance.choice(tuple(Atomicity)))
            for _ in range(30):
                engine.inject(chance.choice((*PORTS, 510)), frame_of(chance)[:9216])
            engine.collect(0.05)
            engine.drain()
            for one in engine.take_traces():
                trace_text(trace_document(one))
            read_state(engine, handles)
            for port in PORTS:
                engine.queues.bins(port, chance.randint(0, 7), chance.choice((0, 1, 1 << 40)))
                engine.queues.counts(port)
            packets, operations = packets + 30, operations + len(batch)
            turn = chance.randint(0, 60)
            if turn == 0:
                engine.swap(config)
            elif turn == 1:
                engine.remove_port(3)
                engine.add_port(3, None)
            elif turn == 2:
                engine.start_trace(TraceFilter(port=chance.choice((None, *PORTS))), chance.choice((1, 1000)))
            elif turn == 3:
                engine.stop_trace()
            elif turn <= 8:
                engine.set_queue(
                    chance.choice(PORTS),
                    rate_pps=chance.choice((0, 10, 10_000)),
                    depth=chance.choice((1, 50)),
                )
            elif turn <= 14:
                change_watches(chance, engine)
        assert sum(one.frames for one in engine.captures()) > 0
        print(f"{packets} packets, {operations} operations, {engine.stats()}")


if __name__ == "__main__":
    main()
