from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from p4fabric.controller.store.history import HistoryLimits
from p4fabric.controller.store.sqlite_store import SqliteStore


@dataclass
class HeldClock:
    """Seconds that pass when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(
    path: Path, *, clock: Callable[[], float] | None = None, history: HistoryLimits | None = None
) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(path, patience=0.1, clock=clock or HeldClock(), history=history)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fabric.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(path) as store:
        yield store
