"""P4Runtime entities as values: what the generated bindings are made of.

An entity is immutable; equality is meaning; `key` says which thing on the switch it is (so two
entities with one key are two versions of the same entry). It encodes to and decodes from the
messages of P4Runtime 1.5. This module knows the encoding (canonical byte strings, section 8.4);
it must never know a pipeline, a switch or an intent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar

from finsy.proto import p4d, p4r

__all__ = [
    "Action",
    "CloneSession",
    "Counter",
    "CounterCell",
    "DigestConfig",
    "Entity",
    "EntityKey",
    "Lpm",
    "MatchField",
    "MulticastGroup",
    "Parameter",
    "Replica",
    "TableEntry",
    "Ternary",
    "Weighted",
    "decode_bytes",
    "encode_int",
]

T = TypeVar("T")
A = TypeVar("A", bound="Action", covariant=True)

EntityKey = tuple[object, ...]


def encode_int(value: int) -> bytes:
    """Encode as a canonical byte string: big-endian, no leading zero bytes, at least one byte."""
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def decode_bytes(value: bytes) -> int:
    """Decode a byte string of any length, canonical or not."""
    return int.from_bytes(value, "big")


@dataclass(frozen=True, slots=True)
class Lpm(Generic[T]):
    """A prefix: the first `prefix_length` bits of `value`; the rest must be zero."""

    value: T
    prefix_length: int


@dataclass(frozen=True, slots=True)
class Ternary(Generic[T]):
    """The bits of `value` that `mask` selects; the rest must be zero."""

    value: T
    mask: int

    @classmethod
    def exact(cls, value: T, bits: int) -> Ternary[T]:
        """Match all `bits` bits."""
        return cls(value, (1 << bits) - 1)


@dataclass(frozen=True, slots=True)
class MatchField:
    """One field of a table's key, as P4Info describes it."""

    id: int
    name: str
    bitwidth: int
    kind: str
    """`exact`, `lpm`, `ternary`, `range` or `optional`."""
    make: Callable[[int], Any]

    def encode(self, value: Any) -> p4r.FieldMatch | None:
        """Encode, or None where the value matches everything (section 9.1.1)."""
        match = p4r.FieldMatch(field_id=self.id)
        if self.kind == "exact":
            match.exact.value = encode_int(int(value))
            return match
        if value is None:
            return None
        if self.kind == "lpm":
            if value.prefix_length == 0:
                return None
            match.lpm.value = encode_int(int(value.value))
            match.lpm.prefix_len = value.prefix_length
        elif self.kind == "ternary":
            if value.mask == 0:
                return None
            match.ternary.value = encode_int(int(value.value))
            match.ternary.mask = encode_int(value.mask)
        elif self.kind == "optional":
            match.optional.value = encode_int(int(value))
        else:
            raise NotImplementedError(f"match kind {self.kind} of field {self.name}")
        return match

    def decode(self, match: p4r.FieldMatch | None) -> Any:
        """Decode; a field left out matches everything."""
        if self.kind == "exact":
            if match is None:
                raise ValueError(f"exact field {self.name} is missing")
            return self.make(decode_bytes(match.exact.value))
        if self.kind == "lpm":
            if match is None:
                return Lpm(self.make(0), 0)
            return Lpm(self.make(decode_bytes(match.lpm.value)), match.lpm.prefix_len)
        if match is None:
            return None
        if self.kind == "ternary":
            return Ternary(self.make(decode_bytes(match.ternary.value)), decode_bytes(match.ternary.mask))
        return self.make(decode_bytes(match.optional.value))


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an action, or one field of a digest or of packet metadata."""

    id: int
    name: str
    bitwidth: int
    make: Callable[[int], Any]


@dataclass(frozen=True, slots=True)
class Action:
    """Base of the generated actions; the subclass's fields are the parameters, in order."""

    ID: ClassVar[int]
    NAME: ClassVar[str]
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()

    def encode(self) -> p4r.Action:
        """Encode as P4Runtime's Action."""
        action = p4r.Action(action_id=self.ID)
        for parameter in self.PARAMETERS:
            value = int(getattr(self, parameter.name))
            action.params.add(param_id=parameter.id, value=encode_int(value))
        return action

    @classmethod
    def decode(cls, action: p4r.Action) -> Self:
        """Decode an Action with this class's id."""
        by_id = {parameter.param_id: parameter.value for parameter in action.params}
        return cls(*(p.make(decode_bytes(by_id[p.id])) for p in cls.PARAMETERS))


@dataclass(frozen=True, slots=True)
class Weighted(Generic[A]):
    """A member of a one-shot action set and its share (section 9.2.3)."""

    action: A
    weight: int = 1
    watch_port: int | None = None


@dataclass(frozen=True, slots=True)
class Counter:
    """A packet and byte count."""

    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class CounterCell:
    """Base of the generated indirect counters: one cell of an array."""

    COUNTER_ID: ClassVar[int]
    COUNTER_NAME: ClassVar[str]
    SIZE: ClassVar[int]

    index: int

    def __post_init__(self) -> None:
        """Refuse a cell that the array does not have.

        Raises:
            ValueError: the index is outside of the array.
        """
        if not 0 <= self.index < self.SIZE:
            raise ValueError(f"{self.COUNTER_NAME} has cells 0 to {self.SIZE - 1}, not {self.index}")

    @property
    def key(self) -> EntityKey:
        """The array and the index."""
        return (self.COUNTER_ID, self.index)

    def encode_key(self) -> p4r.Entity:
        """Encode what a read asks for (section 9.4)."""
        entity = p4r.Entity()
        entity.counter_entry.counter_id = self.COUNTER_ID
        entity.counter_entry.index.index = self.index
        return entity


@dataclass(frozen=True)
class TableEntry:
    """Base of the generated tables.

    The subclass's fields are the key's fields in order, then `priority` (tables with ternary, range
    or optional fields; larger wins), then `action`: one action, or a tuple of `Weighted` actions
    where the table is implemented by an action selector.
    """

    TABLE_ID: ClassVar[int]
    TABLE_NAME: ClassVar[str]
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]]
    ACTIONS: ClassVar[dict[int, type[Action]]]
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = False

    @property
    def key(self) -> EntityKey:
        """The table, the match and the priority."""
        values = tuple(getattr(self, field.name) for field in self.MATCH_FIELDS)
        return (self.TABLE_ID, *values, getattr(self, "priority", 0))

    def encode_key(self) -> p4r.TableEntry:
        """Encode table, match and priority only: what a delete or a counter read names."""
        entry = p4r.TableEntry(table_id=self.TABLE_ID, priority=getattr(self, "priority", 0))
        for field in self.MATCH_FIELDS:
            match = field.encode(getattr(self, field.name))
            if match is not None:
                entry.match.append(match)
        return entry

    def encode(self) -> p4r.Entity:
        """Encode whole."""
        entry = self.encode_key()
        action: Any = self.action  # type: ignore[attr-defined]
        if isinstance(action, Action):
            entry.action.action.CopyFrom(action.encode())
        else:
            for member in action:
                profile_action = entry.action.action_profile_action_set.action_profile_actions.add(
                    action=member.action.encode(), weight=member.weight
                )
                if member.watch_port is not None:
                    profile_action.watch_port = encode_int(member.watch_port)
        return p4r.Entity(table_entry=entry)

    @classmethod
    def decode(cls, entry: p4r.TableEntry) -> Self:
        """Decode an entry of this table.

        Raises:
            ValueError: a match field or an action that this table does not have.
        """
        by_id = {match.field_id: match for match in entry.match}
        values: dict[str, Any] = {f.name: f.decode(by_id.get(f.id)) for f in cls.MATCH_FIELDS}
        if cls.HAS_PRIORITY:
            values["priority"] = entry.priority
        if entry.action.WhichOneof("type") == "action_profile_action_set":
            values["action"] = tuple(
                Weighted(
                    cls._action(member.action),
                    member.weight,
                    decode_bytes(member.watch_port) if member.HasField("watch_port") else None,
                )
                for member in entry.action.action_profile_action_set.action_profile_actions
            )
        else:
            values["action"] = cls._action(entry.action.action)
        return cls(**values)

    @classmethod
    def _action(cls, action: p4r.Action) -> Action:
        try:
            return cls.ACTIONS[action.action_id].decode(action)
        except KeyError:
            raise ValueError(f"{cls.TABLE_NAME}: unknown action {action.action_id}") from None


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


@dataclass(frozen=True, slots=True)
class DigestConfig:
    """How a digest is batched (section 9.7): nanoseconds, and messages a list."""

    digest_id: int
    max_timeout_ns: int
    max_list_size: int
    ack_timeout_ns: int

    @property
    def key(self) -> EntityKey:
        """The digest id."""
        return ("digest", self.digest_id)

    def encode(self) -> p4r.Entity:
        """Encode whole."""
        entity = p4r.Entity()
        entity.digest_entry.digest_id = self.digest_id
        entity.digest_entry.config.max_timeout_ns = self.max_timeout_ns
        entity.digest_entry.config.max_list_size = self.max_list_size
        entity.digest_entry.config.ack_timeout_ns = self.ack_timeout_ns
        return entity

    @classmethod
    def decode(cls, entry: p4r.DigestEntry) -> Self:
        """Decode."""
        config = entry.config
        return cls(entry.digest_id, config.max_timeout_ns, config.max_list_size, config.ack_timeout_ns)


Entity = TableEntry | MulticastGroup | CloneSession | DigestConfig


@dataclass(frozen=True, slots=True)
class DigestMessage:
    """Base of the generated digest messages; fields in the order of the P4 struct."""

    DIGEST_ID: ClassVar[int]
    FIELDS: ClassVar[tuple[Parameter, ...]]

    @classmethod
    def decode(cls, message: p4d.P4Data) -> Self:
        """Decode one message of a digest list.

        Raises:
            ValueError: not a struct with this digest's fields.
        """
        members = message.struct.members
        if len(members) != len(cls.FIELDS):
            raise ValueError(f"{cls.__name__} has {len(cls.FIELDS)} fields, not {len(members)}")
        values = zip(cls.FIELDS, members, strict=True)
        return cls(*(field.make(decode_bytes(member.bitstring)) for field, member in values))


@dataclass(frozen=True, slots=True)
class PacketMetadata:
    """Base of the generated packet-in and packet-out headers; padding is left out."""

    METADATA: ClassVar[tuple[Parameter, ...]]
    PADDING: ClassVar[tuple[int, ...]] = ()

    def encode(self) -> list[p4r.PacketMetadata]:
        """Encode as the metadata of a PacketOut, padding zero."""
        values = [(m.id, int(getattr(self, m.name))) for m in self.METADATA]
        values += [(padding, 0) for padding in self.PADDING]
        return [p4r.PacketMetadata(metadata_id=i, value=encode_int(value)) for i, value in sorted(values)]

    @classmethod
    def decode(cls, metadata: list[p4r.PacketMetadata]) -> Self:
        """Decode a PacketIn's metadata.

        Raises:
            ValueError: a field is missing.
        """
        by_id = {entry.metadata_id: entry.value for entry in metadata}
        try:
            return cls(*(m.make(decode_bytes(by_id[m.id])) for m in cls.METADATA))
        except KeyError as missing:
            raise ValueError(f"packet metadata {missing.args[0]} is missing") from None
