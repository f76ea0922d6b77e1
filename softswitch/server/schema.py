"""A pipeline as P4Runtime sees it: P4Info's objects by id, each with its codec and the engine's name for it.

`Schema` refuses a P4Info that does not describe the engine's pipeline. P4Info need not show all of it: the
compiler leaves out what is @hidden. Must not know the state of anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from finsy.proto import p4i

from p4fabric.softswitch.engine.api import MatchKind, MeterUnit, PipelineInfo, TableInfo
from p4fabric.softswitch.server.codings import Coding, Names, TypeCodings
from p4fabric.softswitch.server.entries import ActionCodec, ActionSet, Field, MatchCodec
from p4fabric.softswitch.server.errors import invalid, not_found
from p4fabric.softswitch.server.info_ids import check_ids
from p4fabric.softswitch.server.objects import (
    CounterSchema,
    DigestSchema,
    MeterSchema,
    ProfileSchema,
    RegisterSchema,
    TableSchema,
    ValueSetSchema,
)
from p4fabric.softswitch.server.p4data import UnsupportedType, data_type
from p4fabric.softswitch.server.packet_header import PacketHeader
from p4fabric.softswitch.server.roles import Roles

T = TypeVar("T")

_MATCH_KINDS = {
    p4i.MatchField.EXACT: MatchKind.EXACT,
    p4i.MatchField.LPM: MatchKind.LPM,
    p4i.MatchField.TERNARY: MatchKind.TERNARY,
    p4i.MatchField.RANGE: MatchKind.RANGE,
    p4i.MatchField.OPTIONAL: MatchKind.OPTIONAL,
}


class Schema:
    """All of a pipeline's objects, by P4Info id."""

    def __init__(self, info: p4i.P4Info, engine: PipelineInfo) -> None:
        """Match P4Info and pipeline; `Refusal` (INVALID_ARGUMENT) names the place that does not fit."""
        self.info = info
        self.engine = engine
        check_ids(info)
        self.roles = Roles(info)
        self.types = TypeCodings(info.type_info, engine.headers)
        # Of tables without a key and of actions that no table uses, the compiler may have left nothing.
        tables = [
            (f"tables[{at}] ({one.preamble.name})", one)
            for at, one in enumerate(info.tables)
            if one.match_fields or one.preamble.name in engine.tables
        ]
        used = {ref.id for _, table in tables for ref in table.action_refs}
        self._codecs = {
            one.preamble.id: self._action(at, one)
            for at, one in enumerate(info.actions)
            if one.preamble.id in used or one.preamble.name in engine.actions
        }
        direct = {one.direct_table_id for one in info.direct_counters}
        metered = {one.direct_table_id: one.spec for one in info.direct_meters}
        profiles = {one.preamble.id: one for one in info.action_profiles}
        self.profiles: dict[int, ProfileSchema] = {}
        for at, profile in enumerate(info.action_profiles):
            self.profiles[profile.preamble.id] = self._profile(f"action_profiles[{at}]", profile)
        self.tables: dict[int, TableSchema] = {}
        for place, table in tables:
            if table.implementation_id and table.implementation_id not in profiles:
                raise invalid(f"P4Info: {place}: there is no action profile {table.implementation_id}")
            self.tables[table.preamble.id] = self._table(
                place, table, table.preamble.id in direct, metered.get(table.preamble.id)
            )
        self.counters = {one.id: one for one in self._counters()}
        self.meters = {one.id: one for one in self._meters()}
        self.registers = {one.id: one for one in self._registers()}
        self.value_sets = {one.id: one for one in self._value_sets()}
        self.digests = {one.id: one for one in self._digests()}
        self._check_unsupported()
        headers = {one.preamble.name: one for one in info.controller_packet_metadata}
        self.header_ids = {name: one.preamble.id for name, one in headers.items()}
        self.packet_in = PacketHeader.of(headers.get("packet_in"), self.types)
        self.packet_out = PacketHeader.of(headers.get("packet_out"), self.types)

    # --- look-ups -------------------------------------------------------------------------------

    def table(self, number: int) -> TableSchema:
        """A table by id."""
        return _find(self.tables, number, "table_id")

    def profile(self, number: int) -> ProfileSchema:
        """An action profile by id."""
        return _find(self.profiles, number, "action_profile_id")

    def counter(self, number: int) -> CounterSchema:
        """An indirect counter by id."""
        return _find(self.counters, number, "counter_id")

    def meter(self, number: int) -> MeterSchema:
        """An indirect meter by id."""
        return _find(self.meters, number, "meter_id")

    def value_set(self, number: int) -> ValueSetSchema:
        """A parser value set by id."""
        return _find(self.value_sets, number, "value_set_id")

    def register(self, number: int) -> RegisterSchema:
        """A register by id."""
        return _find(self.registers, number, "register_id")

    def digest(self, number: int) -> DigestSchema:
        """A digest by id."""
        return _find(self.digests, number, "digest_id")

    # --- building -------------------------------------------------------------------------------

    def _action(self, at: int, action: p4i.Action) -> ActionCodec:
        name = action.preamble.name
        place = f"P4Info: actions[{at}] ({name})"
        known = self.engine.actions.get(name)
        if known is None:
            raise invalid(f"{place}: the device config has no such action")
        if len(known.parameters) != len(action.params):
            raise invalid(
                f"{place}: {len(action.params)} params, the device config has {len(known.parameters)}"
            )
        parameters: list[tuple[int, str, int]] = []
        codings: dict[int, Coding] = {}
        for here, there in zip(action.params, known.parameters, strict=True):
            if here.name != there.name:
                raise invalid(f"{place}: param {here.name!r}, the device config has {there.name!r}")
            signed = there.signed or (there.cast and not here.type_name.name)
            coding = self.types.coding(
                f"{place}: param {here.name}",
                *(here.bitwidth, here.type_name.name, there.bitwidth, signed),
            )
            parameters.append((here.id, here.name, there.bitwidth))
            if coding is not None:
                codings[here.id] = coding
        return ActionCodec(action.preamble.id, name, parameters, codings)

    def _action_set(self, place: str, table: p4i.Table) -> ActionSet:
        known = {one.name for one in self.engine.tables[table.preamble.name].actions}
        codecs = {}
        for ref in table.action_refs:
            codec = self._codecs.get(ref.id)
            if codec is None:
                continue  # p4c refers to @hidden actions, too
            if codec.name not in known:
                raise invalid(f"P4Info: {place}: the device config's table has no action {codec.name}")
            codecs[ref.id] = codec
        scopes = {ref.id: ref.scope for ref in table.action_refs}
        return ActionSet(
            table.preamble.name,
            codecs,
            frozenset(one for one, scope in scopes.items() if scope == p4i.ActionRef.DEFAULT_ONLY),
            frozenset(one for one, scope in scopes.items() if scope == p4i.ActionRef.TABLE_ONLY),
        )

    def _profile(self, place: str, profile: p4i.ActionProfile) -> ProfileSchema:
        name = profile.preamble.name
        known = self.engine.profiles.get(name)
        if known is None:
            raise invalid(f"P4Info: {place}: the device config has no action profile {name!r}")
        if profile.with_selector != known.selector:
            said = "has" if known.selector else "has not"
            raise invalid(f"P4Info: {place} ({name}): with_selector, but the device config {said} a selector")
        users = [one for one in self.info.tables if one.implementation_id == profile.preamble.id]
        strangers = {one.preamble.name for one in users} - set(known.tables)
        if strangers:
            raise invalid(
                f"P4Info: {place} ({name}): the device config's tables are {list(known.tables)}, "
                f"{min(strangers)!r} is none of them"
            )
        members = profile.WhichOneof("selector_size_semantics") == "sum_of_members"
        return ProfileSchema(
            profile.preamble.id,
            name,
            known.selector,
            known.max_size,
            profile.max_group_size,
            members,
            profile.sum_of_members.max_member_weight if members else 0,
            profile.weights_disallowed,
            self._member_actions(place, name, users),
        )

    def _member_actions(self, place: str, name: str, users: Sequence[p4i.Table]) -> ActionSet:
        """The actions of a profile's members: those of its tables. Where P4Info shows none of the tables,
        those that it shows of the actions."""
        sets = [self._action_set(place, one) for one in users]
        if sets:
            codecs = {number: codec for one in sets for number, codec in one.codecs.items()}
            default_only = frozenset.intersection(*(one.default_only for one in sets))
            table_only = frozenset.intersection(*(one.table_only for one in sets))
            return ActionSet(sets[0].table, codecs, default_only, table_only)
        tables = [self.engine.tables[one] for one in self.engine.profiles[name].tables]
        known = {action.name for table in tables for action in table.actions}
        codecs = {number: codec for number, codec in self._codecs.items() if codec.name in known}
        return ActionSet(name, codecs, frozenset(), frozenset())

    def _table(
        self, place: str, table: p4i.Table, has_counter: bool, meter: p4i.MeterSpec | None
    ) -> TableSchema:
        name = table.preamble.name
        known = self.engine.tables.get(name)
        if known is None or known.hidden:
            raise invalid(f"P4Info: {place}: the device config has no such table")
        profile = self.profiles.get(table.implementation_id)
        if (profile.name if profile else None) != known.profile:
            raise invalid(f"P4Info: {place}: the device config's action profile is {known.profile}")
        if has_counter and not known.has_direct_counter:
            raise invalid(f"P4Info: {place}: the device config's table has no direct counter")
        if meter is not None:
            _check_unit(f"P4Info: {place}: direct meter", meter, known.direct_meter)
        times_out = table.idle_timeout_behavior != p4i.Table.NO_TIMEOUT
        if times_out and not known.supports_timeout:
            raise invalid(f"P4Info: {place}: the device config's table has no idle timeouts")
        fields = self._fields(f"P4Info: {place}", table, known)
        return TableSchema(
            table.preamble.id,
            name,
            MatchCodec(name, fields, known.needs_priority),
            self._action_set(place, table),
            profile,
            table.is_const_table,
            # Section 9.1.3: the default of an indirect table is a constant NoAction.
            bool(table.const_default_action_id) or known.const_default_action or profile is not None,
            has_counter,
            meter.type if meter is not None else None,
            times_out,
            known,
            table.initial_default_action,
        )

    def _fields(self, place: str, table: p4i.Table, known: TableInfo) -> list[Field]:
        if len(table.match_fields) != len(known.key):
            raise invalid(
                f"{place}: {len(table.match_fields)} match fields, the device config has {len(known.key)}"
            )
        fields = []
        for here, there in zip(table.match_fields, known.key, strict=True):
            where = f"{place}: match field {here.name}"
            if here.name != there.name:
                raise invalid(f"{where}: the device config has {there.name!r} here")
            kind = _MATCH_KINDS.get(here.match_type)
            # p4c turns optional fields into ternary ones.
            same = kind is there.match or (kind, there.match) == (MatchKind.OPTIONAL, MatchKind.TERNARY)
            if kind is None or not same:
                raise invalid(f"{where}: the device config matches it {there.match.value}")
            coding = self._match_coding(where, here, kind, there.bitwidth, there.signed)
            fields.append(Field(here.id, here.name, there.bitwidth, kind, coding))
        return fields

    def _match_coding(
        self, where: str, here: p4i.MatchField, kind: MatchKind, there: int, signed: bool
    ) -> Coding | None:
        coding = self.types.coding(where, here.bitwidth, here.type_name.name, there, signed)
        if isinstance(coding, Names) and kind not in (MatchKind.EXACT, MatchKind.OPTIONAL):
            raise invalid(f"{where}: strings are matched exact or optional only, not {kind.value}")
        return coding

    def _counters(self) -> Iterable[CounterSchema]:
        for at, one in enumerate(self.info.counters):
            known = self.engine.counters.get(one.preamble.name)
            if known is None:
                raise invalid(
                    f"P4Info: counters[{at}]: the device config has no counter {one.preamble.name!r}"
                )
            yield CounterSchema(one.preamble.id, known.name, known.size)

    def _meters(self) -> Iterable[MeterSchema]:
        for at, one in enumerate(self.info.meters):
            name = one.preamble.name
            known = self.engine.meters.get(name)
            if known is None:
                raise invalid(f"P4Info: meters[{at}]: the device config has no meter {name!r}")
            _check_unit(f"P4Info: meters[{at}] ({name})", one.spec, known.unit)
            yield MeterSchema(one.preamble.id, name, known.size, one.spec.type)

    def _value_sets(self) -> Iterable[ValueSetSchema]:
        for at, one in enumerate(self.info.value_sets):
            name = one.preamble.name
            place = f"P4Info: value_sets[{at}] ({name})"
            known = self.engine.value_sets.get(name)
            if known is None:
                raise invalid(f"{place}: the device config has no such value set")
            if len(one.match) != len(known.bitwidths):
                raise invalid(f"{place}: {len(one.match)} matches, the device config has {known.bitwidths}")
            fields = []
            for here, width, signed in zip(one.match, known.bitwidths, known.signed, strict=True):
                where = f"{place}: match {here.name or here.id}"
                kind = _MATCH_KINDS.get(here.match_type)
                if kind is None or kind is MatchKind.RANGE:
                    raise invalid(f"{where}: value sets are matched exact, lpm, ternary or optional only")
                coding = self._match_coding(where, here, kind, width, signed)
                fields.append(Field(here.id, here.name or str(here.id), width, kind, coding))
            yield ValueSetSchema(one.preamble.id, name, MatchCodec(name, fields, False), known.max_size)

    def _registers(self) -> Iterable[RegisterSchema]:
        for at, one in enumerate(self.info.registers):
            known = self.engine.registers.get(one.preamble.name)
            if known is None:
                raise invalid(
                    f"P4Info: registers[{at}]: the device config has no register {one.preamble.name!r}"
                )
            try:
                type_ = data_type(one.type_spec, self.info, self.types, (known.bitwidth,))
            except UnsupportedType:
                type_ = None
            if type_ is not None and type_.widths != (known.bitwidth,):
                raise invalid(
                    f"P4Info: registers[{at}] ({known.name}): the device config has {known.bitwidth} bits"
                )
            yield RegisterSchema(one.preamble.id, known.name, known.size, type_)

    def _digests(self) -> Iterable[DigestSchema]:
        for at, one in enumerate(self.info.digests):
            name = one.preamble.name
            lists = [known for known in self.engine.digests.values() if known.name == name]
            widths = lists[0].bitwidths if lists else ()
            try:
                type_ = data_type(one.type_spec, self.info, self.types, widths)
            except UnsupportedType as error:
                raise invalid(f"P4Info: digests[{at}] ({name}): {error}") from None
            for known in lists:
                if known.bitwidths != type_.widths:
                    raise invalid(
                        f"P4Info: digests[{at}] ({name}): the device config's fields are {known.bitwidths}"
                    )
            yield DigestSchema(one.preamble.id, name, type_)

    def _check_unsupported(self) -> None:
        if self.info.externs:
            raise invalid("P4Info: externs are not supported")


def _find(objects: Mapping[int, T], number: int, name: str) -> T:
    found = objects.get(number)
    if found is None:
        raise (
            not_found(f"{name} {number}: P4Info has none such") if number else invalid(f"{name} is missing")
        )
    return found


def _check_unit(where: str, spec: p4i.MeterSpec, unit: MeterUnit | None) -> None:
    known = {p4i.MeterSpec.BYTES: MeterUnit.BYTES, p4i.MeterSpec.PACKETS: MeterUnit.PACKETS}
    if unit is None:
        raise invalid(f"{where}: the device config's table has none")
    if known.get(spec.unit) is not unit:
        raise invalid(f"{where}: the device config's meter counts {unit.value}")
    if spec.type not in p4i.MeterSpec.Type.values():
        raise invalid(f"{where}: meter type {spec.type} is not known")
