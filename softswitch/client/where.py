"""Where a counter or meter counts: cells by index, or the entries of the table that it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from finsy.proto import p4r

from p4fabric.softswitch.client import entries
from p4fabric.softswitch.client.cells import parse_indices
from p4fabric.softswitch.client.errors import BadInput
from p4fabric.softswitch.client.names import find
from p4fabric.softswitch.client.program import KINDS, Program, Table
from p4fabric.softswitch.client.read_entries import KeyPart
from p4fabric.softswitch.client.session import Switch

_ENTITIES = {
    "counters": "counter_entry",
    "meters": "meter_entry",
    "direct_counters": "direct_counter_entry",
    "direct_meters": "direct_meter_entry",
}


@dataclass(frozen=True)
class Resource:
    """A counter or meter; `table` is that of a direct one."""

    info: Any
    short: str
    kind: str
    table: Table | None

    @property
    def name(self) -> str:
        """The whole name."""
        return str(self.info.preamble.name)

    @property
    def extent(self) -> str:
        """What it counts of, in words."""
        return f"entries of {self.table.short}" if self.table is not None else f"{self.info.size} cells"

    @property
    def plain_extent(self) -> dict[str, Any]:
        """The same for programs."""
        if self.table is not None:
            return {"size": None, "table": self.table.name}
        return {"size": self.info.size, "table": None}

    def read(self, switch: Switch, where: Sequence[str], priority: int | None) -> list[p4r.Entity]:
        """The cells or entries that are meant, as the switch has them."""
        if self.table is None:
            if priority is not None:
                raise BadInput(f"{self.short} has cells, not entries: leave out the priority")
            return switch.read(*self._cells(where, whole=True))
        wanted = KeyPart(self.table, where, priority)
        kind = _ENTITIES[self.kind]
        return [one for one in switch.read(self._all()) if wanted.is_in(getattr(one, kind).table_entry)]

    def places(self, switch: Switch, where: Sequence[str], priority: int | None) -> list[p4r.Entity]:
        """The same for writing, without what is counted; `BadInput` when an entry is not there."""
        if self.table is None:
            if priority is not None:
                raise BadInput(f"{self.short} has cells, not entries: leave out the priority")
            return self._cells(where, whole=False)
        found = []
        for one in self.read(switch, where, priority):
            entity = p4r.Entity()
            entity.CopyFrom(one)
            getattr(entity, _ENTITIES[self.kind]).ClearField(
                "data" if self.kind == "direct_counters" else "config"
            )
            found.append(entity)
        if where and not found:
            raise BadInput(f"table {self.table.short} has no such entry: {' '.join(where)}")
        return found

    def place(self, entity: p4r.Entity) -> str:
        """Which cell or entry it is of, as it is typed."""
        one = getattr(entity, _ENTITIES[self.kind])
        if self.table is None:
            return str(one.index.index)
        return entries.show_match(self.table, one.table_entry) or "(any)"

    def plain_place(self, entity: p4r.Entity) -> dict[str, Any]:
        """The same for programs."""
        one = getattr(entity, _ENTITIES[self.kind])
        if self.table is None:
            return {"index": one.index.index}
        by_id = {each.field_id: each for each in one.table_entry.match}
        match = {each.name: each.plain(by_id[each.id]) for each in self.table.fields if each.id in by_id}
        priority = one.table_entry.priority
        return {"match": match} | ({"priority": priority} if priority else {})

    def _all(self) -> p4r.Entity:
        entity = p4r.Entity()
        one = getattr(entity, _ENTITIES[self.kind])
        if self.table is not None:
            one.table_entry.table_id = self.table.id
        elif self.kind == "counters":
            one.counter_id = self.info.preamble.id
        else:
            one.meter_id = self.info.preamble.id
        return entity

    def _cells(self, where: Sequence[str], *, whole: bool) -> list[p4r.Entity]:
        if len(where) > 1:
            raise BadInput(f"{self.short}: one index or range is needed, such as 3 or 0-7")
        if not where and whole:
            return [self._all()]
        size = self.info.size
        indices: Iterable[int] = parse_indices(where[0], size, self.short) if where else range(size)
        found = []
        for index in indices:
            entity = self._all()
            getattr(entity, _ENTITIES[self.kind]).index.index = index
            found.append(entity)
        return found


def resources(program: Program, kinds: Sequence[str]) -> list[Resource]:
    """All counters or meters of these kinds."""
    return [_resource(program, kind, info) for kind in kinds for info in program.objects(kind).values()]


def find_resource(program: Program, kinds: Sequence[str], word: str) -> Resource:
    """The counter or meter that is meant, by name."""
    return find({one.name: one for one in resources(program, kinds)}, word, KINDS[kinds[0]])


def _resource(program: Program, kind: str, info: Any) -> Resource:
    table = program.table_by_id(info.direct_table_id) if kind.startswith("direct") else None
    return Resource(info, program.short(kind, info.preamble.name), kind, table)
