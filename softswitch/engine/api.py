"""What the engine offers to the control plane: the pipeline's description, the operations on it, the results.

Knows names and widths as the compiler's JSON has them, and plain integers. Must not know P4Runtime
(messages, P4Info ids, canonical byte strings, roles): the server translates. Implemented by
`softswitch.engine.engine.NativeEngine`; `open_engine` makes one.

Threads: every method may be called from any thread; calls that change something are serialised. None
of them waits for packets except `collect`, and none needs more than some milliseconds except `open_engine`
and `swap` when the pipeline was never compiled on this machine (seconds): run these two in a thread.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from softswitch.engine.trace.events import PacketTrace, TraceFilter

# --- errors -----------------------------------------------------------------------------------


class EngineError(Exception):
    """The base of all errors that the engine raises."""


class PipelineError(EngineError):
    """The device configuration cannot be run; `path` is the place in the JSON: `pipelines[0].tables[3]`."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path or '$'}: {problem}")
        self.path = path
        self.problem = problem


class BuildError(EngineError):
    """The C compiler is missing or refused the generated code; the message carries its first lines."""


class PortError(EngineError):
    """A port number is out of range or taken, or its interface cannot be opened."""


# --- the pipeline, as the control plane sees it -----------------------------------------------


class MatchKind(enum.Enum):
    """How a key field is matched."""

    EXACT = "exact"
    LPM = "lpm"
    TERNARY = "ternary"
    RANGE = "range"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class KeyField:
    """A field of a table's key; `name` is the compiler's, which equals the P4Info's."""

    name: str
    bitwidth: int
    match: MatchKind


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an action."""

    name: str
    bitwidth: int


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
    `const_entries`: the program fixes the entries, writes are refused. `entries` are the entries that the
    program itself lists (const or initial); the engine has inserted them when it comes up.
    """

    id: int
    name: str
    key: tuple[KeyField, ...]
    actions: tuple[ActionInfo, ...]
    max_size: int
    needs_priority: bool
    default_action: DefaultAction | None
    const_default_action: bool
    const_entries: bool
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
    """An entry which the program lists; `priority` as P4Runtime counts (larger wins)."""

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
    """A parser value set of at most `max_size` members, each of one value for each of `bitwidths`."""

    id: int
    name: str
    bitwidths: tuple[int, ...]
    max_size: int


@dataclass(frozen=True, slots=True)
class DigestInfo:
    """A digest list; several lists may share one `name` (one for each call in the program)."""

    id: int
    name: str
    bitwidths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PipelineInfo:
    """All that can be written, read or received, by the JSON's names; `digests` by list id."""

    tables: Mapping[str, TableInfo]
    actions: Mapping[str, ActionInfo]
    profiles: Mapping[str, ProfileInfo]
    counters: Mapping[str, CounterInfo]
    registers: Mapping[str, RegisterInfo]
    meters: Mapping[str, MeterInfo]
    value_sets: Mapping[str, ValueSetInfo]
    digests: Mapping[int, DigestInfo]
    errors: Mapping[str, int]


class DeviceConfig(Protocol):
    """A validated device configuration. Made by `softswitch.engine.load_config(data: bytes)`, which
    raises `PipelineError`; it neither compiles nor runs anything, and takes some ten milliseconds."""

    @property
    def info(self) -> PipelineInfo:
        """The description of what it offers."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of the JSON, in hexadecimal."""
        ...


# --- match fields -----------------------------------------------------------------------------


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


# --- what an entry does -----------------------------------------------------------------------


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


# --- operations -------------------------------------------------------------------------------


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


# --- what comes from the packets --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PacketIn:
    """A frame that was sent to the CPU port, as deparsed: the packet_in header, if any, is in front."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class DigestMessage:
    """One digest call of one packet: the list's id and name, its values in their order."""

    list_id: int
    name: str
    values: tuple[int, ...]


Event = PacketIn | DigestMessage


class IdleEntry(NamedTuple):
    """An entry that no packet has hit for its timeout."""

    table: str
    handle: int


# --- ports and figures ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PortStats:
    """A port's figures since it was added; `drops` counts by reason (a closed set of names)."""

    number: int
    interface: str | None
    up: bool
    rx_packets: int
    rx_bytes: int
    tx_packets: int
    tx_bytes: int
    drops: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class QueueStats:
    """A port's egress queues together, in packets: now, the most since the start, tail drops."""

    depth: int
    max_depth: int
    drops: int


@dataclass(frozen=True, slots=True)
class EngineStats:
    """The engine as a whole; `drops` by reason, `events_lost`: packet-ins and digests that found no room."""

    ingress_packets: int
    egress_packets: int
    drops: Mapping[str, int]
    events_lost: int
    recirculated: int


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """`cores` is how many threads move packets: one runs the program and, beyond one, the others send for it.
    `busy_poll_us`: so long after a packet the worker looks for the next one before it sleeps, which costs a
    core while packets come and saves them the wake-up. `drop_port` is where `mark_to_drop` sends.
    `queue_depth` (packets, each of 8 priorities) is a new port's. `sanitize` builds with ASan and UBSan (the
    process must have libasan preloaded). `name` is the worker thread's, for those who look at threads (15
    characters)."""

    cpu_port: int = 510
    drop_port: int = 511
    queue_depth: int = 1024
    cores: int = 1
    busy_poll_us: int = 0
    sanitize: bool = False
    cache_directory: Path | None = None
    name: str = "p4fabric"


@dataclass(frozen=True, slots=True)
class EncodedBatch:
    """Operations as `runtime/batch.h` has them: `words` points to `size` words of 64 bits, which stay the
    caller's and need only last for the call."""

    words: Any
    size: int
    operations: int


class Engine(Protocol):
    """A running pipeline. Made by `softswitch.engine.open_engine(config: DeviceConfig, options)`:
    compiles when the cache has not got it, loads, inserts the program's own entries; raises `BuildError`.

    With `with open_engine(...) as engine:` it is closed at the end."""

    @property
    def info(self) -> PipelineInfo:
        """The running pipeline's description."""
        ...

    # life
    def start(self) -> None:
        """Begin to move packets (a native thread)."""
        ...

    def stop(self) -> None:
        """Cease; ports and state stay, `start` goes on."""
        ...

    def close(self) -> None:
        """Stop, and give back everything. Idempotent."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def swap(self, config: DeviceConfig) -> None:
        """Replace the pipeline at a burst boundary: ports, queues and their figures stay; entries, groups,
        sessions, counters, registers are the new program's. Packets in queues leave through the old one.
        A `BuildError` leaves all as it was."""
        ...

    # ports
    def add_port(self, number: int, interface: str | None, *, xdp: bool = False) -> None:
        """Bind port `number` (0..510) to an interface (None: a memory port, see `inject`); `PortError`."""
        ...

    def remove_port(self, number: int) -> None:
        """Unbind; what waits in its queue is dropped. `PortError` when there is none."""
        ...

    def set_queue(
        self,
        port: int,
        *,
        rate_bps: int | None = None,
        rate_pps: int | None = None,
        depth: int | None = None,
    ) -> None:
        """Limit a port's egress: bits/s of frame bytes, packets/s (0: unlimited), packets that may wait in
        each priority's queue. None leaves a value as it is."""
        ...

    def port_stats(self) -> dict[int, PortStats]:
        """Every port's figures."""
        ...

    def queue_stats(self, port: int) -> QueueStats:
        """A port's queues."""
        ...

    def stats(self) -> EngineStats:
        """The whole engine's figures."""
        ...

    # state
    def apply(
        self, batch: Sequence[Operation], atomicity: Atomicity = Atomicity.CONTINUE_ON_ERROR
    ) -> list[Outcome]:
        """Change the pipeline's state; packets see either nothing or all of a batch. One outcome for each
        operation, in their order; never raises for a bad operation."""
        ...

    def initial_handles(self, table: str) -> list[int]:
        """The handles of the entries that the program lists (`TableInfo.entries`), as they were when the
        pipeline came up; -1 for one that could not be held."""
        ...

    def apply_encoded(
        self, batch: EncodedBatch, atomicity: Atomicity
    ) -> tuple[list[int], dict[int, Outcome]]:
        """`apply` for operations in the runtime's own form, laid out as `entry_layouts` says: every
        operation's handle, and the outcomes of those that failed by their place in the batch."""
        ...

    def read_direct_counters(self, table: str, handles: Sequence[int]) -> list[CounterValue]:
        """The counters of entries by handle; `KeyError` names a table without counters or a stale handle."""
        ...

    def read_counters(self, counter: str, start: int = 0, count: int | None = None) -> list[CounterValue]:
        """Cells of a counter array; `IndexError` outside of it."""
        ...

    def read_registers(self, register: str, start: int = 0, count: int | None = None) -> list[int]:
        """Cells of a register array; `IndexError` outside of it."""
        ...

    def read_meters(self, meter: str, start: int = 0, count: int | None = None) -> list[MeterConfig | None]:
        """The configurations of a meter array's cells; `IndexError` outside of it."""
        ...

    def read_direct_meters(self, table: str, handles: Sequence[int]) -> list[MeterConfig | None]:
        """The configurations of entries' meters; `KeyError` as for counters."""
        ...

    def read_idle_times(self, table: str, handles: Sequence[int]) -> list[int]:
        """Nanoseconds since each entry was last hit (or written, when that was later); `KeyError` names a
        table that does not support timeouts or a stale handle."""
        ...

    def idle_entries(self, limit: int = 1024) -> list[IdleEntry]:
        """Entries whose timeout is over; being named, like being hit, begins the timeout anew. To be asked
        for from time to time: looks at all entries of tables with timeouts."""
        ...

    # traces
    def start_trace(self, wanted: TraceFilter, most: int = ...) -> None:
        """Trace the next `most` packets that are `wanted`, instead of what was traced before. No packet and
        no state is lost. Compiles code that traces when it never was (seconds: run it in a thread);
        `BuildError` leaves all as it was. A `swap` ends tracing."""
        ...

    def stop_trace(self) -> None:
        """Trace no more packets; those that are on their way still become whole."""
        ...

    def take_traces(self) -> list[PacketTrace]:
        """Traces that have become whole since the last call, oldest first; to be called from time to time
        while packets are traced. What there is no room for makes traces `truncated`."""
        ...

    # packets
    def packet_out(self, frame: bytes) -> bool:
        """A frame arrives on the CPU port. False: no room, it was dropped."""
        ...

    @property
    def events_fd(self) -> int:
        """Readable when `drain` has something (an eventfd; `drain` resets it)."""
        ...

    def drain(self, limit: int = 1024) -> list[Event]:
        """Take at most `limit` packet-ins and digests, oldest first."""
        ...

    def inject(self, port: int, frame: bytes) -> bool:
        """A frame arrives on a memory port."""
        ...

    def collect(self, timeout: float = 1.0, count: int | None = None) -> list[tuple[int, bytes]]:
        """What was sent to memory ports, as (port, frame): waits until `count` frames have come (None: until
        all that was injected before has been dealt with) or `timeout` seconds are over."""
        ...
