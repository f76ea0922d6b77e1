"""What the control plane writes, and what comes of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple


class Exact(NamedTuple):
    """An exact field, or an optional one that is not left out (p4c turns optional into ternary fields)."""

    value: int


class Lpm(NamedTuple):
    """A prefix; bits of `value` behind it must be 0."""

    value: int
    prefix_length: int


class Ternary(NamedTuple):
    """Bits of `value` outside `mask` must be 0."""

    value: int
    mask: int


class Range(NamedTuple):
    """Both ends belong to it."""

    low: int
    high: int


FieldMatch = Exact | Lpm | Ternary | Range | None
"""`None`: don't care (any kind but exact)."""


class ActionCall(NamedTuple):
    """An action by its name, and its arguments in the order of its parameters."""

    action: str
    arguments: tuple[int, ...] = ()


class MemberRef(NamedTuple):
    """The action of a profile's member."""

    member: int


class GroupRef(NamedTuple):
    """The action of one member of a profile's group, chosen by the selector's hash."""

    group: int


EntryAction = ActionCall | MemberRef | GroupRef


class Change(enum.Enum):
    """What to do with the thing that an operation names."""

    INSERT = "insert"
    MODIFY = "modify"
    DELETE = "delete"


@dataclass(slots=True)
class WriteEntry:
    """One entry of a table. An entry is identified by `match` and, where the table needs one, `priority`
    (>= 1, larger wins; 0 elsewhere). `action` is ignored by DELETE. MODIFY keeps the direct counter and
    the direct meter's configuration. `idle_timeout_ns` (0: none) is for tables that support it: the time
    without a hit after which `idle_entries` names the entry; INSERT and MODIFY start it anew."""

    change: Change
    table: str
    match: tuple[FieldMatch, ...]
    action: EntryAction | None = None
    priority: int = 0
    idle_timeout_ns: int = 0


@dataclass(slots=True)
class SetDefaultAction:
    """The action of a miss; None sets the program's own again."""

    table: str
    action: EntryAction | None


@dataclass(slots=True)
class WriteMember:
    """A member of an action profile; one that a group or an entry refers to cannot be deleted."""

    change: Change
    profile: str
    member: int
    action: ActionCall | None = None


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A member's share of a group. It is left out while the port `watch_port` is down (None: never)."""

    member: int
    weight: int = 1
    watch_port: int | None = None


@dataclass(slots=True)
class WriteGroup:
    """A selector's group; one that an entry refers to cannot be deleted. `max_size` bounds the sum of
    weights (0: only the profile's size does). A packet that meets an empty group takes the table's miss."""

    change: Change
    profile: str
    group: int
    members: tuple[GroupMember, ...] = ()
    max_size: int = 0


@dataclass(frozen=True, slots=True)
class Replica:
    """One copy: to `port`, with `instance` as the copy's `egress_rid`."""

    port: int
    instance: int = 0


@dataclass(slots=True)
class WriteMulticastGroup:
    """Group 1..65535 of the packet replication engine."""

    change: Change
    group: int
    replicas: tuple[Replica, ...] = ()


@dataclass(slots=True)
class WriteCloneSession:
    """Session 1..32767; copies carry at most `packet_length` bytes (0: all), in queue `class_of_service`."""

    change: Change
    session: int
    replicas: tuple[Replica, ...] = ()
    class_of_service: int = 0
    packet_length: int = 0


class CounterValue(NamedTuple):
    """Packets and their bytes."""

    packets: int
    bytes: int


@dataclass(slots=True)
class WriteCounter:
    """Cell `index` of a counter array; None: all cells."""

    counter: str
    index: int | None
    value: CounterValue


@dataclass(slots=True)
class WriteDirectCounter:
    """The counter of one entry; with a `match` of None, of the default entry."""

    table: str
    match: tuple[FieldMatch, ...] | None
    priority: int
    value: CounterValue


@dataclass(slots=True)
class WriteRegister:
    """Cell `index` of a register array; None: all cells."""

    register: str
    index: int | None
    value: int


class TwoRates(NamedTuple):
    """A meter as in RFC 2698: above `pir` red, else above `cir` yellow. Rates are per second,
    in packets or bytes, and so are bursts."""

    cir: int
    cburst: int
    pir: int
    pburst: int


class OneRate(NamedTuple):
    """A meter as in RFC 2697: what `cir` and `cburst` leave unused fills up to `eburst`, which gives yellow;
    all else is red. With an `eburst` of 0 it has two colours."""

    cir: int
    cburst: int
    eburst: int = 0


MeterConfig = TwoRates | OneRate


@dataclass(slots=True)
class WriteMeter:
    """Cell `index` of a meter array (None: all cells); `config` None: every packet is green, as at first."""

    meter: str
    index: int | None
    config: MeterConfig | None


@dataclass(slots=True)
class WriteDirectMeter:
    """The meter of one entry, or of the default entry (`match` None). A new entry's has no configuration:
    every packet is green."""

    table: str
    match: tuple[FieldMatch, ...] | None
    priority: int
    config: MeterConfig | None


@dataclass(slots=True)
class WriteValueSet:
    """All members of a parser value set from now on: each one match for each of its `bitwidths` (any kind
    but a range). Of a new pipeline every set is empty."""

    value_set: str
    members: tuple[tuple[FieldMatch, ...], ...]


Operation = (
    WriteEntry
    | SetDefaultAction
    | WriteMember
    | WriteGroup
    | WriteMulticastGroup
    | WriteCloneSession
    | WriteCounter
    | WriteDirectCounter
    | WriteRegister
    | WriteMeter
    | WriteDirectMeter
    | WriteValueSet
)


class Status(enum.IntEnum):
    """An operation's outcome; the values are the gRPC codes of the same names."""

    OK = 0
    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10


DEFAULT_HANDLE = -1
"""The handle of every table's default entry, for reads of direct counters and meters."""


class Outcome(NamedTuple):
    """What became of one operation. `handle` names the entry of an insert or modify until it is deleted."""

    status: Status
    text: str = ""
    handle: int = -1


class Atomicity(enum.Enum):
    """What a failing operation means for the others of its batch."""

    CONTINUE_ON_ERROR = "continue"
    ALL_OR_NOTHING = "all"
    """Any failure: nothing is changed, and the operations that did not fail are ABORTED."""
