"""The engine itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from p4fabric.softswitch.engine.api.operations import Atomicity, CounterValue, MeterConfig, Operation, Outcome
from p4fabric.softswitch.engine.api.pipeline import DeviceConfig, PipelineInfo
from p4fabric.softswitch.engine.api.queues import Queues
from p4fabric.softswitch.engine.api.reports import (
    CaptureStats,
    Departure,
    EngineStats,
    Event,
    IdleEntry,
    PortStats,
    QueueStats,
)
from p4fabric.softswitch.engine.trace.events import PacketTrace, TraceFilter


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """`cores` is how many threads move packets: one runs the program and, beyond one, the others send for it.
    `busy_poll_us`: so long after a packet the worker looks for the next one before it sleeps, which costs a
    core while packets come and saves them the wake-up. `drop_port` is where `mark_to_drop` sends.
    `clock` gives nanoseconds: the engine's time then stands still but for `advance`, from what `clock` says
    when it starts; None is the machine's clock. `queue_depth` (packets, each of 8 priorities) is a new
    port's. `sanitize` builds with ASan and UBSan (the process must have libasan preloaded). `name` is the
    worker thread's, for those who look at threads (15 characters)."""

    cpu_port: int = 510
    drop_port: int = 511
    queue_depth: int = 1024
    cores: int = 1
    busy_poll_us: int = 0
    sanitize: bool = False
    cache_directory: Path | None = None
    name: str = "p4fabric"
    clock: Callable[[], int] | None = None


@dataclass(frozen=True, slots=True)
class EncodedBatch:
    """Operations as `runtime/batch.h` has them: `words` points to `size` words of 64 bits, which stay the
    caller's and need only last for the call."""

    words: Any
    size: int
    operations: int


class Engine(Protocol):
    """A running pipeline. Made by `p4fabric.softswitch.engine.open_engine(config: DeviceConfig, options)`:
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
    def add_port(
        self, number: int, interface: str | None, *, xdp: bool = False, plugged: bool = False
    ) -> None:
        """Bind port `number` (0..510) to an interface (None: a memory port, see `inject`); `PortError`.
        With `plugged` the interface may be absent: the port is down until it is there."""
        ...

    def watch_ports(self, changed_fd: int) -> None:
        """Signal an eventfd, the caller's, when a port comes, goes, or is up or down; -1: none."""
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

    @property
    def queues(self) -> Queues:
        """The egress queues: bins of a millisecond, counts by priority, and what is reported of them."""
        ...

    def port_stats(self) -> dict[int, PortStats]:
        """Every port's figures."""
        ...

    def capture(self, folder: Path) -> None:
        """Write what every port receives and sends to pcap files in a folder; to be called before ports are
        added. `PortError` says why not; adding a port raises it, too, when its files cannot be made."""
        ...

    def captures(self) -> list[CaptureStats]:
        """All files of `capture`."""
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
        """Change the pipeline's state. One outcome for each operation, in their order; never raises for a bad
        operation.

        Packets see either nothing or all of a batch that is ALL_OR_NOTHING, and wait for it; another is
        carried out in slices of about 0.5 ms, between which they pass (in one while the clock is held).
        """
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
    def prepare_trace(self) -> None:
        """Compile the running program's code that traces, which is kept: seconds when it never was. Whoever
        gives up meanwhile has changed nothing. `BuildError`."""
        ...

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
        """Take at most `limit` packet-ins and digests. Packet-ins of priority 7 to 1 come first, in that
        order; then those of priority 0 and the digests of each list in turns, oldest first. Each priority
        and each list has room of its own, so that a flood of one costs no other any message."""
        ...

    def inject(self, port: int, frame: bytes) -> bool:
        """A frame arrives on a memory port."""
        ...

    def collect(self, timeout: float = 10.0, count: int | None = None) -> list[Departure]:
        """What was sent to memory ports, as (port, frame): waits until `count` frames have come (None: until
        all that was injected before has been dealt with) or `timeout` seconds are over."""
        ...

    # a clock that is held (`EngineOptions.clock`)
    def advance(self, to_ns: int) -> None:
        """Let the clock go on to a time; all that is due until then happens at its own. Waits for that, and
        for all that was injected before; `TimeoutError` when there is no end to it, as when a program
        recirculates for ever."""
        ...

    def due_ns(self) -> int | None:
        """When a queue sends next, as things stand after `advance`; None: nothing waits."""
        ...

    def idle_due_ns(self) -> int | None:
        """When the next entry's idle timeout is over; None: never. Looks at all entries of tables with
        timeouts."""
        ...
