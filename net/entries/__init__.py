"""What is written to a switch when it starts: files of several formats, as P4Runtime updates."""

from __future__ import annotations

import json
from collections.abc import Iterable

from finsy.proto import p4r

from p4fabric.net.entries.commands import read_commands
from p4fabric.net.entries.runtime_json import read_entry, read_runtime
from p4fabric.net.entries.text import is_text_format, read_text
from p4fabric.net.entries.written import Written
from p4fabric.net.model import Entries, Replica, Switch
from p4fabric.net.read.document import Value, read_document
from p4fabric.net.read.errors import Problem, TopologyError, Wrong
from p4fabric.softswitch.client.program import Program
from p4fabric.softswitch.client.replication import clone_session, multicast_group


def updates_of(switch: Switch, program: Program) -> list[Written]:
    """All that a switch is given, in the order in which it stands.

    Raises:
        TopologyError: something does not fit the program; names file and place.
    """
    found = [
        _inserted(f"multicast_groups.{group}", multicast_group(group, _replicas(replicas)))
        for group, replicas in switch.multicast_groups.items()
    ]
    found += [
        _inserted(f"clone_sessions.{session}", clone_session(session, _replicas(replicas), truncate=length))
        for session, (replicas, length) in switch.clone_sessions.items()
    ]
    for entries in switch.entries:
        found += _read(entries, program)
    return found


def _inserted(place: str, entity: p4r.Entity) -> Written:
    return Written(place, p4r.Update(type=p4r.Update.INSERT, entity=entity))


def _replicas(replicas: Iterable[Replica]) -> list[p4r.Replica]:
    return [p4r.Replica(egress_port=one.port, instance=one.instance) for one in replicas]


def _read(entries: Entries, program: Program) -> list[Written]:
    source = str(entries.path) if entries.path is not None else entries.place.partition(".entries")[0]
    try:
        if entries.inline is not None:
            place = entries.place.removeprefix(f"{source}.")
            return [read_entry(Value(dict(entries.inline), place), program)]
        found = _read_file(entries, program)
    except Wrong as wrong:
        raise TopologyError(source, [wrong.problem]) from None
    return [Written(f"{source}: {one.place}", one.update) for one in found]


def _read_file(entries: Entries, program: Program) -> list[Written]:
    path = entries.path
    assert path is not None
    if path.suffix in (".json", ".yaml", ".yml"):
        return read_runtime(Value(read_document(path)), program)
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Wrong("", str(error)) from None
    if _is_json(text):
        return read_runtime(Value(json.loads(text)), program)
    return read_text(text) if is_text_format(text) else read_commands(text, program)


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith("{"):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


__all__ = ["Problem", "Written", "updates_of"]
