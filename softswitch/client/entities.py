"""Whatever a controller writes, as people read it: table entries, members and groups of action profiles,
multicast groups, clone sessions and the batching of digests.

What is shown of table entries, groups and replicas can be typed again. Must not know who reads or writes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from finsy.p4entity import decode_port
from finsy.proto import p4r

from p4fabric.softswitch.client import entries
from p4fabric.softswitch.client.program import Program, plain_action, show_action

MULTICAST_GROUP = "multicast_group"
CLONE_SESSION = "clone_session"
DIGEST = "digest"


def where(program: Program, entity: p4r.Entity) -> str:
    """The table or action profile, short, or what else it is; `SwitchFailed` where P4Info has none."""
    match entity.WhichOneof("entity"):
        case "table_entry":
            return program.table_by_id(entity.table_entry.table_id).short
        case "action_profile_member":
            return program.short("action_profiles", profile_name(program, entity.action_profile_member))
        case "action_profile_group":
            return program.short("action_profiles", profile_name(program, entity.action_profile_group))
        case "packet_replication_engine_entry":
            engine = entity.packet_replication_engine_entry
            return CLONE_SESSION if engine.HasField("clone_session_entry") else MULTICAST_GROUP
        case "digest_entry":
            return DIGEST
    return str(entity.WhichOneof("entity"))


def show_entity(program: Program, entity: p4r.Entity) -> str:
    """One line, without `where`; `SwitchFailed` where P4Info does not have what it names."""
    match entity.WhichOneof("entity"):
        case "table_entry":
            return _show_entry(program, entity.table_entry)
        case "action_profile_member":
            member = entity.action_profile_member
            action = show_action(program.action_by_id(member.action.action_id), member.action)
            return f"member {member.member_id} {action}"
        case "action_profile_group":
            group = entity.action_profile_group
            return " ".join(filter(None, (f"group {group.group_id}", show_members(group.members))))
        case "packet_replication_engine_entry":
            return _show_replication(entity.packet_replication_engine_entry)
        case "digest_entry":
            return _show_digest(program, entity.digest_entry)
    return str(entity).strip()


def plain_entity(program: Program, entity: p4r.Entity) -> dict[str, Any]:
    """The same for programs; `SwitchFailed` where P4Info does not have what it names."""
    match entity.WhichOneof("entity"):
        case "table_entry":
            entry = entity.table_entry
            return entries.plain_entry(program, program.table_by_id(entry.table_id), entry)
        case "action_profile_member":
            return plain_member(program, entity.action_profile_member)
        case "action_profile_group":
            return plain_group(program, entity.action_profile_group)
        case "packet_replication_engine_entry":
            engine = entity.packet_replication_engine_entry
            if engine.HasField("clone_session_entry"):
                return {"clone_session": plain_clone_session(engine.clone_session_entry)}
            return {"multicast_group": plain_multicast_group(engine.multicast_group_entry)}
        case "digest_entry":
            return _plain_digest(program, entity.digest_entry)
    return {}


# --- action profiles ----------------------------------------------------------------------------


def profile_name(program: Program, one: p4r.ActionProfileMember | p4r.ActionProfileGroup) -> str:
    """The whole name of its action profile."""
    return str(program.by_id("action_profiles", one.action_profile_id).preamble.name)


def show_members(members: Iterable[p4r.ActionProfileGroup.Member]) -> str:
    """A group's members as they are typed."""
    return " ".join(
        entries.Weighted(str(each.member_id), each.weight, entries.watch_port(each)).text for each in members
    )


def plain_member(program: Program, one: p4r.ActionProfileMember) -> dict[str, Any]:
    """A member of an action profile, for programs."""
    return {
        "profile": profile_name(program, one),
        "id": one.member_id,
        "action": plain_action(program.action_by_id(one.action.action_id), one.action),
    }


def plain_group(program: Program, one: p4r.ActionProfileGroup) -> dict[str, Any]:
    """A group of an action selector, for programs."""
    return {
        "profile": profile_name(program, one),
        "id": one.group_id,
        "max_size": one.max_size,
        "members": [
            {"id": each.member_id, "weight": each.weight, "watch_port": entries.watch_port(each)}
            for each in one.members
        ],
    }


# --- replication --------------------------------------------------------------------------------


def show_replicas(replicas: Iterable[p4r.Replica]) -> str:
    """Where copies go, as it is typed: `1 2:7`."""
    return " ".join(f"{_port(one)}:{one.instance}" if one.instance else str(_port(one)) for one in replicas)


def plain_multicast_group(one: p4r.MulticastGroupEntry) -> dict[str, Any]:
    """A multicast group, for programs."""
    return {"id": one.multicast_group_id, "replicas": _plain_replicas(one.replicas)}


def plain_clone_session(one: p4r.CloneSessionEntry) -> dict[str, Any]:
    """A clone session, for programs; `truncate` is in bytes, 0 leaves clones whole."""
    return {
        "id": one.session_id,
        "replicas": _plain_replicas(one.replicas),
        "class_of_service": one.class_of_service,
        "truncate": one.packet_length_bytes,
    }


def _plain_replicas(replicas: Iterable[p4r.Replica]) -> list[dict[str, int]]:
    return [{"port": _port(one), "instance": one.instance} for one in replicas]


def _port(one: p4r.Replica) -> int:
    return decode_port(one.port) if one.WhichOneof("port_kind") == "port" else one.egress_port


def _show_replication(engine: p4r.PacketReplicationEngineEntry) -> str:
    if not engine.HasField("clone_session_entry"):
        group = engine.multicast_group_entry
        return f"{group.multicast_group_id} {show_replicas(group.replicas)}".rstrip()
    session = engine.clone_session_entry
    parts = [str(session.session_id), show_replicas(session.replicas)]
    if session.class_of_service:
        parts.append(f"--class-of-service {session.class_of_service}")
    if session.packet_length_bytes:
        parts.append(f"--truncate {session.packet_length_bytes}")
    return " ".join(filter(None, parts))


# --- tables and digests -------------------------------------------------------------------------


def _show_entry(program: Program, entry: p4r.TableEntry) -> str:
    table = program.table_by_id(entry.table_id)
    parts = [entries.show_match(table, entry)]
    if entry.priority:
        parts.append(f"--priority {entry.priority}")
    parts.append(entries.show_table_action(program, entry.action))
    if entry.idle_timeout_ns:
        parts.append(f"--idle-timeout {entry.idle_timeout_ns / entries.NANOSECONDS:g}")
    if entry.HasField("meter_config"):
        parts.append(entries.show_rates(entry.meter_config))
    return " ".join(filter(None, parts))


def _show_digest(program: Program, entry: p4r.DigestEntry) -> str:
    name = program.short("digests", program.by_id("digests", entry.digest_id).preamble.name)
    config = entry.config
    milliseconds = 1_000_000
    return (
        f"{name} max_timeout={config.max_timeout_ns / milliseconds:g}ms max_list_size={config.max_list_size} "
        f"ack_timeout={config.ack_timeout_ns / milliseconds:g}ms"
    )


def _plain_digest(program: Program, entry: p4r.DigestEntry) -> dict[str, Any]:
    config = entry.config
    return {
        "digest": program.by_id("digests", entry.digest_id).preamble.name,
        "max_timeout_ns": config.max_timeout_ns,
        "max_list_size": config.max_list_size,
        "ack_timeout_ns": config.ack_timeout_ns,
    }
