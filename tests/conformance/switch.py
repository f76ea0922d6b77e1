"""An engine with memory ports under STF's commands."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable

from p4fabric.softswitch.engine.api import (
    Change,
    CounterValue,
    Engine,
    MeterConfig,
    OneRate,
    Operation,
    Replica,
    Status,
    TwoRates,
    WriteCloneSession,
    WriteCounter,
    WriteMeter,
    WriteMulticastGroup,
    WriteRegister,
)

from .entries import Unknown, default, entry, find
from .stf import Add, CheckCounter, Command, Direct, Expect, Send, SetDefault, Wait, number

CONDITIONS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
MICROSECONDS = 1_000_000


class Mismatch(Exception):
    """The program did something else than the test expects."""


class Switch:
    """Performs a test's commands, and keeps what was expected and what came."""

    def __init__(self, engine: Engine, commands: list[Command]) -> None:
        """`engine` has no ports and moves nothing yet; it is closed at the end of `run`."""
        self.commands = commands
        self.engine = engine
        self.expected: dict[int, list[str | None]] = defaultdict(list)
        self.received: dict[int, list[bytes]] = defaultdict(list)
        self.nodes: list[tuple[Replica, ...]] = []
        self.groups: dict[int, tuple[Replica, ...]] = {}

    def run(self) -> None:
        """The whole test; `Mismatch` says what went wrong."""
        with self.engine as engine:
            for command in self.commands:
                if isinstance(command, Send | Expect) and command.port not in (None, *engine.port_stats()):
                    engine.add_port(command.port or 0, None)
            engine.start()
            for command in self.commands:
                self._perform(command)
            self._collect(1.0)
        self._compare()

    def _collect(self, patience: float) -> None:
        for port, frame in self.engine.collect(patience):
            self.received[port].append(frame)

    def _perform(self, command: Command) -> None:
        match command:
            case Add():
                self._apply(entry(command, self.engine.info))
            case SetDefault():
                self._apply(default(command, self.engine.info))
            case Send():
                if not self.engine.inject(command.port, command.frame):
                    raise Mismatch(f"port {command.port} takes no packet")
                self._collect(10.0)
            case Expect():
                if command.port is not None:
                    self.expected[command.port].append(command.pattern)
            case CheckCounter():
                self._check(command)
            case Direct():
                self._direct(command.name, command.arguments)
            case Wait():
                self._collect(10.0)

    def _apply(self, *operations: Operation) -> None:
        for outcome in self.engine.apply(operations):
            if outcome.status is not Status.OK:
                raise Mismatch(f"a write was refused: {outcome.status.name}: {outcome.text}")

    def _check(self, command: CheckCounter) -> None:
        name = find(self.engine.info.counters, command.counter, "counter")
        (value,) = self.engine.read_counters(name, command.index, 1)
        bound = command.bound
        found = value.bytes if bound.unit == "bytes" else value.packets
        if not CONDITIONS[bound.condition](found, bound.value):
            raise Mismatch(f"{name}({command.index}) is {found}, not {bound.condition} {bound.value}")

    # --- bmv2's command line ------------------------------------------------------------------

    def _direct(self, name: str, words: tuple[str, ...]) -> None:
        method = getattr(self, f"_{name}", None)
        if method is None:
            raise Unknown(f"command {name!r}")
        method(*words)

    def _mirroring_add(self, session: str, port: str) -> None:
        self._apply(WriteCloneSession(Change.INSERT, number(session), (Replica(number(port)),)))

    def _mirroring_add_mc(self, session: str, group: str) -> None:
        replicas = self.groups.get(number(group), ())
        self._apply(WriteCloneSession(Change.INSERT, number(session), replicas))

    def _mirroring_delete(self, session: str) -> None:
        self._apply(WriteCloneSession(Change.DELETE, number(session)))

    def _mirroring_get(self, session: str) -> None:
        """Only shows something."""

    def _mc_mgrp_create(self, group: str) -> None:
        self.groups[number(group)] = ()
        self._apply(WriteMulticastGroup(Change.INSERT, number(group)))

    def _mc_node_create(self, instance: str, *ports: str) -> None:
        self.nodes.append(tuple(Replica(number(port), number(instance)) for port in ports))

    def _mc_node_associate(self, group: str, node: str) -> None:
        self.groups[number(group)] += self.nodes[number(node)]
        self._apply(WriteMulticastGroup(Change.MODIFY, number(group), self.groups[number(group)]))

    def _counter_read(self, counter: str, index: str) -> None:
        self.engine.read_counters(find(self.engine.info.counters, counter, "counter"), number(index), 1)

    def _counter_write(self, counter: str, index: str, packets: str, octets: str) -> None:
        name = find(self.engine.info.counters, counter, "counter")
        self._apply(WriteCounter(name, number(index), CounterValue(number(packets), number(octets))))

    def _register_read(self, register: str, index: str) -> None:
        self.engine.read_registers(find(self.engine.info.registers, register, "register"), number(index), 1)

    def _register_write(self, register: str, index: str, value: str) -> None:
        name = find(self.engine.info.registers, register, "register")
        self._apply(WriteRegister(name, number(index), number(value)))

    def _register_reset(self, register: str) -> None:
        self._apply(WriteRegister(find(self.engine.info.registers, register, "register"), None, 0))

    def _meter_get_rates(self, meter: str, index: str) -> None:
        self.engine.read_meters(find(self.engine.info.meters, meter, "meter"), number(index), 1)

    def _meter_set_rates(self, meter: str, index: str, *rates: str) -> None:
        name = find(self.engine.info.meters, meter, "meter")
        self._apply(WriteMeter(name, number(index), _config(rates)))

    def _meter_array_set_rates(self, meter: str, *rates: str) -> None:
        name = find(self.engine.info.meters, meter, "meter")
        self._apply(WriteMeter(name, None, _config(rates)))

    # --- judging ------------------------------------------------------------------------------

    def _compare(self) -> None:
        for port in sorted({*self.expected, *self.received}):
            wanted, got = self.expected.get(port, []), self.received.get(port, [])
            if len(wanted) != len(got):
                raise Mismatch(f"port {port}: {len(wanted)} packets expected, {len(got)} came")
            for index, (pattern, frame) in enumerate(zip(wanted, got, strict=True)):
                if pattern is not None and not fits(pattern, frame):
                    digits = frame.hex().upper()
                    raise Mismatch(f"port {port}, packet {index}: {pattern} expected, {digits} came")


def fits(pattern: str, frame: bytes) -> bool:
    """Whether a frame begins with a pattern (or is all of it, if it ends in `$`)."""
    digits, whole = frame.hex().upper(), pattern.endswith("$")
    wanted = pattern.rstrip("$")
    if len(digits) < len(wanted) or (whole and len(digits) != len(wanted)):
        return False
    return all(one in ("*", other) for one, other in zip(wanted, digits, strict=False))


def _config(rates: tuple[str, ...]) -> MeterConfig:
    """bmv2's rates are per microsecond, the lower one first."""
    pairs = [
        (round(float(rate) * MICROSECONDS), number(burst))
        for rate, _, burst in (one.partition(":") for one in rates)
    ]
    if len(pairs) == 1:
        return OneRate(*pairs[0])
    return TwoRates(*pairs[0], *pairs[1])
