"""Reads the running pipeline's state: counters, registers, meters, how long entries have been idle."""

from __future__ import annotations

import ctypes as c
from collections.abc import Sequence
from typing import Any

from p4fabric.softswitch.engine.api import CounterValue, IdleEntry, MeterConfig, PipelineInfo
from p4fabric.softswitch.engine.encode import Encoder, decoded_rates
from p4fabric.softswitch.engine.native import IdleEntry as NativeIdleEntry

DIRECT_COUNTER, DIRECT_METER, DIRECT_IDLE = range(3)
ARRAY_REGISTER, ARRAY_COUNTER, ARRAY_METER = range(3)
METER_CONFIG = 5  # words of a meter's configuration


class StateReader:
    """Reads one pipeline's state; each method takes the engine's handle."""

    def __init__(self, native: Any, encoder: Encoder, info: PipelineInfo) -> None:
        self._native = native
        self._encoder = encoder
        self._info = info
        self._names = {code.table.index: name for name, code in encoder.tables.items()}

    def direct_counters(self, engine: Any, table: str, handles: Sequence[int]) -> list[CounterValue]:
        """See `api.Engine.read_direct_counters`."""
        info = self._info.tables.get(table)
        if info is None or not info.has_direct_counter:
            raise KeyError(f"{table} has no direct counter")
        words = self._direct(engine, table, handles, DIRECT_COUNTER, 2)
        return [CounterValue(*pair) for pair in words]

    def direct_meters(self, engine: Any, table: str, handles: Sequence[int]) -> list[MeterConfig | None]:
        """See `api.Engine.read_direct_meters`."""
        info = self._info.tables.get(table)
        if info is None or info.direct_meter is None:
            raise KeyError(f"{table} has no direct meter")
        return [
            decoded_rates(one) for one in self._direct(engine, table, handles, DIRECT_METER, METER_CONFIG)
        ]

    def idle_times(self, engine: Any, table: str, handles: Sequence[int]) -> list[int]:
        """See `api.Engine.read_idle_times`."""
        info = self._info.tables.get(table)
        if info is None or not info.supports_timeout:
            raise KeyError(f"{table} does not support idle timeouts")
        return [one for (one,) in self._direct(engine, table, handles, DIRECT_IDLE, 1)]

    def idle_entries(self, engine: Any, limit: int) -> list[IdleEntry]:
        """See `api.Engine.idle_entries`."""
        found = (NativeIdleEntry * max(limit, 1))()
        count = self._native.engine_idle(engine, found, max(limit, 0))
        return [IdleEntry(self._names[one.table], one.handle) for one in found[:count]]

    def counters(self, engine: Any, name: str, start: int, count: int | None) -> list[CounterValue]:
        """See `api.Engine.read_counters`."""
        array = self._encoder.counters[name]
        cells = self._array(
            engine, ARRAY_COUNTER, array.index, start, _count(count, array.size, start), 2, name
        )
        return [CounterValue(*cell) for cell in cells]

    def registers(self, engine: Any, name: str, start: int, count: int | None) -> list[int]:
        """See `api.Engine.read_registers`."""
        array = self._encoder.registers[name]
        size, wanted = (array.bitwidth + 63) // 64, _count(count, array.size, start)
        cells = self._array(engine, ARRAY_REGISTER, array.index, start, wanted, size, name)
        return [sum(word << 64 * i for i, word in enumerate(cell)) for cell in cells]

    def meters(self, engine: Any, name: str, start: int, count: int | None) -> list[MeterConfig | None]:
        """See `api.Engine.read_meters`."""
        array = self._encoder.meters[name]
        wanted = _count(count, array.size, start)
        cells = self._array(engine, ARRAY_METER, array.index, start, wanted, METER_CONFIG, name)
        return [decoded_rates(cell) for cell in cells]

    def _direct(
        self, engine: Any, table: str, handles: Sequence[int], kind: int, words: int
    ) -> list[list[int]]:
        asked = (c.c_int64 * max(len(handles), 1))(*handles)
        values = (c.c_uint64 * max(len(handles) * words, 1))()
        index = self._encoder.tables[table].table.index
        bad = self._native.engine_read_direct(engine, index, asked, len(handles), kind, values)
        if bad >= 0:
            raise KeyError(f"{table} has no entry of handle {handles[bad]}")
        return _cells(list(values), len(handles), words)

    def _array(
        self, engine: Any, kind: int, index: int, start: int, count: int, words: int, name: str
    ) -> list[list[int]]:
        if start < 0 or count < 0:
            raise IndexError(f"{name}: cells {start}..{start + count - 1}")
        values = (c.c_uint64 * max(count * words, 1))()
        if self._native.engine_read_array(engine, kind, index, start, count, values):
            raise IndexError(f"{name}: cells {start}..{start + count - 1}")
        return _cells(list(values), count, words)


def _count(count: int | None, size: int, start: int) -> int:
    return size - start if count is None else count


def _cells(values: list[int], count: int, words: int) -> list[list[int]]:
    return [values[i * words : (i + 1) * words] for i in range(count)]
