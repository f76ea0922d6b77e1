"""What clients have written, as they wrote it (specification, section 8.3: read-write symmetry).

Every entity is kept as its canonical serialised message, without what the data plane changes by itself:
compact, and ready to be sent. Owned by the thread that carries out writes and reads; only `digests` is
also looked into by others. Must not know how entities are validated or what the engine made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from finsy.proto import p4r

from p4fabric.softswitch.server.keys import Key
from p4fabric.softswitch.server.objects import TableSchema
from p4fabric.softswitch.server.schema import Schema


@dataclass(frozen=True, slots=True)
class OneShot:
    """The group and members that stand behind a one-shot entry (section 9.2.3), and their weights' sum."""

    group: int
    members: tuple[int, ...]
    weight: int


class TableState:
    """A table's entries, and its default entry where it is not the program's.

    An entry is its serialised TableEntry and nothing else: a million of them are two bytes objects each.
    `handles` are the engine's, kept where packets change something of an entry, and `keys` are what they
    stand for, kept where entries age; `one_shots` are what stands behind entries with an action set.
    """

    __slots__ = ("ages", "default", "entries", "handles", "keys", "one_shots", "tracked")

    def __init__(self, *, tracked: bool, ages: bool) -> None:
        self.tracked = tracked
        self.ages = ages
        self.entries: dict[Key, bytes] = {}
        self.handles: dict[Key, int] = {}
        self.keys: dict[int, Key] = {}
        self.one_shots: dict[Key, OneShot] = {}
        self.default: bytes | None = None

    def put(self, key: Key, wire: bytes, handle: int, one_shot: OneShot | None = None) -> None:
        """An entry is there, or is another than before."""
        self.entries[key] = wire
        if self.tracked:
            self.handles[key] = handle
        if self.ages:
            self.keys[handle] = key
        if one_shot is not None:
            self.one_shots[key] = one_shot
        elif self.one_shots:
            self.one_shots.pop(key, None)

    def remove(self, key: Key) -> None:
        """An entry has gone."""
        self.entries.pop(key, None)
        if self.tracked:
            handle = self.handles.pop(key, -1)
            if self.ages:
                self.keys.pop(handle, None)
        if self.one_shots:
            self.one_shots.pop(key, None)


class Numbers:
    """Ids for the members or groups behind one-shot entries; freed ones are used again."""

    def __init__(self) -> None:
        self._next = 1
        self._free: list[int] = []

    def take(self) -> int:
        """An id that is not in use."""
        if self._free:
            return self._free.pop()
        self._next += 1
        return self._next - 1

    def give_back(self, number: int) -> None:
        """It is free again."""
        self._free.append(number)


@dataclass(slots=True)
class StoredGroup:
    """A group: a serialised ActionProfileGroup, its max_size, and its share of the profile's size."""

    wire: bytes
    max_size: int
    weight: int


@dataclass(slots=True)
class ProfileState:
    """An action profile: what clients wrote, or what stands behind one-shot entries; never both."""

    members: dict[int, bytes] = field(default_factory=dict)
    groups: dict[int, StoredGroup] = field(default_factory=dict)
    one_shots: int = 0
    weight: int = 0
    member_numbers: Numbers = field(default_factory=Numbers)
    group_numbers: Numbers = field(default_factory=Numbers)


class Store:
    """The state of one pipeline."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self.tables = {
            number: TableState(
                tracked=table.has_counter or table.meter is not None or table.has_idle_timeout,
                ages=table.has_idle_timeout,
            )
            for number, table in schema.tables.items()
        }
        self.profiles = {number: ProfileState() for number in schema.profiles}
        self.multicast: dict[int, bytes] = {}
        self.clones: dict[int, bytes] = {}
        self.digests: dict[int, p4r.DigestEntry.Config] = {}
        self.value_sets = {
            number: p4r.ValueSetEntry(value_set_id=number).SerializeToString() for number in schema.value_sets
        }
        for number, table in schema.tables.items():
            for _, key, wire in initial_entries(table):
                self.tables[number].put(key, wire, -1)

    def adopt(self, handles: Callable[[str], Sequence[int]]) -> None:
        """The engine has come up: these are a table's handles of the entries that the program itself lists,
        in their order (-1: one that it could not hold)."""
        for number, table in self._schema.tables.items():
            state = self.tables[number]
            entries = list(initial_entries(table))
            for _, key, _ in entries:
                state.remove(key)
            found = handles(table.name)
            for place, key, wire in entries:
                if found[place] >= 0:
                    state.put(key, wire, found[place])


def initial_entries(table: TableSchema) -> Iterator[tuple[int, Key, bytes]]:
    """The entries that the program itself brings along: their places in its list, their keys, and the entries
    serialised. Those whose actions P4Info does not show are left out: they cannot be told."""
    by_name = {codec.name: codec for codec in table.actions.codecs.values()}
    for place, one in enumerate(table.engine.entries):
        if one.action not in by_name:
            continue
        entry = p4r.TableEntry(table_id=table.id, priority=one.priority, is_const=table.const_entries)
        entry.match.extend(table.match.encode(one.match))
        entry.action.action.CopyFrom(by_name[one.action].encode(one.arguments))
        priority = one.priority if table.match.has_priority else 0
        yield place, table.match.key(one.match, priority), entry.SerializeToString()
