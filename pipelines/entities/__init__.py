"""P4Runtime entities as values: what the generated bindings are made of.

An entity is immutable; equality is meaning; `key` says which thing on the switch it is (so two
entities with one key are two versions of the same entry). It encodes to and decodes from the
messages of P4Runtime 1.5. This package knows the encoding (canonical byte strings, section 8.4);
it knows no pipeline, no switch and no intent.
"""

from __future__ import annotations

from p4fabric.pipelines.entities.action import Action, Weighted
from p4fabric.pipelines.entities.counter import Counter, CounterCell
from p4fabric.pipelines.entities.data import (
    Bits,
    DataField,
    DataType,
    EnumMember,
    EnumNumber,
    ErrorMember,
    Flag,
    HeaderOf,
    Signed,
    Struct,
    StructOf,
    TupleOf,
)
from p4fabric.pipelines.entities.digest import DigestConfig, DigestMessage
from p4fabric.pipelines.entities.encoding import Parameter, decode_bytes, encode_int
from p4fabric.pipelines.entities.key import EntityKey
from p4fabric.pipelines.entities.match import Lpm, MatchField, Range, Ternary
from p4fabric.pipelines.entities.meter import MeterCell, MeterConfig
from p4fabric.pipelines.entities.packet import PacketMetadata
from p4fabric.pipelines.entities.profile import GroupId, GroupMember, MemberId, ProfileGroup, ProfileMember
from p4fabric.pipelines.entities.register import RegisterCell
from p4fabric.pipelines.entities.replication import CloneSession, MulticastGroup, Replica
from p4fabric.pipelines.entities.table import TableEntry
from p4fabric.pipelines.entities.value_set import ValueSet, ValueSetMember

__all__ = [
    "Action",
    "Bits",
    "CloneSession",
    "Counter",
    "CounterCell",
    "DataField",
    "DataType",
    "DigestConfig",
    "DigestMessage",
    "Entity",
    "EntityKey",
    "EnumMember",
    "EnumNumber",
    "ErrorMember",
    "FixedEntity",
    "Flag",
    "GroupId",
    "GroupMember",
    "HeaderOf",
    "Lpm",
    "MatchField",
    "MemberId",
    "MeterCell",
    "MeterConfig",
    "MulticastGroup",
    "PacketMetadata",
    "Parameter",
    "ProfileGroup",
    "ProfileMember",
    "Range",
    "RegisterCell",
    "Replica",
    "Signed",
    "Struct",
    "StructOf",
    "TableEntry",
    "Ternary",
    "TupleOf",
    "ValueSet",
    "ValueSetMember",
    "Weighted",
    "decode_bytes",
    "encode_int",
]

Entity = TableEntry | ProfileMember | ProfileGroup | MulticastGroup | CloneSession | DigestConfig
"""What a controller inserts, modifies and deletes."""
FixedEntity = ValueSet | MeterCell | RegisterCell
"""What is there as long as its pipeline is, and is only modified."""
