"""A pipeline's objects as the server needs them: each with P4Info's id, its codecs, and the engine's name.

Must not know where they come from or the state of anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from finsy.proto import p4i

from p4fabric.softswitch.engine.api import TableInfo
from p4fabric.softswitch.server.entries import ActionSet, MatchCodec
from p4fabric.softswitch.server.meters import MeterType
from p4fabric.softswitch.server.p4data import DataType


@dataclass(frozen=True, slots=True)
class ProfileSchema:
    """An action profile; with `selector` it takes groups. Sizes as section 6.4.3 has them, 0: no limit."""

    id: int
    name: str
    selector: bool
    size: int
    max_group_size: int
    sum_of_members: bool
    max_member_weight: int
    weights_disallowed: bool
    actions: ActionSet


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A table."""

    id: int
    name: str
    match: MatchCodec
    actions: ActionSet
    profile: ProfileSchema | None
    const_entries: bool
    const_default: bool
    has_counter: bool
    meter: MeterType | None
    has_idle_timeout: bool
    engine: TableInfo
    initial_default: p4i.TableActionCall
    """As P4Info has it: ids, and byte strings that need not be canonical."""


@dataclass(frozen=True, slots=True)
class CounterSchema:
    """An indirect counter."""

    id: int
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class MeterSchema:
    """An indirect meter."""

    id: int
    name: str
    size: int
    type: MeterType


@dataclass(frozen=True, slots=True)
class ValueSetSchema:
    """A parser value set of at most `size` members; each is matched as an entry without priority is."""

    id: int
    name: str
    member: MatchCodec
    size: int


@dataclass(frozen=True, slots=True)
class RegisterSchema:
    """A register; `type` is None where its cells are no P4Data that this server can make."""

    id: int
    name: str
    size: int
    type: DataType | None


@dataclass(frozen=True, slots=True)
class DigestSchema:
    """A digest."""

    id: int
    name: str
    type: DataType
