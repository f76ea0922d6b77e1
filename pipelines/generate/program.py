"""A P4Info as its bindings see it: what is named how, and what bindings cannot hold.

The classes' names depend on all of the program, so they are found first; `classes` writes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from finsy.proto import p4i

from p4fabric.pipelines.generate.names import Wanted, camel, class_names
from p4fabric.pipelines.generate.types import DataTypes, Scalars, Unsupported, ValueTypes

__all__ = ["Program"]


class Program:
    """One P4Info, and the names of its classes."""

    def __init__(self, p4info: p4i.P4Info, values: ValueTypes | None, one_shot: bool) -> None:
        """Look at everything that bindings may hold.

        Args:
            p4info: the program.
            values: classes for its P4 types, or None for plain numbers.
            one_shot: tables with an action selector take one-shot action sets only: no members, no groups.
        """
        self.p4info = p4info
        self.one_shot = one_shot
        self.scalars = Scalars(p4info, values)
        self.data = DataTypes(p4info, self.scalars)
        self.left_out: list[str] = []
        """What bindings cannot hold, and why."""
        self.actions = {action.preamble.id: action for action in p4info.actions}
        self.profiles = {profile.preamble.id: profile for profile in p4info.action_profiles}
        self.counted = {counter.direct_table_id for counter in p4info.direct_counters}
        self.metered = {meter.direct_table_id for meter in p4info.direct_meters}
        self._note_data_types()
        reserved = values.classes.values() if values is not None else ()
        fields = values.digest_fields.values() if values is not None else ()
        self._structs = {name: number for number, name in enumerate(sorted(self.data.structs), start=1)}
        self._names = class_names(self._wanted(), {*reserved, *fields})
        self.reserved = frozenset({*self._names.values(), *reserved, *fields})
        """What a class body must not hide from its annotations."""

    def name(self, kind: str, number: int) -> str:
        """The name of a class."""
        return self._names[kind, number]

    def struct(self, name: str) -> str:
        """The name of the class of a struct or header."""
        return self._names["Struct", self._structs[name]]

    def usable(self, table: p4i.Table) -> list[p4i.Action]:
        """The actions that an entry may have."""
        references = (ref for ref in table.action_refs if ref.scope != p4i.ActionRef.DEFAULT_ONLY)
        return [self.actions[ref.id] for ref in references if ref.id in self.actions]

    def of_profile(self, profile: p4i.ActionProfile) -> list[p4i.Action]:
        """The actions that a member may have: those of the tables, in order."""
        found: dict[int, p4i.Action] = {}
        for table in self.p4info.tables:
            if table.implementation_id == profile.preamble.id:
                found |= {action.preamble.id: action for action in self.usable(table)}
        return list(found.values())

    def shown_profiles(self) -> Iterator[p4i.ActionProfile]:
        """The action profiles that get a class for their members."""
        for profile in self.p4info.action_profiles:
            if self.of_profile(profile) and not (self.one_shot and profile.with_selector):
                yield profile

    def leave_out(self, what: str, name: str, why: Unsupported | str) -> None:
        """Note what bindings cannot hold."""
        self.left_out.append(f"{what} {name}: {why}")

    def _note_data_types(self) -> None:
        for digest in self.p4info.digests:
            self._note(digest.type_spec, top=True)
        for register in self.p4info.registers:
            self._note(register.type_spec)

    def _note(self, spec: Any, *, top: bool = False) -> None:
        """Note the structs that a type has; what cannot be held is told where its class would be written."""
        try:
            if top and spec.HasField("struct"):
                for member in self.p4info.type_info.structs[spec.struct.name].members:
                    self.data.of(member.type_spec, camel)
            else:
                self.data.of(spec, camel)
        except Unsupported:
            pass

    def _wanted(self) -> Iterator[Wanted]:
        info = self.p4info
        for kind, declared in (
            ("Action", info.actions),
            ("Table", info.tables),
            ("Counter", info.counters),
            ("Meter", info.meters),
            ("Register", info.registers),
            ("Set", info.value_sets),
        ):
            for one in declared:
                yield Wanted(kind, one.preamble.id, camel(one.preamble.alias))
        for digest in info.digests:
            yield Wanted("Digest", digest.preamble.id, camel(digest.preamble.alias.removesuffix("_t")))
        for header in info.controller_packet_metadata:
            yield Wanted("Header", header.preamble.id, f"{camel(header.preamble.alias)}Metadata")
        for value_set in info.value_sets:
            yield Wanted("SetMember", value_set.preamble.id, f"{camel(value_set.preamble.alias)}Member")
        for profile in self.shown_profiles():
            yield Wanted("Member", profile.preamble.id, f"{camel(profile.preamble.alias)}Member")
            if profile.with_selector:
                yield Wanted("Group", profile.preamble.id, f"{camel(profile.preamble.alias)}Group")
        for name, number in self._structs.items():
            yield Wanted("Struct", number, camel(name.removesuffix("_t")))
