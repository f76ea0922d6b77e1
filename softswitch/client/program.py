"""The program that a switch runs, as far as people name its parts.

It is read from P4Info, and from bmv2's JSON where the switch gives it away: only that tells which numbers are
signed, and which header fields are addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from finsy import P4Schema
from finsy.p4schema import P4MatchType
from finsy.proto import p4i, p4r

from p4fabric.softswitch.client.errors import BadInput, SwitchFailed
from p4fabric.softswitch.client.matches import MatchField
from p4fabric.softswitch.client.names import find, short_names
from p4fabric.softswitch.client.values import ValueType
from p4fabric.softswitch.engine.api import PipelineError
from p4fabric.softswitch.engine.load import LoadedConfig, load_config
from p4fabric.softswitch.server.device_config import unwrapped
from p4fabric.softswitch.tracing.formats import Formats

WITH_PRIORITY = (P4MatchType.TERNARY, P4MatchType.RANGE, P4MatchType.OPTIONAL)
UNNAMED = "value"
"""What the field of a value set is called that has one, of no struct."""
KINDS = {
    "tables": "table",
    "actions": "action",
    "action_profiles": "action profile",
    "counters": "counter",
    "direct_counters": "direct counter",
    "meters": "meter",
    "direct_meters": "direct meter",
    "registers": "register",
    "digests": "digest",
    "value_sets": "value set",
}
"""P4Info's lists, and what one of each is called."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an action, or a field of a controller header."""

    id: int
    name: str
    type: ValueType

    @property
    def label(self) -> str:
        """Name and type."""
        return f"{self.name}: {self.type.label}"


@dataclass(frozen=True, slots=True)
class Action:
    """An action; `scope` says where a table takes it."""

    id: int
    name: str
    short: str
    parameters: tuple[Parameter, ...]
    scope: int = p4i.ActionRef.TABLE_AND_DEFAULT

    @property
    def label(self) -> str:
        """As it is declared."""
        return f"{self.short}({', '.join(one.label for one in self.parameters)})"

    def parameter(self, word: str) -> Parameter:
        """One of its parameters, by name."""
        return find({one.name: one for one in self.parameters}, word, f"parameter of {self.short}")

    def message(self, values: Mapping[str, bytes]) -> p4r.Action:
        """The action with these values, by the parameters' names; all must be given."""
        missing = [one.name for one in self.parameters if one.name not in values]
        if missing:
            raise BadInput(f"action {self.label} needs {', '.join(missing)}")
        made = p4r.Action(action_id=self.id)
        for one in self.parameters:
            made.params.add(param_id=one.id, value=values[one.name])
        return made


@dataclass(frozen=True)
class Table:
    """A table: its P4Info, fields and actions."""

    info: p4i.Table
    short: str
    fields: tuple[MatchField, ...]
    actions: Mapping[str, Action] = field(default_factory=dict)

    @property
    def id(self) -> int:
        """That of P4Info."""
        return self.info.preamble.id

    @property
    def name(self) -> str:
        """The whole name."""
        return self.info.preamble.name

    @property
    def needs_priority(self) -> bool:
        """Whether its entries may overlap."""
        return any(one.kind in WITH_PRIORITY for one in self.fields)

    def field(self, word: str) -> MatchField:
        """A field of its key, by name."""
        return find({one.name: one for one in self.fields}, word, f"field of table {self.short}")

    def action(self, word: str) -> Action:
        """One of its actions, by name."""
        return find(self.actions, word, f"action of table {self.short}")


class Program:
    """One pipeline's names and types."""

    def __init__(self, p4info: p4i.P4Info, device_config: bytes = b"", cookie: int | None = None) -> None:
        """`SwitchFailed` when P4Info cannot be read."""
        self.p4info = p4info
        self.cookie = cookie
        try:
            self.schema = P4Schema(p4info)
        except (ValueError, AssertionError, KeyError) as error:
            raise SwitchFailed(f"P4Info cannot be read: {error}") from None
        self.config = _loaded(device_config)
        self._shorts: dict[str, dict[str, str]] = {}
        self._tables: dict[int, Table] = {}

    @cached_property
    def _formats(self) -> Formats:
        return Formats(self.config.pipeline if self.config is not None else None, self.p4info)

    @cached_property
    def _strings(self) -> frozenset[str]:
        """Types that are translated to strings."""
        types = self.p4info.type_info.new_types
        return frozenset(
            name for name, one in types.items() if one.translated_type.WhichOneof("sdn_type") == "sdn_string"
        )

    # --- objects --------------------------------------------------------------------------------

    def objects(self, kind: str) -> dict[str, Any]:
        """P4Info's objects of a list, by name."""
        return {one.preamble.name: one for one in getattr(self.p4info, kind)}

    def find(self, kind: str, word: str) -> Any:
        """The object of P4Info that is meant, by name or id; `BadInput` when there is none."""
        objects = self.objects(kind)
        if word.isascii() and word.isdigit():
            for one in objects.values():
                if one.preamble.id == int(word):
                    return one
        return find(objects, word, KINDS[kind])

    def by_id(self, kind: str, number: int) -> Any:
        """The object with an id; `SwitchFailed` when the switch speaks of one that P4Info has not."""
        for one in getattr(self.p4info, kind):
            if one.preamble.id == number:
                return one
        raise SwitchFailed(f"the switch speaks of {KINDS[kind]} {number}, which its P4Info has not")

    def short(self, kind: str, name: str) -> str:
        """How a name is best written."""
        if kind not in self._shorts:
            self._shorts[kind] = short_names(self.objects(kind))
        return self._shorts[kind][name]

    # --- tables and actions ---------------------------------------------------------------------

    def table(self, word: str) -> Table:
        """A table, by name or id."""
        return self._table(self.find("tables", word))

    def table_by_id(self, number: int) -> Table:
        """A table that the switch speaks of."""
        return self._table(self.by_id("tables", number))

    def tables(self) -> list[Table]:
        """All of them, in the program's order."""
        return [self._table(one) for one in self.p4info.tables]

    def action_by_id(self, number: int) -> Action:
        """An action that the switch speaks of."""
        return self._action(self.by_id("actions", number))

    def profile_actions(self, profile: p4i.ActionProfile) -> dict[str, Action]:
        """The actions that members of a profile may have."""
        tables = [self.table_by_id(one) for one in profile.table_ids]
        return {name: one for table in tables for name, one in table.actions.items()}

    def match_fields(self, infos: Iterable[p4i.MatchField], table: str = "") -> tuple[MatchField, ...]:
        """The fields of a table's key, or of a value set."""
        listed = list(infos)
        shorts = short_names(one.name for one in listed) | {"": UNNAMED}
        keys = self.config.info.tables.get(table) if self.config is not None and table else None
        signs = {one.name: one.signed for one in keys.key} if keys is not None else {}
        found = []
        for one in listed:
            kind: P4MatchType | str = one.other_match_type
            if one.WhichOneof("match") == "match_type":
                kind = P4MatchType(one.match_type)
            shape = self._formats.key(table, one.name, one.bitwidth)
            value = self._value(shorts[one.name], one, signs.get(one.name), shape)
            found.append(MatchField(one.id, one.name or UNNAMED, shorts[one.name], kind, value))
        return tuple(found)

    def _table(self, info: p4i.Table) -> Table:
        if info.preamble.id not in self._tables:
            self._tables[info.preamble.id] = self._read_table(info)
        return self._tables[info.preamble.id]

    def _read_table(self, info: p4i.Table) -> Table:
        actions = {}
        for ref in info.action_refs:
            one = self._action(self.by_id("actions", ref.id), ref.scope)
            actions[one.name] = one
        name = info.preamble.name
        return Table(info, self.short("tables", name), self.match_fields(info.match_fields, name), actions)

    def _action(self, info: p4i.Action, scope: int = p4i.ActionRef.TABLE_AND_DEFAULT) -> Action:
        name = info.preamble.name
        there = self.config.info.actions.get(name) if self.config is not None else None
        signs = {one.name: (one.signed, one.cast) for one in (there.parameters if there is not None else ())}
        parameters = []
        for one in info.params:
            signed: bool | None = None
            if one.name in signs:
                known, cast = signs[one.name]
                signed = known or (cast and not one.type_name.name)
            shape = self._formats.parameter(name, one.name, one.bitwidth)
            parameters.append(Parameter(one.id, one.name, self._value(one.name, one, signed, shape)))
        return Action(info.preamble.id, name, self.short("actions", name), tuple(parameters), scope)

    # --- packets --------------------------------------------------------------------------------

    def packet_metadata(self, header: str) -> tuple[Parameter, ...]:
        """The fields of `packet_in` or `packet_out`."""
        for one in self.p4info.controller_packet_metadata:
            if one.preamble.name == header:
                signs = self._header_signs([f.name for f in one.metadata])
                return tuple(
                    Parameter(f.id, f.name, self._value(f.name, f, signs.get(f.name))) for f in one.metadata
                )
        return ()

    def _header_signs(self, names: list[str]) -> dict[str, bool]:
        if self.config is None:
            return {}
        for fields in self.config.info.headers.values():
            if [one.name for one in fields] == names:
                return {one.name: one.signed for one in fields}
        return {}

    def _value(self, name: str, info: Any, signed: bool | None, shape: Any = None) -> ValueType:
        text = info.type_name.name in self._strings
        return ValueType(name, info.bitwidth, signed, None if text else shape, text)

    def named_value(self, name: str, width: int, signed: bool = False) -> ValueType:
        """A value of which only a name and a type are known, as digests have them."""
        return ValueType(name, width, signed, None if signed else self._formats.field("", name, width))


def _loaded(device_config: bytes) -> LoadedConfig | None:
    """bmv2's JSON, or None for anything else: other switches have programs of their own form."""
    raw = unwrapped(device_config)
    if raw.lstrip()[:1] != b"{":
        return None
    try:
        return load_config(raw)
    except PipelineError:
        return None


def parse_assignments(words: Iterable[str], known: Mapping[str, Any], what: str) -> dict[str, str]:
    """NAME=VALUE words, by whole names; `BadInput` says which is wrong."""
    given: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise BadInput(f"{word!r}: a {what} is written NAME=VALUE")
        whole = _whole(known, name, what)
        if whole in given:
            raise BadInput(f"{name} is given twice")
        given[whole] = value
    return given


def _whole(known: Mapping[str, Any], name: str, what: str) -> str:
    return find({one: one for one in known}, name, what)


def arguments(action: Action, words: Iterable[str]) -> p4r.Action:
    """An action with its parameters, all of which must be given."""
    known = {one.name: one for one in action.parameters}
    given = parse_assignments(words, known, f"parameter of {action.short}")
    return action.message(
        {one.name: one.type.encode(given[one.name]) for one in action.parameters if one.name in given}
    )


def show_action(action: Action, message: p4r.Action) -> str:
    """An action as it is typed."""
    values = {one.param_id: one.value for one in message.params}
    shown = [f"{one.name}={one.type.show(values[one.id])}" for one in action.parameters if one.id in values]
    return " ".join([action.short, *shown])


def plain_action(action: Action, message: p4r.Action) -> dict[str, Any]:
    """An action for programs."""
    values = {one.param_id: one.value for one in message.params}
    params = {one.name: one.type.plain(values[one.id]) for one in action.parameters if one.id in values}
    return {"name": action.name, "params": params}
