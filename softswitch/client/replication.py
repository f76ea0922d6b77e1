"""Multicast groups and clone sessions as entities."""

from __future__ import annotations

from collections.abc import Iterable

from finsy.proto import p4r


def multicast_group(number: int, replicas: Iterable[p4r.Replica]) -> p4r.Entity:
    """A group with its replicas."""
    entity = p4r.Entity()
    entry = entity.packet_replication_engine_entry.multicast_group_entry
    entry.multicast_group_id = number
    entry.replicas.extend(replicas)
    return entity


def clone_session(
    number: int, replicas: Iterable[p4r.Replica], *, class_of_service: int = 0, truncate: int = 0
) -> p4r.Entity:
    """A session with its replicas; `truncate` is in bytes, 0 leaves clones whole."""
    entity = p4r.Entity()
    entry = entity.packet_replication_engine_entry.clone_session_entry
    entry.session_id = number
    entry.replicas.extend(replicas)
    entry.class_of_service, entry.packet_length_bytes = class_of_service, truncate
    return entity
