"""The controller's store: what a small commit and a large one take, beside bare SQLite and in a store that
holds little or much, how late the event loop is meanwhile, and what reading everything at a start takes.

    .venv/bin/python -m benchmarks.store [--rounds 5] [--commits 200] [--records 100000] [--folder /tmp]
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from benchmarks.figures import Figure, add_option, save
from p4fabric.controller.intents.metadata import Metadata
from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.store.records import encode, key_of, read
from p4fabric.controller.store.revisions import Transaction
from p4fabric.controller.store.sqlite_store import SqliteStore
from p4fabric.controller.store.values import GivenNumber, StoredIntent, Value

FEW, MANY = 100, 10_000
"""Records that are there first; puts of a large transaction."""


def intent(number: int) -> StoredIntent:
    """About 300 bytes."""
    key = IntentKey("Network", TenantName("acme"), f"n{number}")
    ports = [{"switch": f"leaf{port}", "port": port} for port in range(1, 5)]
    spec = {"subnets": [f"10.{number >> 8 & 255}.{number & 255}.0/24"], "attachments": ports}
    document = {"kind": key.kind, "tenant": key.tenant, "name": key.name, "spec": spec}
    return StoredIntent(key, document, Metadata(1, 0.0))


def puts(*values: Value) -> dict[str, bytes]:
    """Records of values."""
    return {key_of(value): encode(value) for value in values}


async def small_commits(store: SqliteStore, count: int, start: int) -> list[float]:
    """Seconds of each commit of an intent and its number, conditional on both being new."""
    taken = []
    for number in range(start, start + count):
        records = puts(intent(number), GivenNumber("vlan", number, "acme"))
        change = Transaction(records, conditions=dict.fromkeys(records, 0))
        begun = time.perf_counter()
        await store.commit(change)
        taken.append(time.perf_counter() - begun)
    return taken


def bare_store(path: Path) -> sqlite3.Connection:
    """A table in bare SQLite with the same durability."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE records (key TEXT PRIMARY KEY, value) WITHOUT ROWID")
    return connection


def bare_commits(connection: sqlite3.Connection, count: int, start: int) -> list[float]:
    """Seconds of each commit of the same two rows."""
    taken = []
    for number in range(start, start + count):
        records = puts(intent(number), GivenNumber("vlan", number, "acme"))
        begun = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO records VALUES (?, ?)", records.items())
        connection.execute("COMMIT")
        taken.append(time.perf_counter() - begun)
    return taken


@asynccontextmanager
async def lateness(found: list[float]) -> AsyncIterator[None]:
    """How late the event loop is at worst, in seconds."""
    worst = 0.0

    async def measure() -> None:
        nonlocal worst
        while True:
            due = time.perf_counter() + 0.001
            await asyncio.sleep(0.001)
            worst = max(worst, time.perf_counter() - due)

    task = asyncio.create_task(measure())
    try:
        await asyncio.sleep(0.01)
        worst = 0.0
        yield
    finally:
        task.cancel()
        found.append(worst)


async def measure(options: argparse.Namespace, folder: Path) -> list[Figure]:
    """Run all rounds, what is compared in turns."""
    small: list[float] = []
    in_large: list[float] = []
    bare: list[float] = []
    large: list[float] = []
    late: list[float] = []
    few = await SqliteStore.open(folder / "few.db")
    many = await SqliteStore.open(folder / "many.db")
    await few.commit(Transaction(puts(*map(intent, range(FEW)))))
    for start in range(0, options.records, MANY):
        change = Transaction(puts(*map(intent, range(start, start + MANY))))
        async with lateness(late):
            begun = time.perf_counter()
            await many.commit(change)
            large.append(time.perf_counter() - begun)
    with closing(bare_store(folder / "bare.db")) as connection:
        for turn in range(options.rounds):
            start = options.records + turn * options.commits
            small.append(statistics.median(await small_commits(few, options.commits, start)))
            in_large.append(statistics.median(await small_commits(many, options.commits, start)))
            bare.append(statistics.median(bare_commits(connection, options.commits, start)))
    begun = time.perf_counter()
    contents = read(await many.list())
    reading = time.perf_counter() - begun
    for store in (few, many):
        await store.close()
    growth = [much / little for much, little in zip(in_large, small, strict=True)]
    beside = [own / other for own, other in zip(small, bare, strict=True)]
    there = len(contents.intents) + len(contents.numbers)
    return [
        Figure("store.small", "a commit of two records", "s", small, less_is_better=True),
        Figure("store.beside_bare", "the same beside bare SQLite", "ratio", beside, less_is_better=True),
        Figure("store.growth", f"from {FEW} to {options.records:,} records", "ratio", growth, True, 0.5),
        Figure("store.large", f"a commit of {MANY:,} records", "s", large, less_is_better=True),
        Figure("store.late", "the event loop late meanwhile, at worst", "s", late, less_is_better=True),
        Figure("store.read", f"{there:,} records read at a start", "s", [reading], less_is_better=True),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--commits", type=int, default=200)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    add_option(parser)
    options = parser.parse_args()
    sys.setswitchinterval(0.001)  # as the controller
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        figures = asyncio.run(measure(options, Path(folder)))
    for figure in figures:
        scale, unit = (1, "") if figure.unit == "ratio" else (1e3, " ms")
        print(
            f"{figure.title}: {figure.median * scale:.2f}{unit} (at worst {max(figure.samples) * scale:.2f})"
        )
    save(options.figures, figures)


if __name__ == "__main__":
    main()
