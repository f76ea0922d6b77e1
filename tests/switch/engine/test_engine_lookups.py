"""Large tables find what their entries say, beside a model that looks at all of them, while entries come and
go."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from benchmarks.lookups import DESTINATION_AT, SOURCE_AT, plain_frame
from benchmarks.programs import program
from softswitch.engine import NativeEngine, open_engine
from softswitch.engine.api import ActionCall, Change, Exact, FieldMatch, Lpm, Status, Ternary, WriteEntry

Key = tuple[int, ...]
PORTS = 8
ENTRIES, CHANGED, PACKETS = 2000, 1000, 100


class Model:
    """Entries by value and mask, with rank (prefix length or priority) and port; the slowest of lookups."""

    def __init__(self, table: str, write: Callable[[Change, Key, Key, int, int], WriteEntry]) -> None:
        self.table = table
        self.write = write
        self.entries: dict[tuple[Key, Key, int], int] = {}

    def find(self, key: Key) -> int | None:
        """The port of the entry that a key meets."""
        matching = (
            (rank, port)
            for (value, mask, rank), port in self.entries.items()
            if all(k & m == v for k, m, v in zip(key, mask, value, strict=True))
        )
        return max(matching, default=(0, None))[1]

    def insert(self, value: Key, mask: Key, rank: int, port: int) -> WriteEntry | None:
        """The insertion, when the entry is new."""
        value = tuple(v & m for v, m in zip(value, mask, strict=True))
        if (value, mask, rank) in self.entries:
            return None
        self.entries[value, mask, rank] = port
        return self.write(Change.INSERT, value, mask, rank, port)

    def delete(self, chance: random.Random) -> WriteEntry:
        """The deletion of any entry."""
        value, mask, rank = chance.choice(list(self.entries))
        return self.write(Change.DELETE, value, mask, rank, self.entries.pop((value, mask, rank)))


def apply(engine: NativeEngine, operations: list[WriteEntry]) -> None:
    for outcome in engine.apply(operations):
        assert outcome.status is Status.OK, outcome


def ports_of(engine: NativeEngine, frames: list[bytes]) -> list[int | None]:
    """Where each frame leaves; all arrive in bursts, and a frame's last bytes are its number."""
    for number, frame in enumerate(frames):
        assert engine.inject(PORTS + 1, frame + number.to_bytes(4, "big"))
    left = {int.from_bytes(frame[-4:], "big"): port for port, frame in engine.collect(timeout=5)}
    return [left.get(number) for number in range(len(frames))]


def route(change: Change, value: Key, mask: Key, rank: int, port: int) -> WriteEntry:
    return WriteEntry(change, "In.routes", (Lpm(value[0], rank),), ActionCall("In.next_hop", (1, 2, port)))


def host(change: Change, value: Key, mask: Key, rank: int, port: int) -> WriteEntry:
    return WriteEntry(change, "In.hosts", (Exact(value[0]),), ActionCall("In.forward", (port,)))


def rule(change: Change, value: Key, mask: Key, rank: int, port: int) -> WriteEntry:
    match: tuple[FieldMatch, ...] = tuple(
        Ternary(v, m) if m else None for v, m in zip(value, mask, strict=True)
    )
    return WriteEntry(
        change, "In.rules", (*match, None, None, None), ActionCall("In.allow", (port,)), priority=rank
    )


def random_route(chance: random.Random) -> tuple[Key, Key, int]:
    # Few first bits, so that prefixes cover one another.
    length = chance.randrange(33)
    return (
        (chance.getrandbits(2) << 24 | chance.getrandbits(24),),
        (((1 << length) - 1) << 32 - length,),
        length,
    )


def random_host(chance: random.Random) -> tuple[Key, Key, int]:
    return (chance.getrandbits(12),), ((1 << 48) - 1,), 0


def random_rule(masks: int) -> Callable[[random.Random], tuple[Key, Key, int]]:
    shapes = random.Random(masks)
    every = [(shapes.getrandbits(32), shapes.getrandbits(32)) for _ in range(masks)]

    def made(chance: random.Random) -> tuple[Key, Key, int]:
        return (
            (chance.getrandbits(32), chance.getrandbits(32)),
            chance.choice(every),
            chance.randrange(1, 1 << 30),
        )

    return made


def to_address(key: Key) -> bytes:
    frame = plain_frame()
    return frame[:DESTINATION_AT] + key[0].to_bytes(4, "big") + frame[DESTINATION_AT + 4 :]


def to_host(key: Key) -> bytes:
    return key[0].to_bytes(6, "big") + plain_frame()[6:]


def between(key: Key) -> bytes:
    frame = plain_frame()
    return frame[:SOURCE_AT] + b"".join(one.to_bytes(4, "big") for one in key) + frame[SOURCE_AT + 8 :]


@pytest.mark.parametrize(
    ("name", "model", "random_entry", "frame_of"),
    [
        ("exact", Model("In.hosts", host), random_host, to_host),
        ("l3", Model("In.routes", route), random_route, to_address),
        ("ternary", Model("In.rules", rule), random_rule(2), between),
        ("ternary", Model("In.rules", rule), random_rule(50), between),
        ("ternary", Model("In.rules", rule), random_rule(300), between),
    ],
    ids=["exact", "longest prefix", "2 masks", "50 masks", "300 masks"],
)
def test_large_tables_find_what_a_look_at_all_entries_finds(
    name: str,
    model: Model,
    random_entry: Callable[[random.Random], tuple[Key, Key, int]],
    frame_of: Callable[[Key], bytes],
) -> None:
    chance = random.Random(name)
    with open_engine(program(name)) as engine:
        for port in range(PORTS + 2):
            engine.add_port(port, None)
        engine.start()
        for deletions in (0, CHANGED, CHANGED):
            apply(engine, [model.delete(chance) for _ in range(deletions)])
            made = (model.insert(*random_entry(chance), 1 + chance.randrange(PORTS)) for _ in range(ENTRIES))
            apply(engine, [one for one in made if one is not None])
            keys = []
            for _ in range(PACKETS):
                value, mask, _ = chance.choice(list(model.entries))
                noise = [
                    chance.getrandbits(48) & (0xFFFFFFFF if len(mask) > 1 or name == "l3" else 0)
                    for _ in mask
                ]
                keys.append(tuple(v | n & ~m for v, m, n in zip(value, mask, noise, strict=True)))
            assert ports_of(engine, [frame_of(key) for key in keys]) == [model.find(key) for key in keys]
