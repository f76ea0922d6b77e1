"""The pipeline, as the control plane sees it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from p4fabric.softswitch.engine.api.operations import FieldMatch


class MatchKind(enum.Enum):
    """How a key field is matched."""

    EXACT = "exact"
    LPM = "lpm"
    TERNARY = "ternary"
    RANGE = "range"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class KeyField:
    """A field of a table's key; `name` is the compiler's, which equals the P4Info's. Values of a `signed` one
    are given as its bits, in two's complement, and so are those of signed parameters."""

    name: str
    bitwidth: int
    match: MatchKind
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an action. One that is `cast` is signed, too, unless its type has a name in P4Info."""

    name: str
    bitwidth: int
    signed: bool = False
    cast: bool = False


@dataclass(frozen=True, slots=True)
class ActionInfo:
    """An action; `id` is the JSON's, not the P4Info's: translate by `name`."""

    id: int
    name: str
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A table; those that the compiler made for itself have `hidden` set and take no entries.

    `needs_priority` says that entries carry a priority (some field is ternary, range or optional).
    `entries` are those that the program itself lists; the engine has inserted them when it comes up. Whether
    they are const, so that writes are to be refused, the JSON does not say: P4Info does.
    """

    id: int
    name: str
    key: tuple[KeyField, ...]
    actions: tuple[ActionInfo, ...]
    max_size: int
    needs_priority: bool
    default_action: DefaultAction | None
    const_default_action: bool
    entries: tuple[InitialEntry, ...]
    has_direct_counter: bool
    direct_meter: MeterUnit | None
    supports_timeout: bool
    profile: str | None
    hidden: bool


@dataclass(frozen=True, slots=True)
class DefaultAction:
    """The action of a miss as the program sets it."""

    action: str
    arguments: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class InitialEntry:
    """An entry which the program lists; `priority` as P4Runtime counts: the larger wins, the last has 1."""

    match: tuple[FieldMatch, ...]
    priority: int
    action: str
    arguments: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ProfileInfo:
    """An action profile; with `selector` it takes groups."""

    id: int
    name: str
    max_size: int
    selector: bool
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CounterInfo:
    """A counter array: `size` cells, each counting packets and bytes. Direct counters are in `TableInfo`."""

    id: int
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class RegisterInfo:
    """A register array of `size` cells of `bitwidth` bits."""

    id: int
    name: str
    size: int
    bitwidth: int


class MeterUnit(enum.Enum):
    """What a meter counts."""

    PACKETS = "packets"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class MeterInfo:
    """A meter array of `size` cells. Direct meters are in `TableInfo`."""

    id: int
    name: str
    size: int
    unit: MeterUnit


@dataclass(frozen=True, slots=True)
class ValueSetInfo:
    """A parser value set of at most `max_size` members, each of one value for each of `bitwidths`. Those that
    are `signed` are given as their bits, in two's complement."""

    id: int
    name: str
    bitwidths: tuple[int, ...]
    max_size: int
    signed: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class DigestInfo:
    """A digest list; several lists may share one `name` (one for each call in the program)."""

    id: int
    name: str
    bitwidths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HeaderField:
    """A field of a header on the wire."""

    name: str
    bitwidth: int
    signed: bool


@dataclass(frozen=True, slots=True)
class PipelineInfo:
    """All that can be written, read or received, by the JSON's names; `digests` by list id. `headers` are the
    fields of every header type."""

    tables: Mapping[str, TableInfo]
    actions: Mapping[str, ActionInfo]
    profiles: Mapping[str, ProfileInfo]
    counters: Mapping[str, CounterInfo]
    registers: Mapping[str, RegisterInfo]
    meters: Mapping[str, MeterInfo]
    value_sets: Mapping[str, ValueSetInfo]
    digests: Mapping[int, DigestInfo]
    errors: Mapping[str, int]
    headers: Mapping[str, tuple[HeaderField, ...]]


class DeviceConfig(Protocol):
    """A validated device configuration. Made by `p4fabric.softswitch.engine.load_config(data: bytes)`, which
    raises `PipelineError`; it neither compiles nor runs anything, and takes some ten milliseconds."""

    @property
    def info(self) -> PipelineInfo:
        """The description of what it offers."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of the JSON, in hexadecimal."""
        ...
