"""What a program keeps between packets: registers, counters, meters, and the parser's value sets."""

from __future__ import annotations

from dataclasses import dataclass, field

from p4fabric.softswitch.engine.api import CounterInfo, MeterInfo, MeterUnit, RegisterInfo
from p4fabric.softswitch.engine.load.cursor import Cursor
from p4fabric.softswitch.engine.load.scope import Scope
from p4fabric.softswitch.engine.model import Counter, DirectMeter, Meter, Register, ValueSet

LARGEST_ARRAY = 1 << 24
LARGEST_SET = 1 << 16
WIDEST_MEMBER = 2048
WIDEST_REGISTER = 2048
LARGEST_STATE = 1 << 30  # bytes of all arrays together
COUNTER_BYTES, METER_BYTES = 16, 80  # of a cell
HIGHEST_ID = (1 << 31) - 1


@dataclass
class Arrays:
    """The descriptions of all arrays by name."""

    registers: dict[str, RegisterInfo] = field(default_factory=dict)
    counters: dict[str, CounterInfo] = field(default_factory=dict)
    meters: dict[str, MeterInfo] = field(default_factory=dict)
    value_set_ids: dict[str, int] = field(default_factory=dict)
    total: int = 0

    def size(self, at: Cursor, cell_bytes: int) -> int:
        """The size of an array, which is added to the total."""
        size = at["size"].integer(1, LARGEST_ARRAY)
        self.total += size * cell_bytes
        if self.total > LARGEST_STATE:
            at["size"].fail(f"the arrays take more than {LARGEST_STATE} bytes")
        return size


def read_arrays(root: Cursor, scope: Scope) -> Arrays:
    """All arrays and sets into the scope."""
    arrays = Arrays()
    for one in root["register_arrays"].list():
        name, width = one["name"].text(), one["bitwidth"].integer(1, WIDEST_REGISTER)
        size = arrays.size(one, (width + 63) // 64 * 8)
        scope.registers[name] = Register(len(arrays.registers), name, size, width)
        arrays.registers[name] = RegisterInfo(one["id"].integer(0, HIGHEST_ID), name, size, width)
    for one in root["counter_arrays"].list():
        name = one["name"].text()
        if one["is_direct"].boolean():
            scope.direct_counters[name] = one["binding"].text()
            continue
        size = arrays.size(one, COUNTER_BYTES)
        scope.counters[name] = Counter(len(arrays.counters), name, size)
        arrays.counters[name] = CounterInfo(one["id"].integer(0, HIGHEST_ID), name, size)
    for one in root.optional("meter_arrays", []).list():
        _read_meter(one, scope, arrays)
    for one in root.optional("parse_vsets", []).list():
        name = one["name"].text()
        width = one["compressed_bitwidth"].integer(1, WIDEST_MEMBER)
        most = one.optional("max_size", LARGEST_SET).integer(0, LARGEST_SET)
        scope.value_sets[name] = ValueSet(len(arrays.value_set_ids), name, most, (width,), (False,))
        arrays.value_set_ids[name] = one["id"].integer(0, HIGHEST_ID)
    return arrays


def _read_meter(at: Cursor, scope: Scope, arrays: Arrays) -> None:
    name, kind = at["name"].text(), at["type"].text()
    if kind not in {one.value for one in MeterUnit}:
        at["type"].fail(f"meters of type {kind!r} are not supported")
    unit = MeterUnit(kind)
    at["rate_count"].integer(1, 2)
    if at["is_direct"].boolean():
        scope.direct_meters[name] = DirectMeter(unit, scope.real_field(at["result_target"]))
        return
    size = arrays.size(at, METER_BYTES)
    scope.meters[name] = Meter(len(arrays.meters), name, size, unit)
    arrays.meters[name] = MeterInfo(at["id"].integer(0, HIGHEST_ID), name, size, unit)
