"""Roles (specification, sections 5.3 and 9): which of a pipeline's objects are whose.

The scheme that clients and this switch agree on is the program's: what P4Info annotates with
`@p4runtime_role("r")` belongs to role r. A role that owns something may write that and nothing else, and
hears of that only; a role that owns nothing, and the default role, have full pipeline access. Must not know
who is primary.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TypeVar

from finsy.proto import p4i, p4r

from p4fabric.softswitch.server.errors import denied

T = TypeVar("T")

_ANNOTATION = re.compile(r'\s*@p4runtime_role\s*\(\s*"([^"]+)"\s*\)\s*')
_KINDS = (
    *("tables", "action_profiles", "counters", "meters", "registers", "digests", "value_sets"),
    "controller_packet_metadata",
)
_KIND_OF = {
    "table_entry": ("tables", "table_id"),
    "direct_counter_entry": ("tables", "table_entry.table_id"),
    "direct_meter_entry": ("tables", "table_entry.table_id"),
    "action_profile_member": ("action_profiles", "action_profile_id"),
    "action_profile_group": ("action_profiles", "action_profile_id"),
    "counter_entry": ("counters", "counter_id"),
    "meter_entry": ("meters", "meter_id"),
    "register_entry": ("registers", "register_id"),
    "digest_entry": ("digests", "digest_id"),
    "value_set_entry": ("value_sets", "value_set_id"),
}
"""P4Info's list and the field with the id, for each kind of entity that has one."""

Object = tuple[str, int]
"""A kind, as P4Info's lists are named, and an id of it."""


class Roles:
    """The owners of one pipeline's objects."""

    def __init__(self, info: p4i.P4Info) -> None:
        owners: dict[Object, str] = {}
        for kind in _KINDS:
            for one in getattr(info, kind):
                for annotation in one.preamble.annotations:
                    if found := _ANNOTATION.fullmatch(annotation):
                        owners[kind, one.preamble.id] = found[1]
        for profile in info.action_profiles:
            # Whoever owns all tables of a profile owns the profile, unless it says otherwise itself.
            users = {owners.get(("tables", number)) for number in profile.table_ids}
            if len(users) == 1 and (user := users.pop()) is not None:
                owners.setdefault(("action_profiles", profile.preamble.id), user)
        self._owners: Mapping[Object, str] = owners
        self._limited = frozenset(owners.values())

    def is_limited(self, role: str) -> bool:
        """Whether a role has less than full pipeline access."""
        return role in self._limited

    def owns(self, role: str, kind: str, number: int) -> bool:
        """Whether an object is in a role's scope."""
        return role not in self._limited or self._owners.get((kind, number)) == role

    def check_write(self, role: str, entity: p4r.Entity) -> None:
        """`Refusal` unless a role may write an entity of this kind and id."""
        if role not in self._limited:
            return
        kind = entity.WhichOneof("entity")
        if kind is None:
            return
        objects, path = _KIND_OF.get(kind, ("", ""))
        number = attrgetter(f"{kind}.{path}")(entity) if path else 0
        # An id that is missing is refused for that.
        if not path or (number and not self.owns(role, objects, number)):
            raise denied(f"{kind} {number or ''} is not in the scope of role {role!r}")


@dataclass(frozen=True, slots=True)
class Scope:
    """What one role sees of a pipeline."""

    roles: Roles
    role: str

    @property
    def is_limited(self) -> bool:
        """Whether that is less than all."""
        return self.roles.is_limited(self.role)

    def among(self, kind: str, objects: Mapping[int, T]) -> list[T]:
        """Those of some objects by id that the role is to see."""
        return [one for number, one in objects.items() if self.roles.owns(self.role, kind, number)]
