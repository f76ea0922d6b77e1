"""Ingress and egress: tables, conditions, and the way from one to the next (which must end)."""

from __future__ import annotations

from dataclasses import replace

from p4fabric.softswitch.engine.api import (
    ActionInfo,
    DefaultAction,
    Exact,
    FieldMatch,
    InitialEntry,
    KeyField,
    Lpm,
    MatchKind,
    ProfileInfo,
    Range,
    TableInfo,
    Ternary,
)
from p4fabric.softswitch.engine.load.cursor import Cursor
from p4fabric.softswitch.engine.load.expressions import read_expression
from p4fabric.softswitch.engine.load.scope import Scope, read_algorithm, read_inputs, read_source
from p4fabric.softswitch.engine.model import (
    Action,
    Calculation,
    Conditional,
    ControlFlow,
    DirectMeter,
    ElementField,
    FieldRef,
    Header,
    Key,
    Profile,
    Table,
    Validity,
)

MOST_NODES = 4096
MOST_KEY_FIELDS = 64
LARGEST_TABLE = 1 << 24
USUAL_SIZE = 1024  # of a table whose program gives none
WIDEST_KEY_FIELD = 2048
MOST_KEY_BITS = 4096
PRIORITY_KINDS = {MatchKind.TERNARY, MatchKind.RANGE, MatchKind.OPTIONAL}


class ControlReader:
    """Reads the pipelines one after the other; tables and profiles are numbered over both."""

    def __init__(self, scope: Scope, described: dict[str, ActionInfo]) -> None:
        self.scope = scope
        self.described = described
        self.tables: list[Table] = []
        self.profiles: dict[str, Profile] = {}
        self.table_infos: dict[str, TableInfo] = {}
        self.profile_infos: dict[str, ProfileInfo] = {}

    def read(self, at: Cursor) -> ControlFlow:
        """One pipeline."""
        for one in at.optional("action_calls", []).list():
            one.fail("action calls are not supported")
        for one in at.optional("action_profiles", []).list():
            self._read_profile(one)
        nodes: dict[str, Table | Conditional] = {}
        places: dict[str, Cursor] = {}
        entries = [*at["tables"].list(), *at["conditionals"].list()]
        if len(entries) > MOST_NODES:
            at.fail(f"more than {MOST_NODES} tables and conditions")
        for one in at["tables"].list():
            table = self._read_table(one)
            if table.name in nodes:
                one["name"].fail(f"a second node {table.name!r}")
            nodes[table.name], places[table.name] = table, one
        for one in at["conditionals"].list():
            name = one["name"].text()
            if name in nodes:
                one["name"].fail(f"a second node {name!r}")
            nodes[name] = Conditional(
                name,
                read_source(one),
                read_expression(one["expression"], self.scope),
                _next(one["true_next"]),
                _next(one["false_next"]),
            )
            places[name] = one
        initial = _next(at["init_table"])
        if initial is not None and initial not in nodes:
            at["init_table"].fail(f"there is no node {initial!r}")
        return ControlFlow(at["name"].text(), initial, _ordered(nodes, places))

    def _read_profile(self, at: Cursor) -> None:
        name = at["name"].text()
        if name in self.profiles:
            at["name"].fail(f"a second action profile {name!r}")
        selector = None
        if at.has("selector"):
            chosen = at["selector"]
            inputs = read_inputs(chosen["input"], self.scope)
            selector = Calculation(name, read_algorithm(chosen["algo"]), inputs)
        self.profiles[name] = Profile(len(self.profiles), name, selector)
        size = at["max_size"].integer(0, LARGEST_TABLE)
        self.profile_infos[name] = ProfileInfo(
            at["id"].integer(0, (1 << 31) - 1), name, size, selector is not None, ()
        )

    def _read_table(self, at: Cursor) -> Table:
        name = at["name"].text()
        if name in self.table_infos:
            at["name"].fail(f"a second table {name!r}")
        key = tuple(self._read_key(one) for one in at["key"].list())
        if len(key) > MOST_KEY_FIELDS:
            at["key"].fail(f"more than {MOST_KEY_FIELDS} fields")
        if sum(one.bitwidth for one in key) > MOST_KEY_BITS:
            at["key"].fail(f"more than {MOST_KEY_BITS} bits")
        if sum(one.match is MatchKind.LPM for one in key) > 1:
            at["key"].fail("more than one lpm field")
        actions = tuple(self._action(one) for one in at["action_ids"].list())
        if not actions:
            at["action_ids"].fail("a table needs an action")
        by_hit, hit, miss, following = self._read_next(at, actions)
        default, fixed, fixed_function = self._read_default(at, actions)
        profile = self._table_profile(at)
        table = Table(
            index=len(self.tables),
            name=name,
            source=read_source(at),
            key=key,
            actions=actions,
            default=default,
            default_fixed=fixed or (not key and fixed_function),
            counted=at.optional("with_counters", False).boolean(),
            timed=at.optional("support_timeout", False).boolean(),
            meter=self._direct_meter(at),
            profile=profile,
            max_size=self._max_size(at),
            next=following,
            by_hit=by_hit,
            hit=hit,
            miss=miss,
            base_next=_next(at.optional("base_default_next")),
        )
        self.tables.append(table)
        self._describe(at, table, fixed)
        return table

    @staticmethod
    def _max_size(at: Cursor) -> int:
        """The entries that there is room for. Where the program says nothing, the compiler takes the number
        of its own entries; if they are not const, P4Info promises v1model's usual size."""
        size, listed = at["max_size"].integer(0, LARGEST_TABLE), at.optional("entries", [])
        if size and not listed.null() and len(listed.list()) == size:
            return max(size, USUAL_SIZE)
        return max(1, size)

    def _direct_meter(self, at: Cursor) -> DirectMeter | None:
        if not at.has("direct_meters"):
            return None
        name = at["direct_meters"].text()
        if name not in self.scope.direct_meters:
            at["direct_meters"].fail(f"there is no direct meter {name!r}")
        return self.scope.direct_meters[name]

    def _read_key(self, at: Cursor) -> Key:
        kind = at["match_type"].text()
        if kind == "valid":
            header = self.scope.header(at["target"])
            return Key(header.name, Validity(header), 1, MatchKind.EXACT, None)
        if kind not in {one.value for one in MatchKind}:
            at["match_type"].fail(f"match kind {kind!r} is not supported")
        target = (
            read_expression(at["target"], self.scope)
            if at["target"].has("type")
            else (self.scope.field(at["target"]))
        )
        if not isinstance(target, FieldRef | ElementField | Validity):
            at["target"].fail("a field is needed")
        width = 1 if isinstance(target, Validity) else target.field.bitwidth
        match = MatchKind(kind)
        if width > (64 if match is MatchKind.RANGE else WIDEST_KEY_FIELD):
            at["target"].fail(f"a {kind} field of {width} bits is too wide")
        if isinstance(target, FieldRef) and target.field.variable:
            at["target"].fail("a field of variable width cannot be matched")
        name = at.optional("name", "").text()
        if not name and isinstance(target, FieldRef | Validity) and isinstance(target.header, Header):
            name = target.header.name
        mask = at["mask"].hexadecimal() % (1 << width) if at.has("mask") else None
        if mask is not None and match is not MatchKind.EXACT:
            at["mask"].fail("a static mask is supported on exact fields only")
        return Key(name, target, width, match, mask)

    def _action(self, at: Cursor) -> Action:
        identity = at.integer(0, (1 << 31) - 1)
        if identity not in self.scope.actions:
            at.fail(f"there is no action {identity}")
        return self.scope.actions[identity]

    def _read_next(
        self, at: Cursor, actions: tuple[Action, ...]
    ) -> tuple[bool, str | None, str | None, tuple[str | None, ...]]:
        base = _next(at.optional("base_default_next"))
        named = {name: _next(one) for name, one in at["next_tables"].items()}
        if "__HIT__" in named or "__MISS__" in named:
            return True, named.get("__HIT__", base), named.get("__MISS__", base), ()
        return False, None, None, tuple(named.get(action.name, base) for action in actions)

    def _read_default(
        self, at: Cursor, actions: tuple[Action, ...]
    ) -> tuple[tuple[Action, tuple[int, ...]] | None, bool, bool]:
        if not at.has("default_entry"):
            return None, False, False
        entry = at["default_entry"]
        action = self._action(entry["action_id"])
        if action not in actions:
            entry["action_id"].fail("not an action of this table")
        fixed = entry.optional("action_entry_const", False).boolean()
        function = entry.optional("action_const", False).boolean()
        if not entry.has("action_data"):
            if action.widths:
                entry.fail("action_data is missing")
            return (action, ()), fixed, function
        return (action, _arguments(entry["action_data"], action)), fixed, function

    def _table_profile(self, at: Cursor) -> Profile | None:
        kind = at["type"].text()
        if kind == "simple":
            return None
        if kind not in ("indirect", "indirect_ws"):
            at["type"].fail(f"tables of type {kind!r} are not supported")
        name = at["action_profile"].text()
        if name not in self.profiles:
            at["action_profile"].fail(f"there is no action profile {name!r}")
        return self.profiles[name]

    def _describe(self, at: Cursor, table: Table, fixed: bool) -> None:
        default = None
        if table.default is not None:
            default = DefaultAction(table.default[0].name, table.default[1])
        needs_priority = any(one.match in PRIORITY_KINDS for one in table.key)
        entries = self._read_entries(at, table, needs_priority)
        if len(entries) > table.max_size:
            at["entries"].fail(f"more entries than the table's size {table.max_size}")
        name = table.profile.name if table.profile else None
        self.table_infos[table.name] = TableInfo(
            id=at["id"].integer(0, (1 << 31) - 1),
            name=table.name,
            key=tuple(KeyField(one.name, one.bitwidth, one.match, one.signed) for one in table.key),
            actions=tuple(self.described[action.name] for action in table.actions),
            max_size=table.max_size,
            needs_priority=needs_priority,
            default_action=default,
            const_default_action=fixed,
            entries=tuple(entries),
            has_direct_counter=table.counted,
            direct_meter=table.meter.unit if table.meter else None,
            supports_timeout=table.timed,
            profile=name,
            hidden=not table.key and fixed and table.name.startswith("tbl_"),
        )
        if name:
            old = self.profile_infos[name]
            self.profile_infos[name] = ProfileInfo(
                old.id, name, old.max_size, old.selector, (*old.tables, table.name)
            )

    def _read_entries(self, at: Cursor, table: Table, needs_priority: bool) -> list[InitialEntry]:
        """The program's own entries, in its order."""
        listed = at.optional("entries", [])
        if listed.null():
            return []
        entries = [self._read_entry(one, table) for one in listed.list()]
        if not needs_priority:
            return entries
        # In the JSON the smallest number wins, in P4Runtime the largest: the last entry has 1.
        numbers = [one["priority"].integer(0, (1 << 31) - 1) for one in listed.list()]
        ranked = sorted(range(len(entries)), key=lambda place: (numbers[place], place))
        for rank, place in enumerate(ranked):
            entries[place] = replace(entries[place], priority=len(entries) - rank)
        return entries

    def _read_entry(self, at: Cursor, table: Table) -> InitialEntry:
        if table.profile:
            at.fail("entries of tables with an action profile are not supported")
        match = tuple(
            _read_match(one, key)
            for one, key in zip(at["match_key"].list(len(table.key)), table.key, strict=True)
        )
        call = at["action_entry"]
        action = self._action(call["action_id"])
        if action not in table.actions:
            call["action_id"].fail("not an action of this table")
        return InitialEntry(match, 0, action.name, _arguments(call["action_data"], action))


def _next(at: Cursor) -> str | None:
    return None if at.null() else at.text()


def _arguments(at: Cursor, action: Action) -> tuple[int, ...]:
    values = []
    for one, width in zip(at.list(len(action.widths)), action.widths, strict=True):
        value = one.hexadecimal()
        if not -(1 << width - 1) <= value < 1 << width:
            one.fail(f"wider than the parameter's {width} bits")
        values.append(value % (1 << width))
    return tuple(values)


def _read_match(at: Cursor, key: Key) -> FieldMatch:
    kind = at["match_type"].text()
    whole = (1 << key.bitwidth) - 1

    def number(name: str) -> int:
        value = at[name].hexadecimal()
        if not -key.bias <= value <= whole:
            at[name].fail(f"wider than the field's {key.bitwidth} bits")
        return value & whole

    if kind == "valid":
        return Exact(int(at["key"].boolean()))
    if kind != key.match.value:
        at["match_type"].fail(f"the field is matched {key.match.value}, not {kind}")
    if key.match is MatchKind.EXACT:
        return Exact(number("key"))
    if key.match is MatchKind.LPM:
        length = at["prefix_length"].integer(0, key.bitwidth)
        return (
            Lpm(number("key") >> (key.bitwidth - length) << (key.bitwidth - length), length)
            if length
            else None
        )
    if key.match is MatchKind.RANGE:
        return Range(number("start"), number("end"))
    mask = number("mask")
    if key.match is MatchKind.OPTIONAL:
        return Exact(number("key")) if mask else None
    return Ternary(number("key") & mask, mask) if mask else None


def _ordered(
    nodes: dict[str, Table | Conditional], places: dict[str, Cursor]
) -> dict[str, Table | Conditional]:
    """The nodes in topological order; a cycle or an unknown name is refused."""
    order: list[str] = []
    state: dict[str, int] = {}
    for start in nodes:
        stack: list[tuple[str, list[str]]] = []
        if start not in state:
            state[start] = 1
            stack.append((start, _followers(nodes[start])))
        while stack:
            name, rest = stack[-1]
            if not rest:
                state[name] = 2
                order.append(name)
                stack.pop()
                continue
            following = rest.pop()
            if following not in nodes:
                places[name].fail(f"leads to {following!r}, which does not exist")
            if state.get(following) == 1:
                places[name].fail(f"leads back to {following!r}: the control flow would never end")
            if following not in state:
                state[following] = 1
                stack.append((following, _followers(nodes[following])))
    return {name: nodes[name] for name in reversed(order)}


def _followers(node: Table | Conditional) -> list[str]:
    if isinstance(node, Conditional):
        following = [node.true_next, node.false_next]
    else:
        following = [node.hit, node.miss] if node.by_hit else [*node.next]
        following.append(node.base_next)
    return [name for name in following if name is not None]
