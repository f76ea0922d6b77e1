"""Lookups in large tables that change, against a search through all entries."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from p4fabric.softswitch.engine import NativeEngine, open_engine
from p4fabric.softswitch.engine.api import (
    ActionCall,
    Atomicity,
    Change,
    Exact,
    FieldMatch,
    Lpm,
    Range,
    Status,
    Ternary,
    WriteEntry,
)

from .conftest import program

ENTRIES, ROUNDS, ASKED = 2500, 3, 120
Match = tuple[FieldMatch, ...]
Key = tuple[int, ...]
"""The key's fields; the tables' are among group, short and long."""
WIDTHS = {"group": 16, "short": 32, "long": 128}
FIELDS = {
    "exacts": ("group", "long"),
    "short_prefixes": ("group", "short"),
    "long_prefixes": ("group", "long"),
    "masks": ("group", "short", "long"),
    "spans": ("group", "short"),
}


@pytest.fixture(scope="module")
def engine() -> Iterator[NativeEngine]:
    """lookups.p4 with memory ports 1 and 2."""
    with open_engine(program("lookups")) as engine:
        for port in (1, 2):
            engine.add_port(port, None)
        engine.start()
        yield engine


def prefix(chance: random.Random, bits: int) -> Lpm:
    """Of any length but 0; some are within others."""
    length = chance.choice((bits, bits // 2, chance.randint(1, bits)))
    value = chance.choice(
        (chance.getrandbits(bits), chance.getrandbits(8) << bits - 8 | chance.getrandbits(4))
    )
    return Lpm(value >> bits - length << bits - length, length)


def masked(chance: random.Random, masks: list[Key], widths: Key) -> Match:
    """A value for one of the masks, with few bits that differ, so that many entries match a key."""
    found: list[FieldMatch] = []
    for mask, width in zip(chance.choice(masks), widths, strict=True):
        value = chance.getrandbits(4) << width - 4 | chance.getrandbits(3)
        found.append(Ternary(value & mask, mask) if mask else None)
    return tuple(found)


def span(chance: random.Random) -> Range:
    low = chance.getrandbits(16)
    return Range(low, low + chance.getrandbits(chance.choice((4, 12, 16))))


def entries(table: str, chance: random.Random, mask_count: int) -> Callable[[], Match]:
    """What makes matches for a table; ternary ones have so many masks."""

    def group() -> Exact:
        return Exact(chance.getrandbits(2))

    if table == "exacts":
        return lambda: (group(), Exact(chance.getrandbits(128)))
    if table == "short_prefixes":
        return lambda: (group(), prefix(chance, 32))
    if table == "long_prefixes":
        return lambda: (group(), prefix(chance, 128))
    widths = tuple(WIDTHS[one] for one in FIELDS[table])
    masks = [
        tuple(
            chance.choice((0, (1 << width) - 1, (1 << width) - 8, 7, chance.getrandbits(width)))
            for width in widths
        )
        for _ in range(mask_count)
    ]
    if table == "masks":
        return lambda: masked(chance, masks, widths)
    return lambda: (*masked(chance, [one[:1] for one in masks], widths[:1]), span(chance))


def covers(match: FieldMatch, value: int, width: int) -> bool:
    match match:
        case None:
            return True
        case Exact(wanted):
            return value == wanted
        case Lpm(wanted, length):
            return value >> width - length == wanted >> width - length
        case Ternary(wanted, mask):
            return value & mask == wanted
        case Range(low, high):
            return low <= value <= high


def best(table: str, model: dict[tuple[Match, int], int], key: Key) -> set[int]:
    """The answers that are right: of the longest prefix, of the highest priority; 0 for a miss."""
    widths = [WIDTHS[one] for one in FIELDS[table]]
    ranked: dict[int, set[int]] = {}
    for (match, priority), number in model.items():
        if all(covers(one, value, width) for one, value, width in zip(match, key, widths, strict=True)):
            rank = priority or sum(one.prefix_length for one in match if isinstance(one, Lpm))
            ranked.setdefault(rank, set()).add(number)
    return ranked[max(ranked)] if ranked else {0}


def key_near(chance: random.Random, table: str, match: Match) -> Key:
    """A key that the match covers, or almost."""
    found = []
    for one, name in zip(match, FIELDS[table], strict=True):
        width, value = WIDTHS[name], 0
        match one:
            case Exact(wanted):
                value = wanted
            case Lpm(wanted, length):
                value = wanted | chance.getrandbits(width) >> length
            case Ternary(wanted, mask):
                value = wanted | (chance.getrandbits(4) << width - 4 | chance.getrandbits(3)) & ~mask
            case Range(low, high):
                value = chance.choice((low, high, high + 1, max(low - 1, 0)))
            case None:
                value = chance.getrandbits(4) << width - 4 | chance.getrandbits(3)
        found.append(value & (1 << width) - 1)
    return tuple(found)


def ask(engine: NativeEngine, table: str, keys: list[Key]) -> list[int]:
    """What the table answers."""
    for key in keys:
        named = dict(zip(FIELDS[table], key, strict=True))
        frame = bytes([list(FIELDS).index(table)])
        for name, width in WIDTHS.items():
            frame += named.get(name, 0).to_bytes(width // 8, "big")
        assert engine.inject(1, (frame + bytes(4)).ljust(60, b"\0"))
    answers = engine.collect(timeout=60, count=len(keys))
    assert len(answers) == len(keys)
    return [int.from_bytes(frame[23:27], "big") for _, frame in answers]


@pytest.mark.parametrize(
    ("table", "mask_count"),
    [
        *(("exacts", 0), ("short_prefixes", 0), ("long_prefixes", 0)),
        *(("masks", 2), ("masks", 40), ("masks", 300), ("spans", 40)),
    ],
)
def test_lookups_equal_a_search_through_all_entries(
    engine: NativeEngine, table: str, mask_count: int
) -> None:
    chance = random.Random(f"{table} {mask_count}")
    make, prioritised = entries(table, chance, mask_count), table in ("masks", "spans")
    model: dict[tuple[Match, int], int] = {}

    def write(change: Change, identity: tuple[Match, int], number: int) -> WriteEntry:
        return WriteEntry(change, f"In.{table}", identity[0], ActionCall("In.answer", (number,)), identity[1])

    number = 0
    for _ in range(ROUNDS):
        batch = []
        for identity in chance.sample(list(model), len(model) * 2 // 3):
            batch.append(write(Change.DELETE, identity, 0))
            del model[identity]
        while len(model) < ENTRIES:
            identity = (make(), chance.randint(1, 1000) if prioritised else 0)
            number += 1
            if identity not in model:
                batch.append(write(Change.INSERT, identity, number))
                model[identity] = number
        outcomes = engine.apply(batch)
        assert all(one.status is Status.OK for one in outcomes)
        # What is undone has left nothing, and taken nothing.
        doomed = [write(Change.DELETE, identity, 0) for identity in chance.sample(list(model), ENTRIES // 3)]
        doomed += [write(Change.INSERT, (make(), int(prioritised) * 2000), 1) for _ in range(100)]
        doomed.append(write(Change.DELETE, (make(), int(prioritised) * 3000), 0))
        assert engine.apply(doomed, Atomicity.ALL_OR_NOTHING)[-1].status is Status.NOT_FOUND
        keys = [key_near(chance, table, match) for match, _ in chance.choices(list(model), k=ASKED)]
        for key, answer in zip(keys, ask(engine, table, keys), strict=True):
            assert answer in best(table, model, key), key
    assert all(
        one.status is Status.OK
        for one in engine.apply([write(Change.DELETE, identity, 0) for identity in model])
    )
    assert set(ask(engine, table, keys)) == {0}
