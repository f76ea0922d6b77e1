"""The typed bindings of one P4 program as a value: which class stands for which id of its P4Info.

A generated module ends with one, `BINDINGS`. Whoever is given it can decode what a switch says without
knowing the program.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeVar

from finsy.proto import p4r

from p4fabric.pipelines.entities import (
    CloneSession,
    CounterCell,
    DigestConfig,
    DigestMessage,
    Entity,
    FixedEntity,
    MeterCell,
    MulticastGroup,
    PacketMetadata,
    ProfileGroup,
    ProfileMember,
    RegisterCell,
    TableEntry,
    ValueSet,
)

__all__ = ["Bindings"]

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Bindings:
    """Classes by the ids of the P4Info."""

    tables: Mapping[int, type[TableEntry]]
    digests: Mapping[int, type[DigestMessage]]
    packet_in: type[PacketMetadata] | None
    packet_out: type[PacketMetadata] | None
    members: Mapping[int, type[ProfileMember]]
    """By their action profile. Empty where the tables take one-shot action sets only."""
    groups: Mapping[int, type[ProfileGroup]]
    counters: Mapping[int, type[CounterCell]]
    meters: Mapping[int, type[MeterCell]]
    registers: Mapping[int, type[RegisterCell]]
    value_sets: Mapping[int, type[ValueSet]]
    _wildcards: list[p4r.Entity] = field(default_factory=list, init=False, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        *,
        tables: Iterable[type[TableEntry]] = (),
        digests: Iterable[type[DigestMessage]] = (),
        packet_in: type[PacketMetadata] | None = None,
        packet_out: type[PacketMetadata] | None = None,
        members: Iterable[type[ProfileMember]] = (),
        groups: Iterable[type[ProfileGroup]] = (),
        counters: Iterable[type[CounterCell]] = (),
        meters: Iterable[type[MeterCell]] = (),
        registers: Iterable[type[RegisterCell]] = (),
        value_sets: Iterable[type[ValueSet]] = (),
    ) -> Self:
        """Make it of the generated classes."""
        return cls(
            {table.TABLE_ID: table for table in tables},
            {digest.DIGEST_ID: digest for digest in digests},
            packet_in,
            packet_out,
            {member.PROFILE_ID: member for member in members},
            {group.PROFILE_ID: group for group in groups},
            {counter.COUNTER_ID: counter for counter in counters},
            {meter.METER_ID: meter for meter in meters},
            {register.REGISTER_ID: register for register in registers},
            {value_set.VALUE_SET_ID: value_set for value_set in value_sets},
        )

    def wildcards(self) -> Sequence[p4r.Entity]:
        """What to ask a switch for to be told every entity that a controller may have written.

        One for each table, so that no answer holds more than a table; digests by id, since PI's servers know
        no wildcard there. Not to be changed.
        """
        if not self._wildcards:
            self._wildcards.extend(self._made_wildcards())
        return self._wildcards

    def _made_wildcards(self) -> list[p4r.Entity]:
        asked = [p4r.Entity(table_entry=table.wildcard()) for table in self.tables.values()]
        for profile in self.members:
            member = p4r.ActionProfileMember(action_profile_id=profile)
            asked.append(p4r.Entity(action_profile_member=member))
        for profile in self.groups:
            group = p4r.ActionProfileGroup(action_profile_id=profile)
            asked.append(p4r.Entity(action_profile_group=group))
        multicast, clones = p4r.Entity(), p4r.Entity()
        multicast.packet_replication_engine_entry.multicast_group_entry.SetInParent()
        clones.packet_replication_engine_entry.clone_session_entry.SetInParent()
        asked += [multicast, clones]
        asked += [p4r.Entity(digest_entry=p4r.DigestEntry(digest_id=digest)) for digest in self.digests]
        return asked

    def decode(self, entity: p4r.Entity) -> Entity | FixedEntity:
        """Decode what a switch holds.

        Raises:
            ValueError: it is none of this program's.
        """
        kind = entity.WhichOneof("entity")
        match kind:
            case "table_entry":
                table = _known(self.tables, entity.table_entry.table_id, "table")
                return table.decode(entity.table_entry)
            case "action_profile_member":
                member = entity.action_profile_member
                return _known(self.members, member.action_profile_id, "action profile").decode(member)
            case "action_profile_group":
                group = entity.action_profile_group
                return _known(self.groups, group.action_profile_id, "action selector").decode(group)
            case "packet_replication_engine_entry":
                engine = entity.packet_replication_engine_entry
                if engine.HasField("clone_session_entry"):
                    return CloneSession.decode(engine.clone_session_entry)
                return MulticastGroup.decode(engine.multicast_group_entry)
            case "digest_entry":
                _known(self.digests, entity.digest_entry.digest_id, "digest")
                return DigestConfig.decode(entity.digest_entry)
            case "meter_entry":
                meter = entity.meter_entry
                return _known(self.meters, meter.meter_id, "meter").decode(meter)
            case "register_entry":
                register = entity.register_entry
                return _known(self.registers, register.register_id, "register").decode(register)
            case "value_set_entry":
                value_set = entity.value_set_entry
                return _known(self.value_sets, value_set.value_set_id, "value set").decode(value_set)
            case _:
                raise ValueError(f"{kind} is no entity that bindings decode")

    def decode_packet_in(self, packet: p4r.PacketIn) -> PacketMetadata:
        """Decode a packet-in's header.

        Raises:
            ValueError: the program has no such header, or another one.
        """
        if self.packet_in is None:
            raise ValueError("the program has no packet-in header")
        return self.packet_in.decode(packet.metadata)

    def digest(self, digest_id: int) -> type[DigestMessage]:
        """The class of a digest's messages.

        Raises:
            ValueError: the program has no such digest.
        """
        return _known(self.digests, digest_id, "digest")


def _known(classes: Mapping[int, K], number: int, what: str) -> K:
    """The class of a number.

    Raises:
        ValueError: the program has none.
    """
    found = classes.get(number)
    if found is None:
        raise ValueError(f"{what} {number} is none of the program's")
    return found
