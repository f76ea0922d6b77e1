"""Entries as p4lang/tutorials' sX-runtime.json has them, in JSON or YAML."""

from __future__ import annotations

from finsy.proto import p4r

from p4fabric.net.entries.written import Written, action_of, at, entry_of, match_of
from p4fabric.net.read.document import Value
from p4fabric.net.read.errors import Wrong
from p4fabric.softswitch.client.entries import check_complete
from p4fabric.softswitch.client.errors import BadInput, NeedsPriority
from p4fabric.softswitch.client.program import Program
from p4fabric.softswitch.client.replication import clone_session, multicast_group

_TOP = ("target", "p4info", "bmv2_json", "table_entries", "multicast_group_entries", "clone_session_entries")
_ENTRY = ("table", "match", "action_name", "action_params", "default_action", "priority")
_GROUP = ("multicast_group_id", "replicas")
_SESSION = ("clone_session_id", "replicas", "packet_length_bytes")
HIGHEST_PRIORITY = (1 << 31) - 1


def read_runtime(document: Value, program: Program) -> list[Written]:
    """Its updates: entries, groups, sessions.

    Raises:
        Wrong: something is unknown or does not fit the program.
    """
    top = document.fields(_TOP)
    listed = {name: top[name].items() if name in top else [] for name in _TOP[3:]}
    return (
        [read_entry(value, program) for value in listed["table_entries"]]
        + [_group(value) for value in listed["multicast_group_entries"]]
        + [_session(value) for value in listed["clone_session_entries"]]
    )


def read_entry(value: Value, program: Program) -> Written:
    """The update of one table entry.

    Raises:
        Wrong: something is unknown or does not fit the program.
    """
    fields = value.fields(_ENTRY, ("table", "action_name"))
    name, action_name = fields["table"], fields["action_name"]
    with at(name.place):
        table = program.table(name.text())
    with at(action_name.place):
        action = table.action(action_name.text())
    default = "default_action" in fields and fields["default_action"].flag()
    params = dict(fields["action_params"].entries()) if "action_params" in fields else {}
    match: dict[str, p4r.FieldMatch | None] = {}
    for key, one in fields["match"].entries() if "match" in fields and fields["match"].content else ():
        with at(one.place):
            field = table.field(key)
        if field.name in match:
            raise one.wrong(f"{field.name} is given twice")
        match[field.name] = match_of(field, one)
    if default and match:
        raise Wrong(value.under("match"), "a default action has no key")
    priority = fields["priority"].integer(0, HIGHEST_PRIORITY) if "priority" in fields else 0
    if not default:
        try:
            check_complete(table, match, priority)
        except BadInput as error:
            missing = "priority" if isinstance(error, NeedsPriority) else "match"
            raise Wrong(value.under(missing), str(error)) from None
    encoded = action_of(action, params, action_name.place)
    given = [one for one in match.values() if one is not None]
    if not table.needs_priority:
        priority = 0
    return Written(
        value.place, entry_of(table, given, encoded, action_name, priority=priority, default=default)
    )


def _group(value: Value) -> Written:
    fields = value.fields(_GROUP, _GROUP)
    number = fields["multicast_group_id"].integer(1, 65535)
    entity = multicast_group(number, _replicas(fields["replicas"]))
    return Written(value.place, p4r.Update(type=p4r.Update.INSERT, entity=entity))


def _session(value: Value) -> Written:
    fields = value.fields(_SESSION, _SESSION[:2])
    truncate = fields["packet_length_bytes"].integer(0, 65535) if "packet_length_bytes" in fields else 0
    number = fields["clone_session_id"].integer(1, 32767)
    entity = clone_session(number, _replicas(fields["replicas"]), truncate=truncate)
    return Written(value.place, p4r.Update(type=p4r.Update.INSERT, entity=entity))


def _replicas(value: Value) -> list[p4r.Replica]:
    found = []
    for one in value.items():
        fields = one.fields(("egress_port", "instance"), ("egress_port",))
        instance = fields["instance"].integer(0, 65535) if "instance" in fields else 0
        found.append(p4r.Replica(egress_port=fields["egress_port"].integer(0, 511), instance=instance))
    return found
