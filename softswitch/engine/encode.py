"""Operations as the words that the runtime's batch.c reads: checks everything that needs no state, so that
what the runtime gets fits its tables."""

from __future__ import annotations

from softswitch.engine.api import (
    ActionCall,
    Change,
    Exact,
    FieldMatch,
    GroupRef,
    Lpm,
    MatchKind,
    MemberRef,
    Operation,
    Range,
    Replica,
    SetDefaultAction,
    Status,
    TableInfo,
    Ternary,
    WriteCloneSession,
    WriteCounter,
    WriteDirectCounter,
    WriteEntry,
    WriteGroup,
    WriteMember,
    WriteMulticastGroup,
    WriteRegister,
)
from softswitch.engine.generate.actions import data_words, words
from softswitch.engine.generate.tables import Tables, layout
from softswitch.engine.model import Action, Pipeline, Profile, Table

WORD = (1 << 64) - 1
CHANGES = {Change.INSERT: 0, Change.MODIFY: 1, Change.DELETE: 2}
ENTRY, DEFAULT, MEMBER, GROUP, MULTICAST, CLONE, COUNTER, DIRECT, REGISTER = range(9)
TARGET_ACTION, TARGET_MEMBER, TARGET_GROUP = range(3)
HIGHEST_PRIORITY = (1 << 31) - 1
PORTS = 512
HEAVIEST = 1 << 20


class Refused(Exception):
    """An operation that cannot be carried out whatever the state."""

    def __init__(self, status: Status, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def invalid(text: str) -> Refused:
    """An operation that says something impossible."""
    return Refused(Status.INVALID_ARGUMENT, text)


class TableCode:
    """How one table's entries are encoded."""

    def __init__(self, table: Table, info: TableInfo) -> None:
        self.table = table
        self.info = info
        self.layout = layout(table)
        self.data_words = Tables.entry_words(table) - self.layout.data_offset
        self.actions = {action.name: action for action in table.actions}

    def match(self, match: tuple[FieldMatch, ...]) -> list[int]:
        """Key, range ends and mask."""
        if len(match) != len(self.table.key):
            raise invalid(f"{self.info.name}: {len(match)} match fields, the key has {len(self.table.key)}")
        sizes = self.layout
        key, mask = [0] * sizes.key_words, [0] * sizes.key_words
        ranges = [0] * (2 * sizes.range_words)
        for field, place, given in zip(self.info.key, sizes.places, match, strict=True):
            whole = (1 << field.bitwidth) - 1
            try:
                if place.ranged:
                    low, high = (0, whole) if given is None else self._range(given)
                    if not 0 <= low <= high <= whole:
                        raise invalid(f"{low}..{high} is no range of {field.bitwidth} bits")
                    ranges[2 * place.word : 2 * place.word + 2] = low, high
                    continue
                value, bits = _masked(given, field.match, field.bitwidth, whole)
            except Refused as refused:
                raise Refused(refused.status, f"{self.info.name}.{field.name}: {refused.text}") from None
            value <<= place.shift
            bits <<= place.shift
            key[place.word] |= value & WORD
            mask[place.word] |= bits & WORD
            if field.bitwidth > 64:
                key[place.word + 1] |= value >> 64
                mask[place.word + 1] |= bits >> 64
        return [*key, *ranges, *mask]

    @staticmethod
    def _range(given: FieldMatch) -> tuple[int, int]:
        if not isinstance(given, Range):
            raise invalid(f"a range is needed, not {given!r}")
        return given.low, given.high

    def priority(self, priority: int) -> int:
        """The priority, when the table has any."""
        if not self.info.needs_priority:
            if priority:
                raise invalid(f"{self.info.name} has no priorities, {priority} was given")
            return 0
        if not 1 <= priority <= HIGHEST_PRIORITY:
            raise invalid(f"{self.info.name}: priority {priority} is not in 1..{HIGHEST_PRIORITY}")
        return priority

    def target(self, action: object, default: bool = False) -> list[int]:
        """Target kind, action, ref id and the action's arguments."""
        if isinstance(action, ActionCall):
            if self.table.profile and not default:
                raise invalid(f"{self.info.name} takes members and groups of {self.table.profile.name}")
            called = self.actions.get(action.action)
            if called is None:
                raise invalid(f"{self.info.name} has no action {action.action!r}")
            data = arguments(called, action.arguments)
            return [TARGET_ACTION, called.index, 0, *data, *[0] * (self.data_words - len(data))]
        if self.table.profile is None:
            raise invalid(f"{self.info.name} has no action profile")
        if isinstance(action, MemberRef):
            kind, ref = TARGET_MEMBER, action.member
        elif isinstance(action, GroupRef):
            if self.table.profile.selector is None:
                raise invalid(f"{self.table.profile.name} has no selector: groups cannot be used")
            kind, ref = TARGET_GROUP, action.group
        else:
            raise invalid(f"{self.info.name}: an action is needed")
        return [kind, 0, number(ref, "id", 32), *[0] * self.data_words]


def _masked(given: FieldMatch, kind: MatchKind, width: int, whole: int) -> tuple[int, int]:
    if given is None:
        if kind is MatchKind.EXACT:
            raise invalid("an exact field cannot be left out")
        return 0, 0
    match kind, given:
        case ((MatchKind.EXACT | MatchKind.OPTIONAL | MatchKind.TERNARY), Exact(value)):
            mask = whole
        case MatchKind.LPM, Lpm(value, length):
            if not 0 <= length <= width:
                raise invalid(f"prefix length {length} is not in 0..{width}")
            mask = whole >> (width - length) << (width - length)
        case MatchKind.TERNARY, Ternary(value, mask):
            if not 0 <= mask <= whole:
                raise invalid(f"mask {mask:#x} is wider than {width} bits")
        case _:
            raise invalid(f"the field is matched {kind.value}, {type(given).__name__} was given")
    if not 0 <= value <= whole:
        raise invalid(f"{value:#x} is wider than {width} bits")
    if value & ~mask:
        raise invalid(f"{value:#x} has bits outside its mask {mask:#x}")
    return value, mask


def number(value: int, name: str, bits: int, low: int = 0) -> int:
    """A number of bounded width."""
    if not low <= value < 1 << bits:
        raise invalid(f"{name} {value} is not in {low}..{(1 << bits) - 1}")
    return value


def arguments(action: Action, values: tuple[int, ...]) -> list[int]:
    """An action's arguments as words."""
    if len(values) != len(action.widths):
        raise invalid(f"{action.name}: {len(values)} arguments, {len(action.widths)} are needed")
    data: list[int] = []
    for index, (value, width) in enumerate(zip(values, action.widths, strict=True)):
        if not 0 <= value < 1 << width:
            raise invalid(f"{action.name}: argument {index} is wider than {width} bits")
        data.extend((value >> 64 * i) & WORD for i in range(words(width)))
    return data


class Encoder:
    """Encodes operations on one pipeline."""

    def __init__(self, pipeline: Pipeline) -> None:
        infos = pipeline.info.tables
        self.tables = {one.name: TableCode(one, infos[one.name]) for one in pipeline.tables}
        self.profiles: dict[str, tuple[Profile, dict[str, Action], int, int]] = {}
        for profile in pipeline.profiles:
            actions = {a.name: a for t in pipeline.tables if t.profile == profile for a in t.actions}
            data = max((data_words(one) for one in actions.values()), default=0)
            size = pipeline.info.profiles[profile.name].max_size
            self.profiles[profile.name] = profile, actions, data, size
        self.counters = {one.name: one for one in pipeline.counters}
        self.registers = {one.name: one for one in pipeline.registers}

    def encode(self, operation: Operation, initial: bool = False) -> list[int]:
        """The operation's words, or `Refused`. `initial` allows what the program itself does."""
        kind, item, change, body = self._body(operation, initial)
        return [kind, item, change, len(body), *body]

    def _body(self, operation: Operation, initial: bool) -> tuple[int, int, int, list[int]]:
        match operation:
            case WriteEntry():
                return self._entry(operation, initial)
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
                body = [code.priority(operation.priority), *value, *code.match(operation.match)]
                return DIRECT, code.table.index, 1, body
            case WriteRegister():
                register = self.registers.get(operation.register)
                if register is None:
                    raise Refused(Status.NOT_FOUND, f"there is no register {operation.register!r}")
                index = _index(operation.index, register.size, register.name)
                value_ = number(operation.value, "value", register.bitwidth)
                return REGISTER, register.index, 1, [index, value_ & WORD, value_ >> 64]

    def _table(self, name: str) -> TableCode:
        code = self.tables.get(name)
        if code is None or code.info.hidden:
            raise Refused(Status.NOT_FOUND, f"there is no table {name!r}")
        return code

    def _entry(self, operation: WriteEntry, initial: bool) -> tuple[int, int, int, list[int]]:
        code = self._table(operation.table)
        if code.info.const_entries and not initial:
            raise Refused(Status.PERMISSION_DENIED, f"{operation.table}: the entries are const")
        if not code.table.key:
            raise invalid(f"{operation.table} has no key and takes no entries")
        head, match = code.priority(operation.priority), code.match(operation.match)
        if operation.change is Change.DELETE:
            target = [0] * (3 + code.data_words)
        else:
            target = code.target(operation.action)
        body = [head, *target[:3], *match, *target[3:]]
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
