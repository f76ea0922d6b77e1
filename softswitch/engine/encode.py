"""Operations as the words that the runtime's batch.c reads: checks everything that needs no state, so that
what the runtime gets fits its tables."""

from __future__ import annotations

from p4fabric.softswitch.engine.api import (
    Change,
    Exact,
    FieldMatch,
    Lpm,
    MatchKind,
    MeterConfig,
    OneRate,
    Operation,
    Replica,
    SetDefaultAction,
    Status,
    TwoRates,
    WriteCloneSession,
    WriteCounter,
    WriteDirectCounter,
    WriteDirectMeter,
    WriteEntry,
    WriteGroup,
    WriteMember,
    WriteMeter,
    WriteMulticastGroup,
    WriteRegister,
    WriteValueSet,
)
from p4fabric.softswitch.engine.encode_table import (
    WORD,
    Refused,
    TableCode,
    arguments,
    invalid,
    masked,
    number,
)
from p4fabric.softswitch.engine.generate.actions import data_words, words
from p4fabric.softswitch.engine.generate.tables import profile_actions
from p4fabric.softswitch.engine.model import Action, Pipeline, Profile

CHANGES = {Change.INSERT: 0, Change.MODIFY: 1, Change.DELETE: 2}
ENTRY, DEFAULT, MEMBER, GROUP, MULTICAST, CLONE, COUNTER, DIRECT, REGISTER = range(9)
METER, DIRECT_METER, SET = range(9, 12)
METER_OFF, METER_TWO_RATES, METER_ONE_RATE = range(3)
RATE_BITS, BURST_BITS, TIMEOUT_BITS = 43, 62, 62
PORTS = 512
HEAVIEST = 1 << 20


class Encoder:
    """Encodes operations on one pipeline."""

    def __init__(self, pipeline: Pipeline) -> None:
        infos = pipeline.info.tables
        self.tables = {one.name: TableCode(one, infos[one.name]) for one in pipeline.tables}
        self.profiles: dict[str, tuple[Profile, dict[str, Action], int, int]] = {}
        for profile in pipeline.profiles:
            actions = profile_actions(pipeline, profile)
            data = max((data_words(one) for one in actions.values()), default=0)
            size = pipeline.info.profiles[profile.name].max_size
            self.profiles[profile.name] = profile, actions, data, size
        self.counters = {one.name: one for one in pipeline.counters}
        self.registers = {one.name: one for one in pipeline.registers}
        self.meters = {one.name: one for one in pipeline.meters}
        self.value_sets = {one.name: one for one in pipeline.value_sets}

    def encode(self, operation: Operation) -> list[int]:
        """The operation's words, or `Refused`."""
        kind, item, change, body = self._body(operation)
        return [kind, item, change, len(body), *body]

    def _body(self, operation: Operation) -> tuple[int, int, int, list[int]]:
        match operation:
            case WriteEntry():
                return self._entry(operation)
            case SetDefaultAction():
                code = self._table(operation.table)
                if code.info.const_default_action:
                    raise Refused(Status.PERMISSION_DENIED, f"{operation.table}: the default action is const")
                if operation.action is None:
                    return DEFAULT, code.table.index, 2, [0, 0, 0, *[0] * code.data_words]
                return DEFAULT, code.table.index, 1, code.target(operation.action, default=True)
            case WriteMember():
                return self._member(operation)
            case WriteGroup():
                return self._group(operation)
            case WriteMulticastGroup():
                body = [number(operation.group, "multicast group", 16, 1)]
                return MULTICAST, 0, CHANGES[operation.change], body + _replicas(operation.replicas)
            case WriteCloneSession():
                body = [
                    number(operation.session, "clone session", 15, 1),
                    number(operation.class_of_service, "class of service", 3),
                    number(operation.packet_length, "packet length", 16),
                ]
                return CLONE, 0, CHANGES[operation.change], body + _replicas(operation.replicas)
            case WriteCounter():
                return self._counter(operation)
            case WriteDirectCounter():
                code = self._table(operation.table)
                if not code.info.has_direct_counter:
                    raise invalid(f"{operation.table} has no direct counter")
                value = [number(one, "counter", 64) for one in operation.value]
                return DIRECT, code.table.index, 1, code.direct(operation.match, operation.priority, value)
            case WriteRegister():
                register = self.registers.get(operation.register)
                if register is None:
                    raise Refused(Status.NOT_FOUND, f"there is no register {operation.register!r}")
                index = _index(operation.index, register.size, register.name)
                value_ = number(operation.value, "value", register.bitwidth)
                count = max(2, words(register.bitwidth))
                return REGISTER, register.index, 1, [index, *(value_ >> 64 * i & WORD for i in range(count))]
            case WriteMeter():
                meter = self.meters.get(operation.meter)
                if meter is None:
                    raise Refused(Status.NOT_FOUND, f"there is no meter {operation.meter!r}")
                index = _index(operation.index, meter.size, meter.name)
                return METER, meter.index, 1, [index, *_rates(operation.config)]
            case WriteDirectMeter():
                code = self._table(operation.table)
                if code.info.direct_meter is None:
                    raise invalid(f"{operation.table} has no direct meter")
                body = code.direct(operation.match, operation.priority, _rates(operation.config))
                return DIRECT_METER, code.table.index, 1, body
            case WriteValueSet():
                return self._value_set(operation)

    def _table(self, name: str) -> TableCode:
        code = self.tables.get(name)
        if code is None or code.info.hidden:
            raise Refused(Status.NOT_FOUND, f"there is no table {name!r}")
        return code

    def _entry(self, operation: WriteEntry) -> tuple[int, int, int, list[int]]:
        code = self._table(operation.table)
        if not code.table.key:
            raise invalid(f"{operation.table} has no key and takes no entries")
        head, match = code.priority(operation.priority), code.match(operation.match)
        timeout = number(operation.idle_timeout_ns, "idle timeout", TIMEOUT_BITS)
        if timeout and not code.table.timed:
            raise invalid(f"{operation.table} does not support idle timeouts")
        if operation.change is Change.DELETE:
            target = [0] * (3 + code.data_words)
        else:
            target = code.target(operation.action)
        body = [head, *target[:3], timeout, *match, *target[3:]]
        return ENTRY, code.table.index, CHANGES[operation.change], body

    def _profile(self, name: str) -> tuple[Profile, dict[str, Action], int, int]:
        found = self.profiles.get(name)
        if found is None:
            raise Refused(Status.NOT_FOUND, f"there is no action profile {name!r}")
        return found

    def _member(self, operation: WriteMember) -> tuple[int, int, int, list[int]]:
        profile, actions, size, _ = self._profile(operation.profile)
        body = [number(operation.member, "member", 32), 0, *[0] * size]
        if operation.change is not Change.DELETE:
            if operation.action is None:
                raise invalid(f"{profile.name}: member {operation.member} needs an action")
            action = actions.get(operation.action.action)
            if action is None:
                raise invalid(f"{profile.name} has no action {operation.action.action!r}")
            data = arguments(action, operation.action.arguments)
            body[1] = action.index
            body[2 : 2 + len(data)] = data
        return MEMBER, profile.index, CHANGES[operation.change], body

    def _group(self, operation: WriteGroup) -> tuple[int, int, int, list[int]]:
        profile, _, _, size = self._profile(operation.profile)
        if profile.selector is None:
            raise invalid(f"{profile.name} has no selector: it takes no groups")
        limit = number(operation.max_size, "largest size", 31) or min(size, HEAVIEST)
        body = [number(operation.group, "group", 32), limit]
        for share in operation.members:
            if not 1 <= share.weight <= HEAVIEST:
                raise invalid(f"weight {share.weight} is not in 1..{HEAVIEST}")
            watched = 0 if share.watch_port is None else number(share.watch_port, "watch port", 31) + 1
            body += [number(share.member, "member", 32), share.weight, watched]
        return GROUP, profile.index, CHANGES[operation.change], body

    def _counter(self, operation: WriteCounter) -> tuple[int, int, int, list[int]]:
        counter = self.counters.get(operation.counter)
        if counter is None:
            raise Refused(Status.NOT_FOUND, f"there is no counter {operation.counter!r}")
        value = [number(one, "counter", 64) for one in operation.value]
        return COUNTER, counter.index, 1, [_index(operation.index, counter.size, counter.name), *value]

    def _value_set(self, operation: WriteValueSet) -> tuple[int, int, int, list[int]]:
        one = self.value_sets.get(operation.value_set)
        if one is None:
            raise Refused(Status.NOT_FOUND, f"there is no value set {operation.value_set!r}")
        body: list[int] = []
        for member in operation.members:
            if len(member) != len(one.widths):
                raise invalid(f"{one.name}: {len(member)} values, {len(one.widths)} are needed")
            pairs = [_set_match(given, width) for given, width in zip(member, one.widths, strict=True)]
            for part in (0, 1):
                for pair, width in zip(pairs, one.widths, strict=True):
                    body.extend((pair[part] >> 64 * i) & WORD for i in range(words(width)))
        return SET, one.index, 1, body


def _set_match(given: FieldMatch, width: int) -> tuple[int, int]:
    kind = MatchKind.EXACT if isinstance(given, Exact) else MatchKind.TERNARY
    kind = MatchKind.LPM if isinstance(given, Lpm) else kind
    return masked(given, kind, width, (1 << width) - 1)


def _rates(config: MeterConfig | None) -> list[int]:
    """A configuration's words: kind, then rate and burst of the committed and of the other bucket."""
    if config is None:
        return [METER_OFF, 0, 0, 0, 0]
    cir, cburst = number(config.cir, "cir", RATE_BITS), number(config.cburst, "cburst", BURST_BITS)
    if isinstance(config, TwoRates):
        pir, pburst = number(config.pir, "pir", RATE_BITS), number(config.pburst, "pburst", BURST_BITS)
        if pir < cir:
            raise invalid(f"pir {pir} is below cir {cir}")
        return [METER_TWO_RATES, cir, cburst, pir, pburst]
    return [METER_ONE_RATE, cir, cburst, 0, number(config.eburst, "eburst", BURST_BITS)]


def decoded_rates(words_: list[int]) -> MeterConfig | None:
    """The configuration that `_rates` encoded."""
    kind, cir, cburst, pir, other = words_
    if kind == METER_OFF:
        return None
    return TwoRates(cir, cburst, pir, other) if kind == METER_TWO_RATES else OneRate(cir, cburst, other)


def _index(index: int | None, size: int, name: str) -> int:
    if index is None:
        return WORD
    if not 0 <= index < size:
        raise invalid(f"{name}: index {index} is not in 0..{size - 1}")
    return index


def _replicas(replicas: tuple[Replica, ...]) -> list[int]:
    body = []
    for one in replicas:
        if not 0 <= one.port < PORTS:
            raise invalid(f"replica port {one.port} is not in 0..{PORTS - 1}")
        body += [one.port, number(one.instance, "instance", 16)]
    return body
