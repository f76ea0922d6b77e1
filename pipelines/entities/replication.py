"""Multicast groups and clone sessions of the packet replication engine (section 9.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from finsy.proto import p4r

from p4fabric.pipelines.entities.encoding import decode_bytes
from p4fabric.pipelines.entities.key import EntityKey

__all__ = ["CloneSession", "MulticastGroup", "Replica"]


@dataclass(frozen=True, slots=True, order=True)
class Replica:
    """One copy of a packet: the port it leaves by and its `egress_rid`."""

    port: int
    instance: int = 0

    def encode(self) -> p4r.Replica:
        """Encode with the byte-string port of P4Runtime 1.4, which older servers ignore, and theirs."""
        return p4r.Replica(egress_port=self.port, instance=self.instance)

    @classmethod
    def decode(cls, replica: p4r.Replica) -> Self:
        """Decode either way of naming the port."""
        port = replica.egress_port if replica.HasField("egress_port") else decode_bytes(replica.port)
        return cls(port, replica.instance)


@dataclass(frozen=True, slots=True)
class MulticastGroup:
    """A multicast group of the packet replication engine; replicas are sorted by port."""

    group_id: int
    replicas: tuple[Replica, ...]

    @property
    def key(self) -> EntityKey:
        """The group id."""
        return ("multicast_group", self.group_id)

    def encode(self) -> p4r.Entity:
        """Encode whole."""
        entity = p4r.Entity()
        group = entity.packet_replication_engine_entry.multicast_group_entry
        group.multicast_group_id = self.group_id
        group.replicas.extend(replica.encode() for replica in self.replicas)
        return entity

    @classmethod
    def decode(cls, entry: p4r.MulticastGroupEntry) -> Self:
        """Decode, replicas in order of ports."""
        return cls(entry.multicast_group_id, tuple(sorted(Replica.decode(r) for r in entry.replicas)))


@dataclass(frozen=True, slots=True)
class CloneSession:
    """A clone session: where clones go, and how many bytes of the packet they keep (0: all)."""

    session_id: int
    replicas: tuple[Replica, ...]
    class_of_service: int = 0
    packet_length_bytes: int = 0

    @property
    def key(self) -> EntityKey:
        """The session id."""
        return ("clone_session", self.session_id)

    def encode(self) -> p4r.Entity:
        """Encode whole."""
        entity = p4r.Entity()
        session = entity.packet_replication_engine_entry.clone_session_entry
        session.session_id = self.session_id
        session.class_of_service = self.class_of_service
        session.packet_length_bytes = self.packet_length_bytes
        session.replicas.extend(replica.encode() for replica in self.replicas)
        return entity

    @classmethod
    def decode(cls, entry: p4r.CloneSessionEntry) -> Self:
        """Decode, replicas in order of ports."""
        replicas = tuple(sorted(Replica.decode(r) for r in entry.replicas))
        return cls(entry.session_id, replicas, entry.class_of_service, entry.packet_length_bytes)
