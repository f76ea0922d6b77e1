"""A table's entries as a switch has them, those that are meant among them."""

from __future__ import annotations

from collections.abc import Sequence

from finsy.proto import p4i, p4r

from p4fabric.softswitch.client import entries
from p4fabric.softswitch.client.errors import BadInput, SwitchFailed
from p4fabric.softswitch.client.program import Program, Table
from p4fabric.softswitch.client.session import Switch


class KeyPart:
    """Fields with their values, as words: entries that have these in their key are meant."""

    def __init__(self, table: Table, words: Sequence[str], priority: int | None = None) -> None:
        """`BadInput` when the table has no such fields."""
        _, action = entries.split(words)
        if action:
            raise BadInput(entries.misread(table, action))
        self.entry = p4r.TableEntry()
        entries.set_key(self.entry, table, words, priority, partly=True)
        given = entries.parse_key(table.fields, words, f"field of table {table.short}")
        self._priority = priority
        self._fields = [one for one in table.fields if one.name in given]
        self._wanted = self._shown(self.entry)

    @property
    def count(self) -> int:
        """How many fields are given."""
        return len(self._fields)

    @property
    def is_all(self) -> bool:
        """Whether nothing is asked for."""
        return not self._fields and self._priority is None

    def is_in(self, entry: p4r.TableEntry) -> bool:
        """Whether an entry has these; a default entry has no key."""
        if entry.is_default_action or (self._priority is not None and entry.priority != self._priority):
            return False
        return self._shown(entry) == self._wanted

    def _shown(self, entry: p4r.TableEntry) -> list[str | None]:
        by_id = {one.field_id: one for one in entry.match}
        return [one.show(by_id[one.id]) if one.id in by_id else None for one in self._fields]


def read_table(
    switch: Switch, program: Program, table: Table, words: Sequence[str] = (), priority: int | None = None
) -> list[p4r.TableEntry]:
    """A table's entries that have these words in their key, the highest priority first, and its default entry
    last when no key is asked for."""
    wanted = KeyPart(table, words, priority)
    request = request_of(program, table)
    if wanted.count and wanted.count == len(table.fields) and not table.needs_priority:
        request.table_entry.match.extend(wanted.entry.match)
    found = [one.table_entry for one in switch.read(request)]
    kept = sorted((one for one in found if wanted.is_in(one)), key=lambda one: -one.priority)
    return kept + default_entry(switch, program, table) if wanted.is_all else kept


def default_entry(switch: Switch, program: Program, table: Table) -> list[p4r.TableEntry]:
    """A table's default entry; nothing where the switch has no such reading, or the entry no action."""
    request = request_of(program, table)
    request.table_entry.is_default_action = True
    try:
        found = [one.table_entry for one in switch.read(request)]
    except SwitchFailed:
        return []
    return [one for one in found if one.is_default_action and one.action.WhichOneof("type")]


def request_of(program: Program, table: Table) -> p4r.Entity:
    """All entries of a table, with their counters and meters."""
    request = p4r.Entity()
    entry = request.table_entry
    entry.table_id = table.id
    for number in table.info.direct_resource_ids:
        if any(one.preamble.id == number for one in program.p4info.direct_counters):
            entry.counter_data.SetInParent()
        else:
            entry.meter_config.SetInParent()
    if table.info.idle_timeout_behavior == p4i.Table.NOTIFY_CONTROL:
        entry.time_since_last_hit.SetInParent()
    return request
