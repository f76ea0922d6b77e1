"""Table entries as `p4fabric switch read` and a network's prompt show them."""

from __future__ import annotations

from collections.abc import Sequence

from finsy.proto import p4r

from p4fabric.softswitch.cli.client.show import table_text
from p4fabric.softswitch.client import entries
from p4fabric.softswitch.client.program import Program, Table

COLUMNS = ("#PRIORITY", "MATCH", "ACTION", "#PACKETS", "#BYTES", "METER", "IDLE")

Found = Sequence[tuple[Table, Sequence[p4r.TableEntry]]]
"""Tables with what was read of them."""


def entries_text(program: Program, found: Found, *, one: bool, terminal: bool) -> str:
    """What was read of tables: of `one`, or of several, each under its name and those without entries left
    out. `terminal` is as in `table_text`."""
    shown = [(table, listed) for table, listed in found if listed or one]
    return "\n\n".join(
        table_text(
            COLUMNS,
            [_row(program, table, entry) for entry in listed],
            None if one else table.short,
            terminal=terminal,
        )
        for table, listed in shown
    )


def _row(program: Program, table: Table, entry: p4r.TableEntry) -> Sequence[object]:
    counter, idle = entry.counter_data, ""
    if entry.idle_timeout_ns:
        idle = f"{entry.time_since_last_hit.elapsed_ns / 1e9:.1f} of {entry.idle_timeout_ns / 1e9:g} s"
    match = "(default)" if entry.is_default_action else entries.show_match(table, entry)
    return (
        entry.priority or "",
        match or "(any)",
        entries.show_table_action(program, entry.action),
        counter.packet_count if entry.HasField("counter_data") else "",
        counter.byte_count if entry.HasField("counter_data") else "",
        entries.show_rates(entry.meter_config) if entry.HasField("meter_config") else "",
        idle,
    )
