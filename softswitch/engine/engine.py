"""The engine: puts loading, generating, building and the native runtime together (`api.Engine`)."""

from __future__ import annotations

import ctypes as c
import errno
import os
from array import array
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from p4fabric.softswitch.engine.api import (
    ActionCall,
    Atomicity,
    BuildError,
    CaptureStats,
    Change,
    CounterValue,
    Departure,
    DeviceConfig,
    DigestMessage,
    EncodedBatch,
    EngineOptions,
    EngineStats,
    Event,
    IdleEntry,
    MeterConfig,
    Operation,
    Outcome,
    PacketIn,
    PipelineInfo,
    PortError,
    PortStats,
    QueueStats,
    Status,
    WriteEntry,
)
from p4fabric.softswitch.engine.build import Builder
from p4fabric.softswitch.engine.encode import Encoder
from p4fabric.softswitch.engine.encode_table import Refused
from p4fabric.softswitch.engine.frames import Frames
from p4fabric.softswitch.engine.libraries import library_of
from p4fabric.softswitch.engine.load import LoadedConfig
from p4fabric.softswitch.engine.native import (
    DROP_REASONS,
    CaptureReport,
    EngineReport,
    PortReport,
    load_runtime,
)
from p4fabric.softswitch.engine.native import Outcome as NativeOutcome
from p4fabric.softswitch.engine.queues import NativeQueues
from p4fabric.softswitch.engine.reader import StateReader
from p4fabric.softswitch.engine.trace.events import PacketTrace, TraceFilter
from p4fabric.softswitch.engine.trace.tracer import Tracer

PORTS = 512
MOST_TRACED = 1 << 32
DETAILS = (
    "",
    "the operation is malformed",
    "the table or profile is full",
    "out of memory",
    "there is no such member",
    "there is no such group",
    "it is still referred to",
    "the weights exceed the group's size",
    "the index is out of range",
)


_PLUGGED = 2
"""Of `enum port_kind`."""
_XDP_ERRORS = {
    errno.EMSGSIZE: "its MTU is too large: 3822 is the most",
    errno.EOPNOTSUPP: "it has more than one receive queue: ethtool -L leaves one",
    errno.EBUSY: "another XDP program or socket has it",
}


class NativeEngine:
    """A running pipeline; see `api.Engine`."""

    def __init__(self, config: DeviceConfig, options: EngineOptions | None = None) -> None:
        self.options = options or EngineOptions()
        self._builder = Builder(self.options.cache_directory, self.options.sanitize)
        self._captured = Path()
        self._native: Any = load_runtime(self._builder.runtime())
        self._frames = Frames(self._native)
        self._engine = self._native.engine_new(
            self.options.cpu_port, self.options.drop_port, self.options.queue_depth
        )
        if not self._engine:
            raise BuildError("the engine could not be set up: out of memory or descriptors")
        self.queues = NativeQueues(self._native, self._handle)
        """See `api.Engine.queues`."""
        self._tracer = Tracer(self._native, self._builder, self.options.drop_port)
        try:
            self._take_cores()
            self._native.engine_set_poll(self._engine, self.options.busy_poll_us * 1000)
            self._hold()
            self.swap(config)
        except BaseException:
            self._native.engine_free(self._engine)
            self._engine = None
            raise

    def _take_cores(self) -> None:
        others = self.options.cores - 1
        if others < 0 or (others and self._native.engine_set_senders(self._engine, others)):
            raise BuildError(f"cores must be 1 to 16, not {self.options.cores}")

    @property
    def info(self) -> PipelineInfo:
        """The running pipeline's description."""
        return self._config.info

    # --- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to move packets (a native thread)."""
        self._hold()
        error = self._native.engine_start(self._handle(), self.options.name.encode()[:15])
        if error:
            raise OSError(error, os.strerror(error))

    def _hold(self) -> None:
        if self.options.clock is not None:
            self._native.engine_hold(self._handle(), self.options.clock())

    def stop(self) -> None:
        """Cease; ports and state stay, `start` goes on."""
        self._native.engine_stop(self._handle())

    def close(self) -> None:
        """Stop, and give back everything. Idempotent."""
        engine, self._engine = self._engine, None
        if engine:
            with self._frames.lock:
                self._native.engine_free(engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _handle(self) -> Any:
        if not self._engine:
            raise RuntimeError("the engine is closed")
        return self._engine

    def swap(self, config: DeviceConfig) -> None:
        """Replace the pipeline at a burst boundary; `BuildError` leaves all as it was."""
        if not isinstance(config, LoadedConfig):
            raise TypeError(f"a configuration that load_config made is needed, not {type(config).__name__}")
        library = library_of(config, self._builder)
        error = c.create_string_buffer(512)
        handle = self._handle()
        pipeline = self._native.pipeline_load(
            str(library).encode(), self.options.drop_port, error, len(error)
        )
        if not pipeline:
            raise BuildError(f"{library}: {error.value.decode(errors='replace')}")
        encoder = Encoder(config.pipeline)
        words = array("Q")
        tables = config.info.tables.values()
        for table in tables:
            for entry in table.entries:
                call = ActionCall(entry.action, entry.arguments)
                operation = WriteEntry(Change.INSERT, table.name, entry.match, call, entry.priority)
                words.extend(encoder.encode(operation))
        count = sum(len(table.entries) for table in tables)
        outcomes = (NativeOutcome * max(count, 1))()
        self._native.engine_swap(handle, pipeline, _pointer(words), len(words), outcomes, count)
        self._config = config
        self._encoder = encoder
        self._reader = StateReader(self._native, encoder, config.info)
        handles = (-1 if one.status else one.handle for one in outcomes[:count])
        self._initial = {table.name: list(islice(handles, len(table.entries))) for table in tables}

    # --- ports --------------------------------------------------------------------------------

    def add_port(
        self,
        number: int,
        interface: str | None,
        *,
        discard: bool = False,
        xdp: bool = False,
        plugged: bool = False,
    ) -> None:
        """Bind a port to an interface (None: a memory port; `discard`: what it sends is only counted;
        `plugged`: it is one of many, and the interface may be absent)."""
        name = interface.encode() if interface is not None else None
        if name is not None and not 0 < len(name) < 16:
            raise PortError(f"port {number}: {interface!r} is no interface's name")
        if not 0 <= number < PORTS or number == self.options.drop_port:
            raise PortError(f"port {number} is not in 0..{PORTS - 1}, or is the drop port")
        error = self._native.engine_add_port(
            self._handle(), number, name, discard, _PLUGGED if plugged else int(xdp)
        )
        if error:
            what = "the number is taken" if error == errno.EEXIST else os.strerror(error)
            if xdp:
                what = f"AF_XDP: {_XDP_ERRORS.get(error, what)}"
            raise PortError(f"port {number} ({interface or 'memory'}): {what}")

    def capture(self, folder: Path) -> None:
        """Write what ports receive and send to pcap files, from now on; before there are ports."""
        error = self._native.engine_capture(self._handle(), os.fsencode(folder))
        if error:
            raise PortError(f"pcap files in {folder}: {os.strerror(error)}")
        self._captured = folder

    def captures(self) -> list[CaptureStats]:
        """What the pcap files hold, and what is missing there."""
        reports = (CaptureReport * PORTS)()
        count = self._native.engine_captures(self._handle(), reports, PORTS)
        return [
            CaptureStats(
                self._captured / f"{os.fsdecode(one.name)}_{direction}.pcap",
                one.frames[at],
                one.lost[at],
                os.strerror(one.errors[at]) if one.errors[at] else None,
            )
            for one in reports[:count]
            for at, direction in enumerate(("in", "out"))
        ]

    def watch_ports(self, changed_fd: int) -> None:
        """Signal an eventfd, the caller's, when a port comes, goes, or is up or down; -1: none."""
        self._native.engine_watch_ports(self._handle(), changed_fd)

    def remove_port(self, number: int) -> None:
        """Unbind; what waits in its queue is dropped. `PortError` when there is none."""
        if not 0 <= number < PORTS or self._native.engine_remove_port(self._handle(), number):
            raise PortError(f"there is no port {number}")

    def set_queue(
        self,
        port: int,
        *,
        rate_bps: int | None = None,
        rate_pps: int | None = None,
        depth: int | None = None,
    ) -> None:
        """Limit a port's egress; None leaves a value as it is, a rate of 0 is unlimited."""
        values = []
        for name, value, most in (
            ("rate_bps", rate_bps, 10**13),
            ("rate_pps", rate_pps, 10**9),
            ("depth", depth, 10**6),
        ):
            if value is not None and not 0 <= value <= most:
                raise PortError(f"port {port}: {name} {value} is not in 0..{most}")
            values.append(-1 if value is None else value)
        if not 0 <= port < PORTS or self._native.engine_set_queue(self._handle(), port, *values):
            raise PortError(f"there is no port {port}")

    def _reports(self) -> list[PortReport]:
        reports = (PortReport * PORTS)()
        count = self._native.engine_ports(self._handle(), reports, PORTS)
        return list(reports[:count])

    def port_stats(self) -> dict[int, PortStats]:
        """Every port's figures."""
        return {
            one.number: PortStats(
                number=one.number,
                interface=None if one.memory else one.name.decode(errors="replace"),
                up=bool(one.up),
                rx_packets=one.rx_packets,
                rx_bytes=one.rx_bytes,
                tx_packets=one.tx_packets,
                tx_bytes=one.tx_bytes,
                drops=dict(zip(DROP_REASONS, one.drops, strict=True)),
                queue=QueueStats(one.waiting, one.most, one.queue_drops),
            )
            for one in sorted(self._reports(), key=lambda report: report.number)
        }

    def queue_stats(self, port: int) -> QueueStats:
        """A port's queues."""
        for one in self._reports():
            if one.number == port:
                return QueueStats(one.waiting, one.most, one.queue_drops)
        raise PortError(f"there is no port {port}")

    def stats(self) -> EngineStats:
        """The whole engine's figures."""
        report = EngineReport()
        self._native.engine_figures(self._handle(), report)
        return EngineStats(
            ingress_packets=report.ingress,
            egress_packets=report.egress,
            drops=dict(zip(DROP_REASONS, report.drops, strict=True)),
            events_lost=report.events_lost,
            recirculated=report.recirculated,
        )

    # --- state --------------------------------------------------------------------------------

    def apply(
        self, batch: Sequence[Operation], atomicity: Atomicity = Atomicity.CONTINUE_ON_ERROR
    ) -> list[Outcome]:
        """Change the pipeline's state; see `api.Engine.apply`."""
        everything = atomicity is Atomicity.ALL_OR_NOTHING
        words = array("Q")
        results: list[Outcome | None] = [None] * len(batch)
        sent = []
        for index, operation in enumerate(batch):
            try:
                words.extend(self._encoder.encode(operation))
                sent.append(index)
            except Refused as refused:
                results[index] = Outcome(refused.status, refused.text)
        if everything and len(sent) != len(batch):
            aborted = Outcome(Status.ABORTED, "another operation of the batch failed")
            return [one or aborted for one in results]
        native = (NativeOutcome * max(len(sent), 1))()
        self._native.engine_apply(
            self._handle(), _pointer(words), len(words), native, len(sent), int(everything)
        )
        for index, one in zip(sent, native, strict=False):
            results[index] = _outcome(one)
        return [one for one in results if one is not None]

    def initial_handles(self, table: str) -> list[int]:
        """The handles of the entries that the program lists; -1 for one that there was no room for."""
        return self._initial[table]

    def apply_encoded(
        self, batch: EncodedBatch, atomicity: Atomicity
    ) -> tuple[list[int], dict[int, Outcome]]:
        """`apply` for operations that are encoded already: all handles, and what failed by its place."""
        count, everything = batch.operations, atomicity is Atomicity.ALL_OR_NOTHING
        native = (NativeOutcome * max(count, 1))()
        self._native.engine_apply(self._handle(), batch.words, batch.size, native, count, int(everything))
        # Of each outcome two words: status and detail, which are 0 when all is well, and the handle.
        words = memoryview(native).cast("B").cast("q")[: 2 * count].tolist()
        failed = {place: _outcome(native[place]) for place, head in enumerate(words[::2]) if head}
        return words[1::2], failed

    def read_direct_counters(self, table: str, handles: Sequence[int]) -> list[CounterValue]:
        """The counters of entries by handle; `KeyError` names a table without counters or a stale handle."""
        return self._reader.direct_counters(self._handle(), table, handles)

    def read_direct_meters(self, table: str, handles: Sequence[int]) -> list[MeterConfig | None]:
        """The configurations of entries' meters; `KeyError` as for counters."""
        return self._reader.direct_meters(self._handle(), table, handles)

    def read_idle_times(self, table: str, handles: Sequence[int]) -> list[int]:
        """Nanoseconds since each entry was last hit or written."""
        return self._reader.idle_times(self._handle(), table, handles)

    def idle_entries(self, limit: int = 1024) -> list[IdleEntry]:
        """Entries whose timeout is over; being named begins it anew."""
        return self._reader.idle_entries(self._handle(), limit)

    def read_counters(self, counter: str, start: int = 0, count: int | None = None) -> list[CounterValue]:
        """Cells of a counter array; `IndexError` outside of it."""
        return self._reader.counters(self._handle(), counter, start, count)

    def read_registers(self, register: str, start: int = 0, count: int | None = None) -> list[int]:
        """Cells of a register array; `IndexError` outside of it."""
        return self._reader.registers(self._handle(), register, start, count)

    def read_meters(self, meter: str, start: int = 0, count: int | None = None) -> list[MeterConfig | None]:
        """The configurations of a meter array's cells; `IndexError` outside of it."""
        return self._reader.meters(self._handle(), meter, start, count)

    # --- traces -------------------------------------------------------------------------------

    def prepare_trace(self) -> None:
        """Compile the code that traces, if it never was; `BuildError`."""
        self._tracer.prepare(self._config)

    def start_trace(self, wanted: TraceFilter, most: int = MOST_TRACED) -> None:
        """Trace the next `most` packets that are `wanted`; `BuildError` leaves all as it was."""
        self._tracer.start(self._handle(), self._config, wanted, most)

    def stop_trace(self) -> None:
        """Trace no more packets."""
        self._tracer.stop(self._handle())

    def take_traces(self) -> list[PacketTrace]:
        """Traces that have become whole since the last call."""
        return self._tracer.take(self._handle())

    # --- packets ------------------------------------------------------------------------------

    def packet_out(self, frame: bytes) -> bool:
        """A frame arrives on the CPU port. False: no room, it was dropped."""
        return self.inject(self.options.cpu_port, frame)

    def inject(self, port: int, frame: bytes) -> bool:
        """A frame arrives on a memory port."""
        return self._frames.inject(self._handle(), port, frame)

    @property
    def events_fd(self) -> int:
        """Readable when `drain` has something (an eventfd; `drain` resets it)."""
        return self._frames.events_fd(self._handle())

    def drain(self, limit: int = 1024) -> list[Event]:
        """Take at most `limit` packet-ins and digests, in the order that `api.Engine` says."""
        found = (
            self._digest(number, content) if kind else PacketIn(content, number)
            for kind, number, content in self._frames.events(self._handle(), limit)
        )
        return [event for event in found if event is not None]

    def _digest(self, number: int, content: bytes) -> DigestMessage | None:
        info = self.info.digests.get(number)
        # A message of a pipeline that has been replaced has no meaning any more.
        if info is None or len(content) != sum((width + 7) // 8 for width in info.bitwidths):
            return None
        values, at = [], 0
        for width in info.bitwidths:
            size = (width + 7) // 8
            values.append(int.from_bytes(content[at : at + size], "big"))
            at += size
        return DigestMessage(number, info.name, tuple(values))

    def collect(self, timeout: float = 10.0, count: int | None = None) -> list[Departure]:
        """What was sent to memory ports, as (port, frame)."""
        return self._frames.collect(self._handle(), timeout, count)

    def advance(self, to_ns: int) -> None:
        """Let a clock that is held go on, and wait until all that is due has happened."""
        self._frames.advance(self._handle(), to_ns)

    def due_ns(self) -> int | None:
        """When a queue sends next, by a clock that is held."""
        return self._frames.due_ns(self._handle())

    def idle_due_ns(self) -> int | None:
        """When the next entry's idle timeout is over."""
        return self._frames.idle_due_ns(self._handle())

    def measure(self, port: int, frames: Sequence[bytes], count: int) -> float:
        """Packets/s from memory: `count` packets arrive on a port, without sockets. Frames are of one length
        and come in turns."""
        length = len(frames[0])
        if any(len(frame) != length for frame in frames):
            raise ValueError("the frames differ in length")
        content = b"".join(frames)
        taken = self._native.engine_measure(self._handle(), port, content, length, len(frames), count)
        return count * 1e9 / taken if taken else 0.0


def _pointer(words: array[int]) -> Any:
    if not words:
        words.append(0)
    address, _ = words.buffer_info()
    return c.cast(address, c.POINTER(c.c_uint64))


def _outcome(one: NativeOutcome) -> Outcome:
    status = Status(one.status)
    if status is Status.OK:
        return Outcome(status, "", one.handle)
    text = DETAILS[one.detail] or {
        Status.NOT_FOUND: "there is no such entry",
        Status.ALREADY_EXISTS: "it exists already",
        Status.ABORTED: "another operation of the batch failed",
    }.get(status, status.name)
    return Outcome(status, text)


def open_engine(config: DeviceConfig, options: EngineOptions | None = None) -> NativeEngine:
    """Compile (unless cached), load and set up a pipeline; `BuildError`. It moves packets from `start` on."""
    return NativeEngine(config, options)
