"""What can happen to a packet on its way through the switch, in the order in which it does.

Names are the program's, numbers are as the program has them. Must not know how events are recorded or shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Which received packets are traced: all that everything that is not None says. Addresses and protocol
    are those of the first IP header behind Ethernet and VLAN tags."""

    port: int | None = None
    source: IPv4Network | IPv6Network | None = None
    destination: IPv4Network | IPv6Network | None = None
    protocol: int | None = None

    def __post_init__(self) -> None:
        versions = {one.version for one in (self.source, self.destination) if one is not None}
        if len(versions) > 1:
            raise ValueError(f"{self.source} and {self.destination} are of different IP versions")
        if self.port is not None and not 0 <= self.port < 1 << 16:
            raise ValueError(f"port {self.port} is not in 0..65535")
        if self.protocol is not None and not 0 <= self.protocol < 256:
            raise ValueError(f"protocol {self.protocol} is not in 0..255")


@dataclass(frozen=True, slots=True)
class Value:
    """A number with a name: a field of a key, an action's parameter."""

    name: str
    bitwidth: int
    value: int


@dataclass(frozen=True, slots=True)
class Matched:
    """What the entry that was met has for one field of the key: value and mask, or both ends of a range."""

    name: str
    bitwidth: int
    value: int
    mask: int
    last: int | None = None
    """Of a range; `value` is its first."""


@dataclass(frozen=True, slots=True)
class Received:
    """It came in at a port."""

    port: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class State:
    """The parser entered a state."""

    state: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """The parser ended; `error` is NoError when it accepted."""

    error: str


@dataclass(frozen=True, slots=True)
class Condition:
    """An if was decided. `expression` and `place` (file:line) are the program's text, if the JSON has it."""

    expression: str
    place: str
    truth: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A table was applied. `entry` is None at a miss. `hidden`: the compiler made it of plain statements, and
    `place` is theirs."""

    table: str
    hidden: bool
    place: str
    key: tuple[Value, ...]
    entry: tuple[Matched, ...] | None
    priority: int | None
    member: int | None = None
    group: int | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """The table's action was run. `hidden`: the compiler made it of plain statements."""

    action: str
    parameters: tuple[Value, ...]
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A field has another value; `old` is None where the header was not valid. `field` `$valid$` of a header
    is its validity. `temporary`: the compiler made it, the program has no such variable."""

    header: str
    field: str
    bitwidth: int
    old: int | None
    new: int
    temporary: bool = False


@dataclass(frozen=True, slots=True)
class Fields:
    """What the step before has changed in headers and metadata."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Logged:
    """The program logged a message (log_msg)."""

    text: str
    place: str


@dataclass(frozen=True, slots=True)
class AssertFailed:
    """An assertion of the program (assert, assume) does not hold; the packet goes on."""

    expression: str
    place: str


@dataclass(frozen=True, slots=True)
class Cloned:
    """It asked for a clone."""

    session: int


@dataclass(frozen=True, slots=True)
class Multicast:
    """It goes to all replicas of a group."""

    group: int


@dataclass(frozen=True, slots=True)
class Copied:
    """This copy was made, of another."""

    of: int


@dataclass(frozen=True, slots=True)
class Digested:
    """A digest was sent of it."""

    digest: str


@dataclass(frozen=True, slots=True)
class Queued:
    """It entered an egress queue, `depth` packets behind."""

    port: int
    priority: int
    depth: int


@dataclass(frozen=True, slots=True)
class Dequeued:
    """It left the queue after so many microseconds, and `depth` packets stayed."""

    port: int
    depth: int
    microseconds: int


@dataclass(frozen=True, slots=True)
class Deparsed:
    """Its headers were written to the frame."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class Again:
    """It goes through ingress once more: `how` is resubmitted or recirculated."""

    how: str


@dataclass(frozen=True, slots=True)
class Sent:
    """It left by a port."""

    port: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """It was dropped; `reason` is one of the engine's drop reasons, and `by` the action that asked for it."""

    reason: str
    by: str | None = None


Step = (
    Received
    | State
    | Parsed
    | Condition
    | Table
    | Action
    | Fields
    | Logged
    | AssertFailed
    | Cloned
    | Multicast
    | Copied
    | Digested
    | Queued
    | Dequeued
    | Deparsed
    | Again
    | Sent
    | Dropped
)


@dataclass(frozen=True, slots=True)
class Event:
    """A step of one copy of the packet (the first copy is 1), and when: nanoseconds since it was received.

    The clock goes on once in a burst of packets.
    """

    copy: int
    after_ns: int
    step: Step


@dataclass(slots=True)
class PacketTrace:
    """Everything that happened to one received packet and its copies. `truncated`: there was no room for some
    of it."""

    number: int
    events: list[Event] = field(default_factory=list)
    truncated: bool = False
