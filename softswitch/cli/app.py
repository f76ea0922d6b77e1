"""`p4fabric switch`, which is also `python -m p4fabric.softswitch`."""

from __future__ import annotations

import typer

from p4fabric.softswitch.cli.lazy import SETTINGS, Lazy, LazyGroup

_HERE = "p4fabric.softswitch.cli"
_COMMANDS = f"{_HERE}.client.commands"
_RUNNING = "The embedded switch"
_ANY = "Any P4Runtime switch"
_TABLES = "Tables and what entries refer to"
_STATE = "State"
_PACKETS = "Packets and events"


class SwitchCommands(LazyGroup):
    """All of them; a test holds the help texts to those of the commands."""

    lazy = (
        Lazy(
            "run", f"{_HERE}.run:run", "Run an embedded P4Runtime switch until it is interrupted.", _RUNNING
        ),
        Lazy(
            "bench",
            f"{_HERE}.bench:bench",
            "Measure packets/s from memory, on one core, for each frame.",
            _RUNNING,
        ),
        Lazy(
            "trace",
            f"{_HERE}.trace:trace",
            "Trace packets: every parser state, table, action, field change, queue and drop.",
            _RUNNING,
        ),
        Lazy(
            "info",
            f"{_COMMANDS}.info:info",
            "Show what the switch is, which program it runs, and who is primary.",
            _ANY,
        ),
        Lazy("push", f"{_COMMANDS}.push:push", "Give the switch a program to run.", _ANY),
        Lazy("ports", f"{_COMMANDS}.ports:ports", "Ports: status and counters, over gNMI.", _ANY),
        Lazy(
            "tables",
            f"{_COMMANDS}.tables:tables",
            "Show the program's tables, or one table's fields and actions.",
            _TABLES,
        ),
        Lazy(
            "read",
            f"{_COMMANDS}.entries:read",
            "Show table entries, with their counters and meters.",
            _TABLES,
        ),
        Lazy("insert", f"{_COMMANDS}.entries:insert", "Insert a table entry.", _TABLES),
        Lazy(
            "modify",
            f"{_COMMANDS}.entries:modify",
            "Modify a table entry, or with --default what happens where no entry is hit.",
            _TABLES,
        ),
        Lazy("delete", f"{_COMMANDS}.entries:delete", "Delete a table entry, or all of a table.", _TABLES),
        Lazy(
            "members",
            f"{_COMMANDS}.profiles:members",
            "Members of action profiles: actions that entries refer to.",
            _TABLES,
        ),
        Lazy(
            "groups",
            f"{_COMMANDS}.profiles:groups",
            "Groups of members, among which an action selector chooses.",
            _TABLES,
        ),
        Lazy(
            "multicast",
            f"{_COMMANDS}.replication:multicast",
            "Multicast groups: to which ports packets are copied.",
            _TABLES,
        ),
        Lazy(
            "clones",
            f"{_COMMANDS}.replication:clones",
            "Clone sessions: where clones of packets go.",
            _TABLES,
        ),
        Lazy("value-sets", f"{_COMMANDS}.value_sets:value_sets", "Value sets of the parser.", _TABLES),
        Lazy(
            "registers", f"{_COMMANDS}.registers:registers", "Registers: read and write their cells.", _STATE
        ),
        Lazy(
            "counters",
            f"{_COMMANDS}.counters:counters",
            "Counters: by index, or of a table's entries.",
            _STATE,
        ),
        Lazy("meters", f"{_COMMANDS}.meters:meters", "Meters: by index, or of a table's entries.", _STATE),
        Lazy(
            "packet-out",
            f"{_COMMANDS}.packets:packet_out",
            "Send packets through the switch, as a controller does.",
            _PACKETS,
        ),
        Lazy(
            "listen",
            f"{_COMMANDS}.packets:listen",
            "Show packet-ins, digests and idle timeouts as they come.",
            _PACKETS,
        ),
        Lazy(
            "log",
            f"{_COMMANDS}.log:log",
            "Follow what happens: ports, primaries, programs, and packets.",
            _PACKETS,
        ),
    )


app = typer.Typer(
    name="switch",
    cls=SwitchCommands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=SETTINGS,
)


@app.callback()
def switch() -> None:
    """Run the embedded P4Runtime switch, or work with any P4Runtime switch."""
