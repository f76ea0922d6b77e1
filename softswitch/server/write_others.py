"""Updates of replication, counter, meter, register, value set and digest entries (specification, sections 9.4
to 9.8)."""

from __future__ import annotations

from collections.abc import Sequence

from finsy.proto import p4r

from p4fabric.softswitch.engine.api import (
    Change,
    Outcome,
    Replica,
    WriteCloneSession,
    WriteCounter,
    WriteMeter,
    WriteMulticastGroup,
    WriteRegister,
    WriteValueSet,
)
from p4fabric.softswitch.server.bytestrings import decode, encode, is_canonical
from p4fabric.softswitch.server.errors import (
    Code,
    Refusal,
    exhausted,
    invalid,
    not_found,
    out_of_range,
    unimplemented,
)
from p4fabric.softswitch.server.meters import decode_rates
from p4fabric.softswitch.server.plan import Plan, Scene
from p4fabric.softswitch.server.write_tables import counter_value

MOST_REPLICAS = 4096
LONGEST_PACKET = (1 << 16) - 1
PORTS = 512


def checked_index(index: p4r.Index, size: int, name: str) -> int:
    """An index into an array; `Refusal` as section 9.4.2 has it."""
    if index.index < 0:
        raise invalid(f"{name}: index {index.index} is negative")
    if index.index >= size:
        raise out_of_range(f"{name}: index {index.index} is not in 0..{size - 1}")
    return index.index


class ReplicationUpdates:
    """Plans updates of multicast groups and clone sessions."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def plan(self, change: Change, given: p4r.PacketReplicationEngineEntry) -> Plan:
        """An update of either."""
        match given.WhichOneof("type"):
            case "multicast_group_entry":
                return self._multicast(change, given.multicast_group_entry)
            case "clone_session_entry":
                return self._clone(change, given.clone_session_entry)
        raise invalid("packet_replication_engine_entry: a multicast group or a clone session is needed")

    def _multicast(self, change: Change, given: p4r.MulticastGroupEntry) -> Plan:
        number = given.multicast_group_id
        if not 1 <= number <= 65535:
            raise invalid(f"multicast_group_id {number} is not in 1..65535")
        kept = self._scene.store.multicast
        if change is Change.DELETE:
            return Plan((WriteMulticastGroup(change, number),), _Commit(kept, number, None))
        replicas = _replicas(given.replicas, f"multicast group {number}")
        wire = given.SerializeToString()
        return Plan((WriteMulticastGroup(change, number, replicas),), _Commit(kept, number, wire))

    def _clone(self, change: Change, given: p4r.CloneSessionEntry) -> Plan:
        number = given.session_id
        if not 1 <= number <= 32767:
            raise invalid(f"session_id {number} is not in 1..32767")
        kept = self._scene.store.clones
        if change is Change.DELETE:
            return Plan((WriteCloneSession(change, number),), _Commit(kept, number, None))
        if given.class_of_service > 7:
            raise invalid(f"clone session {number}: class_of_service {given.class_of_service} is not in 0..7")
        if given.packet_length_bytes < 0:
            raise invalid(f"clone session {number}: packet_length_bytes is negative")
        # No packet is longer than the engine can say.
        length = given.packet_length_bytes if given.packet_length_bytes <= LONGEST_PACKET else 0
        replicas = _replicas(given.replicas, f"clone session {number}")
        wire = given.SerializeToString()
        session = WriteCloneSession(change, number, replicas, given.class_of_service, length)
        return Plan((session,), _Commit(kept, number, wire))


class _Commit:
    """Takes a change into the store."""

    def __init__(self, kept: dict[int, bytes], number: int, wire: bytes | None) -> None:
        self._kept, self._number, self._wire = kept, number, wire

    def __call__(self, _: Sequence[Outcome]) -> None:
        if self._wire is None:
            self._kept.pop(self._number, None)
        else:
            self._kept[self._number] = self._wire


def _replicas(given: Sequence[p4r.Replica], name: str) -> tuple[Replica, ...]:
    if len(given) > MOST_REPLICAS:
        raise Refusal(Code.RESOURCE_EXHAUSTED, f"{name}: {len(given)} replicas, {MOST_REPLICAS} are the most")
    replicas = []
    for one in given:
        kind = one.WhichOneof("port_kind")
        if kind is None:
            raise invalid(f"{name}: a replica needs a port")
        if one.backup_replicas:
            raise unimplemented(f"{name}: backup replicas are not implemented")
        port = one.egress_port
        if kind == "port":
            try:
                port = decode(one.port, 32, "port")
            except Refusal as refusal:
                raise invalid(f"{name}: {refusal.text}") from None
            if not is_canonical(one.port):
                one.port = encode(port)
        if not 0 <= port < PORTS:
            raise invalid(f"{name}: port {port} is not in 0..{PORTS - 1}")
        if one.instance > 65535:
            raise invalid(f"{name}: instance {one.instance} is not in 0..65535")
        replicas.append(Replica(port, one.instance))
    if len(set(replicas)) != len(replicas):
        raise invalid(f"{name}: two replicas have the same port and instance")
    return tuple(replicas)


class CellUpdates:
    """Plans updates of indirect counters, meters and registers."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def counter(self, change: Change, given: p4r.CounterEntry) -> Plan:
        """An update of one cell, or of all."""
        counter = self._scene.schema.counter(given.counter_id)
        if change is not Change.MODIFY:
            raise invalid(f"{counter.name}: a counter can only be modified")
        index = checked_index(given.index, counter.size, counter.name) if given.HasField("index") else None
        if not given.HasField("data"):
            return Plan(())
        return Plan((WriteCounter(counter.name, index, counter_value(given.data)),))

    def meter(self, change: Change, given: p4r.MeterEntry) -> Plan:
        """An update of one cell, or of all."""
        meter = self._scene.schema.meter(given.meter_id)
        if change is not Change.MODIFY:
            raise invalid(f"{meter.name}: a meter can only be modified")
        if given.HasField("counter_data"):
            raise unimplemented(f"{meter.name}: it has no counters per color")
        index = checked_index(given.index, meter.size, meter.name) if given.HasField("index") else None
        rates = decode_rates(given.config, meter.type, meter.name) if given.HasField("config") else None
        return Plan((WriteMeter(meter.name, index, rates),))

    def register(self, change: Change, given: p4r.RegisterEntry) -> Plan:
        """An update of one cell, or of all."""
        register = self._scene.schema.register(given.register_id)
        if change is not Change.MODIFY:
            raise invalid(f"{register.name}: a register can only be modified")
        if register.type is None:
            raise unimplemented(f"{register.name}: cells of its type are not implemented")
        index = checked_index(given.index, register.size, register.name) if given.HasField("index") else None
        (value,) = register.type.values(given.data, register.name)
        return Plan((WriteRegister(register.name, index, value),))


class ValueSetUpdates:
    """Plans updates of parser value sets."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def plan(self, change: Change, given: p4r.ValueSetEntry) -> Plan:
        """All members of one."""
        value_set = self._scene.schema.value_set(given.value_set_id)
        if change is not Change.MODIFY:
            raise invalid(f"{value_set.name}: a value set can only be modified")
        if len(given.members) > value_set.size:
            raise exhausted(f"{value_set.name}: {len(given.members)} members, {value_set.size} are the most")
        members = [value_set.member.decode(one.match) for one in given.members]
        if len(set(members)) != len(members):
            raise Refusal(Code.ALREADY_EXISTS, f"{value_set.name}: a member is given twice")
        entry = p4r.ValueSetEntry(value_set_id=value_set.id)
        for one in members:
            entry.members.add(match=value_set.member.encode(one))
        commit = _Commit(self._scene.store.value_sets, value_set.id, entry.SerializeToString())
        return Plan((WriteValueSet(value_set.name, tuple(members)),), commit)


class DigestUpdates:
    """Plans updates of digest configurations, which concern the server alone."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def plan(self, change: Change, given: p4r.DigestEntry) -> Plan:
        """An update of one."""
        digest = self._scene.schema.digest(given.digest_id)
        kept = self._scene.store.digests
        known = self._scene.expected(("digest", digest.id), digest.id in kept)
        if change is Change.INSERT and known:
            raise Refusal(Code.ALREADY_EXISTS, f"{digest.name} is configured already")
        if change is not Change.INSERT and not known:
            raise not_found(f"{digest.name} is not configured")
        if change is Change.DELETE:
            self._scene.expect(("digest", digest.id), False)

            def forget(_: Sequence[Outcome]) -> None:
                kept.pop(digest.id, None)

            return Plan((), forget)
        config = p4r.DigestEntry.Config()
        config.CopyFrom(given.config)
        for name in ("max_timeout_ns", "max_list_size", "ack_timeout_ns"):
            if getattr(config, name) < 0:
                raise invalid(f"{digest.name}: {name} is negative")
        self._scene.expect(("digest", digest.id), True)

        def commit(_: Sequence[Outcome]) -> None:
            kept[digest.id] = config

        return Plan((), commit)
