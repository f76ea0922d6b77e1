"""Reads of arrays: counters, meters, registers (specification, sections 9.4, 9.5 and 9.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from finsy.proto import p4r

from p4fabric.softswitch.engine.api import CounterValue, Engine, MeterConfig
from p4fabric.softswitch.server.errors import unimplemented
from p4fabric.softswitch.server.meters import encode_rates
from p4fabric.softswitch.server.objects import CounterSchema, MeterSchema, RegisterSchema
from p4fabric.softswitch.server.parts import Part
from p4fabric.softswitch.server.roles import Scope
from p4fabric.softswitch.server.schema import Schema
from p4fabric.softswitch.server.write_others import checked_index


class _Array(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...


A = TypeVar("A", bound=_Array)


class CellReader:
    """Reads one pipeline's arrays, whole or by cell."""

    def __init__(self, schema: Schema, engine: Engine) -> None:
        self._schema = schema
        self._engine = engine

    def counters(self, request: p4r.CounterEntry, scope: Scope) -> list[Part]:
        """One cell, one array, or all of them."""
        asked = _asked(scope, "counters", self._schema.counters, request.counter_id, self._schema.counter)
        index = request.index if request.HasField("index") else None
        return [self._counter(one, index) for one in asked]

    def _counter(self, counter: CounterSchema, index: p4r.Index | None) -> Part:
        start, count = _span(counter, index)

        def encode(cell: tuple[int, CounterValue]) -> bytes:
            at, value = cell
            entity = p4r.Entity()
            entity.counter_entry.counter_id = counter.id
            entity.counter_entry.index.index = at
            entity.counter_entry.data.packet_count = value.packets
            entity.counter_entry.data.byte_count = value.bytes
            return entity.SerializeToString()

        return Part(list(enumerate(self._engine.read_counters(counter.name, start, count), start)), encode)

    def meters(self, request: p4r.MeterEntry, scope: Scope) -> list[Part]:
        """One cell, one array, or all of them."""
        if request.HasField("counter_data"):
            raise unimplemented("meters have no counters per color")
        asked = _asked(scope, "meters", self._schema.meters, request.meter_id, self._schema.meter)
        index = request.index if request.HasField("index") else None
        return [self._meter(one, index) for one in asked]

    def _meter(self, meter: MeterSchema, index: p4r.Index | None) -> Part:
        start, count = _span(meter, index)

        def encode(cell: tuple[int, MeterConfig | None]) -> bytes:
            at, rates = cell
            entity = p4r.Entity()
            entity.meter_entry.meter_id = meter.id
            entity.meter_entry.index.index = at
            if rates is not None:
                entity.meter_entry.config.CopyFrom(encode_rates(rates))
            return entity.SerializeToString()

        return Part(list(enumerate(self._engine.read_meters(meter.name, start, count), start)), encode)

    def registers(self, request: p4r.RegisterEntry, scope: Scope) -> list[Part]:
        """One cell, one array, or all of them."""
        asked = _asked(scope, "registers", self._schema.registers, request.register_id, self._schema.register)
        index = request.index if request.HasField("index") else None
        return [self._register(one, index) for one in asked]

    def _register(self, register: RegisterSchema, index: p4r.Index | None) -> Part:
        type_ = register.type
        if type_ is None:
            raise unimplemented(f"{register.name}: cells of its type are not implemented")
        start, count = _span(register, index)

        def encode(cell: tuple[int, int]) -> bytes:
            at, value = cell
            entity = p4r.Entity()
            entity.register_entry.register_id = register.id
            entity.register_entry.index.index = at
            entity.register_entry.data.CopyFrom(type_.message((value,)))
            return entity.SerializeToString()

        return Part(list(enumerate(self._engine.read_registers(register.name, start, count), start)), encode)


def _asked(
    scope: Scope, kind: str, arrays: Mapping[int, A], number: int, find: Callable[[int], A]
) -> list[A]:
    return scope.among(kind, {number: find(number)} if number else arrays)


def _span(array: _Array, index: p4r.Index | None) -> tuple[int, int]:
    return (0, array.size) if index is None else (checked_index(index, array.size, array.name), 1)
