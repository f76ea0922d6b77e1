"""One switch, for as long as the controller runs: connected, or on the way to be.

This module knows the life of a connection. It does not know what entries mean.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import grpc
from finsy.proto import p4r_grpc

from p4fabric.controller.cancellation import in_own_task
from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.arbitration import Arbitration, Standing
from p4fabric.controller.p4runtime.backoff import Backoff
from p4fabric.controller.p4runtime.cells import CellRequest, CellsRead, read_cells, read_fixed
from p4fabric.controller.p4runtime.channel import Endpoint, open_channel
from p4fabric.controller.p4runtime.counter_reads import TakeCounter, WantedCounters, read_counters
from p4fabric.controller.p4runtime.current_state import CONNECTING, STOPPED, CurrentState
from p4fabric.controller.p4runtime.errors import NotPrimary, P4RuntimeError, PipelineLost, SwitchUnavailable
from p4fabric.controller.p4runtime.gate import ConnectGate, Turn
from p4fabric.controller.p4runtime.gnmi import number
from p4fabric.controller.p4runtime.gnmi_get import get_leaves
from p4fabric.controller.p4runtime.gnmi_set import set_number
from p4fabric.controller.p4runtime.keeper import PipelineKeeper
from p4fabric.controller.p4runtime.pipeline import Pipeline
from p4fabric.controller.p4runtime.port_samples import PortWatcher, follow_samples
from p4fabric.controller.p4runtime.ports import follow_ports
from p4fabric.controller.p4runtime.push import running_cookie
from p4fabric.controller.p4runtime.queue_bins import QueueBins
from p4fabric.controller.p4runtime.read import Decoded, Read, ReadResult, read_all, read_call
from p4fabric.controller.p4runtime.reports import Reports
from p4fabric.controller.p4runtime.state import Phase, SessionListener, SessionState
from p4fabric.controller.p4runtime.stream import ElectionIdTaken, Stream
from p4fabric.controller.p4runtime.timing import Timing
from p4fabric.controller.p4runtime.update import AnyUpdate, Code, FixedUpdate, Update, UpdateError
from p4fabric.controller.p4runtime.write import Write, write_batches, write_call
from p4fabric.controller.targets.target import Target
from p4fabric.pipelines.entities import FixedEntity, PacketMetadata

__all__ = ["SwitchSession"]

_log = logging.getLogger(__name__)

_FEW_ENTITIES = 5000
"""Read in one request, which takes a fraction of the time of one for each table."""

_DIFFERENT_COMPLAINTS = 20


@dataclass(frozen=True, slots=True)
class _Connection:
    channel: grpc.aio.Channel
    stub: p4r_grpc.P4RuntimeStub
    write: Write
    read: Read
    stream: Stream


@dataclass(slots=True)
class _Request:
    """One request on a connection: where it fails in certain ways, the pipeline is looked after."""

    _connection: _Connection
    _keeper: PipelineKeeper
    _has_answer: bool

    def __enter__(self) -> _Connection:
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            if self._has_answer:
                self._keeper.answered()
        elif isinstance(error, (PipelineLost, NotPrimary, SwitchUnavailable)):
            self._keeper.look()


class SwitchSession:
    """A P4Runtime session that keeps itself alive: `run` it in a TaskGroup.

    The pipeline is pushed only if the switch's cookie is another one. All requests raise
    `SwitchUnavailable`, `NotPrimary` or `PipelineLost` where the state does not allow them.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        target: Target,
        pipeline: Pipeline,
        listener: SessionListener,
        *,
        election_id: int,
        timing: Timing | None = None,
        push_objection: Callable[[int], str | None] = lambda entries: None,
        watcher: PortWatcher | None = None,
        sample_interval: float = 0.0,
        expected: int | None = None,
        gate: ConnectGate | None = None,
        bins: QueueBins | None = None,
    ) -> None:
        """Make the session; nothing is sent before `run`.

        Args:
            endpoint: where the switch is.
            target: the kind of switch.
            pipeline: what it should run.
            listener: told what it says.
            election_id: the bid; the highest is primary.
            timing: how patient.
            push_objection: why the pipeline may not take the place of another with so many entries, or None.
            watcher: told what ports have counted.
            sample_interval: seconds between the samples that it is told; 0: it is told none.
            expected: how many entities the switch may be expected to hold, if that is known.
            gate: passed with each connection, until the switch was read once; without one there is no wait.
            bins: what it is to keep of its queues.

        Raises:
            ValueError: an election id that is not 1 to 2^128 - 1.
        """
        self._endpoint = endpoint
        self._target = target
        self._pipeline = pipeline
        self._listener = listener
        self._timing = timing or Timing()
        self._watcher, self._sample_interval, self._bins = watcher, sample_interval, bins
        self._arbitration = Arbitration(endpoint.device_id, election_id)
        self._state = CurrentState(endpoint.name, listener)
        self._keeper = PipelineKeeper(
            pipeline, endpoint, self._arbitration, self._state, self._timing, push_objection
        )
        self._reports = Reports(endpoint.name, pipeline, listener, self._complain)
        self._gate = gate or ConnectGate()
        self._turn: Turn | None = None
        self._connection: _Connection | None = None
        self._connected_at = math.inf
        self._complaints: set[str] = set()
        self._entities_read = _FEW_ENTITIES + 1 if expected is None else expected
        """How many the last read found: few are asked for in one request."""

    @property
    def name(self) -> SwitchName:
        """The switch's name."""
        return self._endpoint.name

    @property
    def pipeline(self) -> Pipeline:
        """What the switch should run."""
        return self._pipeline

    @property
    def state(self) -> SessionState:
        """How it stands now."""
        return self._state.now

    @property
    def dropped_messages(self) -> int:
        """Packet-ins of a source that sends too many, and all that came faster than the listener took it."""
        return self._reports.dropped

    def heard_all(self, since: float) -> bool:
        """Whether the listener has had all that the switch reports, as far as one can tell.

        Reports get lost, or come late, where there are too many, here or in the switch.

        Args:
            since: a moment of the event loop's clock.
        """
        return self._reports.heard_all(since)

    async def wait_until(self, wanted: Callable[[SessionState], bool]) -> SessionState:
        """Wait until the state is as wanted; at once if it is already."""
        return await self._state.wait_until(wanted)

    async def run(self) -> None:
        """Connect, arbitrate, push the pipeline, listen; again after every failure.

        Ends by cancellation only; the switch keeps its pipeline and entries then.
        """
        backoff = Backoff(self._timing.first_retry, self._timing.longest_retry)
        now = asyncio.get_running_loop().time
        self._state.enter(Phase.DISCONNECTED, CONNECTING)
        try:
            while True:
                self._arbitration.restart()
                self._connected_at = math.inf
                try:
                    await in_own_task(self._connected())
                except ElectionIdTaken as error:
                    self._arbitration.id_is_taken()
                    self._state.enter(Phase.DISCONNECTED, str(error))
                except (P4RuntimeError, OSError, ValueError) as error:
                    self._state.enter(Phase.DISCONNECTED, str(error))
                backoff.lasted(now() - self._connected_at)
                await asyncio.sleep(backoff.next())
        finally:
            self._state.enter(Phase.DISCONNECTED, STOPPED)

    async def write(self, updates: Sequence[Update], *, in_order: bool = False) -> list[UpdateError]:
        """Write, in batches of which several are on the way at once.

        Args:
            updates: any number; each is performed or refused by itself.
            in_order: perform them one after another as given, one batch at a time.

        Returns:
            The errors of updates that were not performed.

        Raises:
            P4RuntimeError: the connection or the mastership was lost; what was performed is unknown.
        """
        return await self._write(updates, 1 if in_order else self._target.batches_in_flight)

    async def write_fixed(self, entities: Collection[FixedEntity]) -> list[UpdateError]:
        """Change what is there always: value sets, and cells of meters and registers.

        Returns:
            The errors of those that were not changed.

        Raises:
            P4RuntimeError: the connection or the mastership was lost; what was changed is unknown.
            ValueError: a value does not fit.
        """
        updates = [FixedUpdate(entity) for entity in entities]
        return await self._write(updates, self._target.batches_in_flight)

    async def _write(self, updates: Sequence[AnyUpdate], in_flight: int) -> list[UpdateError]:
        with self._request(Phase.PRIMARY) as connection:
            return await write_batches(
                connection.write,
                self._arbitration.write_head(),
                updates,
                size=self._target.batch_size,
                in_flight=in_flight,
                timeout=self._timing.write,
            )

    async def read(self, decoded: Decoded | None = None) -> ReadResult:
        """Read everything that the controller may have written: entries, groups, clone sessions, digests.

        Args:
            decoded: entities of earlier results, which are not decoded again.

        Raises:
            P4RuntimeError: the switch did not answer, or not with entities.
        """
        result = await self._read(None, decoded, background=False)
        assert result is not None
        return result

    async def read_if_changed(
        self, digest: bytes | None, decoded: Decoded | None = None
    ) -> ReadResult | None:
        """Read everything, and decode only what the switch did not answer before; nobody waits for it.

        Args:
            digest: of an earlier result.
            decoded: entities of earlier results, which are not decoded again.

        Returns:
            What the switch holds; None if its answer is that of the earlier result.

        Raises:
            P4RuntimeError: the switch did not answer, or not with entities.
        """
        return await self._read(digest, decoded, background=True)

    async def _read(
        self, digest: bytes | None, decoded: Decoded | None, *, background: bool
    ) -> ReadResult | None:
        with self._request(Phase.PRIMARY, Phase.BACKUP) as connection:
            result = await read_all(
                connection.read,
                self._endpoint.device_id,
                self._pipeline.bindings,
                self._timing.write,
                unless=digest,
                decoded=decoded,
                together=self._entities_read <= _FEW_ENTITIES,
                background=background,
            )
        self._end_turn()
        if result is not None:
            self._entities_read = len(result.entities)
        return result

    def _end_turn(self) -> None:
        """The connection stands, or has failed: others may connect."""
        if self._turn is not None:
            self._turn.end()
            self._turn = None

    async def ask(self) -> None:
        """Have the switch answer anything: a connection may be silent for long before it is closed.

        Raises:
            P4RuntimeError: it did not.
        """
        with self._request(Phase.PRIMARY, Phase.BACKUP) as connection:
            await running_cookie(connection.stub, self._endpoint.device_id, self._timing.answer)

    async def switch_clock(self) -> tuple[int, int, int] | None:
        """Ask the switch for its time: ours when it was asked, its own, and ours when it had answered, all in
        nanoseconds; None: it has no clock that can be asked for.

        Raises:
            P4RuntimeError: the switch did not answer.
            ValueError: what came is no time.
        """
        path = self._target.clock_path
        if path is None:
            return None
        with self._request(Phase.PRIMARY, Phase.BACKUP) as connection:
            asked = time.time_ns()
            answer = await get_leaves(connection.channel, path, timeout=self._timing.answer)
            received = time.time_ns()
        for _, update in answer:
            return asked, number(update.val), received
        raise ValueError(f"{path} has no value")

    @property
    def pushes(self) -> int:
        """How often the pipeline was pushed; each time all of its counters begin with zero."""
        return self._keeper.pushes

    async def read_counters(self, wanted: WantedCounters, take: TakeCounter) -> float:
        """Read the direct counters of entries; those that the switch does not have are left out.

        Args:
            wanted: of which entries.
            take: told of each as it comes.

        Returns:
            The seconds for which this kept the event loop busy.

        Raises:
            P4RuntimeError: the switch did not answer, or not with counters.
        """
        with self._request(Phase.PRIMARY, Phase.BACKUP) as connection:
            return await read_counters(
                connection.stub,
                self._endpoint.device_id,
                wanted,
                take,
                missing=self._target.missing_entry,
                timeout=self._timing.write,
            )

    async def read_cells(self, cells: CellRequest, unless: bytes | None = None) -> CellsRead | None:
        """Read cells of indirect counters.

        Args:
            cells: which.
            unless: the digest of an earlier answer.

        Returns:
            What they count; None if the switch's answer is the earlier one.

        Raises:
            P4RuntimeError: the switch did not answer, or not with counters.
        """
        with self._request(Phase.PRIMARY, Phase.BACKUP) as connection:
            device, timeout = self._endpoint.device_id, self._timing.write
            return await read_cells(connection.read, device, cells, timeout, unless=unless)

    async def read_fixed(self, *kinds: type[FixedEntity]) -> list[FixedEntity]:
        """Read value sets, and all cells of indirect meters and registers.

        Args:
            kinds: classes of the pipeline's bindings.

        Raises:
            P4RuntimeError: the switch did not answer, or does not serve them.
            ValueError: what came is none of the pipeline's.
        """
        with self._request(Phase.PRIMARY, Phase.BACKUP) as connection:
            return await read_fixed(
                connection.read,
                self._endpoint.device_id,
                self._pipeline.bindings,
                kinds,
                self._timing.write,
            )

    async def packet_out(self, header: PacketMetadata, frame: bytes) -> None:
        """Send a frame, with the pipeline's own header. Nobody says whether it left.

        Raises:
            P4RuntimeError: the session is not primary.
            ValueError: the header is not the pipeline's.
        """
        message = self._pipeline.packet_out(header, frame)
        with self._request(Phase.PRIMARY, has_answer=False) as connection:
            await connection.stream.send_packet(message)

    def _request(self, *phases: Phase, has_answer: bool = True) -> _Request:
        """Guard a request by the state, and look after the pipeline where the switch says it is gone.

        Raises:
            NotPrimary: another controller is primary.
            SwitchUnavailable: there is no connection.
        """
        if self._connection is None or self._state.phase not in phases:
            refusal = NotPrimary if self._state.phase is Phase.BACKUP else SwitchUnavailable
            raise refusal(f"{self.name} is {self.state}")
        return _Request(self._connection, self._keeper, has_answer)

    async def _connected(self) -> None:
        """One connection, until it fails.

        Raises:
            P4RuntimeError: why it failed.
            OSError, ValueError: TLS files that cannot be used.
        """
        self._turn = await self._gate.enter()
        channel, stream = None, None
        try:
            channel = open_channel(self._endpoint, self._target.max_receive_bytes)
            stub = p4r_grpc.P4RuntimeStub(channel)
            stream = Stream(stub)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(stream.write_waiting())
                stream.bid(self._arbitration.request())
                await self._first_answer(stream)
                self._connection = _Connection(channel, stub, write_call(channel), read_call(channel), stream)
                self._connected_at = asyncio.get_running_loop().time()
                tasks.create_task(self._listen(stream))
                tasks.create_task(self._reports.deliver(stream))
                self._see_standing()
                tasks.create_task(self._keeper.run(stub))
                tasks.create_task(self._follow_ports(channel))
                tasks.create_task(self._ask_for_drops(channel))
                if self._bins is not None:
                    tasks.create_task(self._keep_bins(channel, self._bins))
                if self._watcher is not None:
                    tasks.create_task(self._sample_ports(channel, self._watcher))
        except BaseExceptionGroup as failures:
            raise _first(failures) from None
        finally:
            self._connection = None
            if self._watcher is not None:
                self._watcher.ports_unread(self.name, "not connected")
            if stream is not None:
                stream.close()
            self._reports.clear()
            self._complaints.clear()
            self._end_turn()
            if channel is not None:
                await channel.close()

    async def _follow_ports(self, channel: grpc.aio.Channel) -> None:
        """Tell which ports there are, and which are up, where the switch says so."""
        leaf = self._target.port_number_leaf
        if leaf is not None:
            ports, answer = self._pipeline.front_ports, self._timing.answer
            await follow_ports(channel, self.name, leaf, ports, self._listener, timeout=answer)

    async def _ask_for_drops(self, channel: grpc.aio.Channel) -> None:
        """Have the program given what finds its queue full, where program and switch can do that."""
        path, session = self._target.drop_session_path, self._pipeline.drop_session
        if path is None or session is None:
            return
        await self._state.wait_until(lambda state: state.phase is Phase.PRIMARY)
        try:
            await set_number(channel, path, session, timeout=self._timing.answer)
        except P4RuntimeError as error:
            _log.warning("%s: packets that find their queue full are not reported: %s", self.name, error)

    async def _keep_bins(self, channel: grpc.aio.Channel, bins: QueueBins) -> None:
        """Have the switch keep bins of queues, while nobody else is primary."""
        await self._state.wait_until(lambda state: state.phase is Phase.PRIMARY)
        await bins.keep(
            channel, self.name, lambda: self._state.phase is Phase.PRIMARY, timeout=self._timing.answer
        )

    async def _sample_ports(self, channel: grpc.aio.Channel, watcher: PortWatcher) -> None:
        """Tell what ports have counted, where the switch says so; say why not elsewhere."""
        leaf, interval = self._target.port_number_leaf, self._sample_interval
        if leaf is None:
            reason = f"{self._target.name} does not serve port counters by gNMI"
            watcher.ports_unread(self.name, reason)
        elif not interval:
            watcher.ports_unread(self.name, "telemetry.portInterval is 0")
        else:
            ports, answer = self._pipeline.front_ports, self._timing.answer
            await follow_samples(channel, self.name, leaf, ports, watcher, interval=interval, timeout=answer)

    async def _first_answer(self, stream: Stream) -> None:
        """Wait until the switch has said who is primary."""
        try:
            async with asyncio.timeout(self._timing.answer):
                while self._arbitration.standing is Standing.UNKNOWN:
                    message = await stream.receive()
                    if message.HasField("arbitration") and self._arbitration.update(message.arbitration):
                        stream.bid(self._arbitration.request())
        except TimeoutError:
            seconds = self._timing.answer
            raise SwitchUnavailable(f"{self._endpoint.address} did not answer in {seconds:g} s") from None

    async def _listen(self, stream: Stream) -> None:
        """Take messages off the stream as fast as they come; nothing here may wait for others."""
        while True:
            message = await stream.receive()
            match message.WhichOneof("update"):
                case "arbitration":
                    if self._arbitration.update(message.arbitration):
                        stream.bid(self._arbitration.request())
                    self._see_standing()
                case "packet":
                    self._reports.take_packet(message.packet)
                case "digest":
                    self._reports.take_digests(message.digest)
                case "error":
                    code = Code(message.error.canonical_code)
                    self._complain(f"stream error {code.name}: {message.error.message}")
                case other:
                    _log.debug("%s: ignoring stream message %s", self.name, other)

    def _complain(self, complaint: str) -> None:
        """Log what is wrong with the switch's messages, or with ours; each thing once a connection."""
        if complaint not in self._complaints and len(self._complaints) < _DIFFERENT_COMPLAINTS:
            self._complaints.add(complaint)
            _log.warning("%s: %s", self.name, complaint)

    def _see_standing(self) -> None:
        if self._arbitration.standing is Standing.BACKUP:
            self._state.enter(Phase.BACKUP, self._arbitration.reason)
        self._keeper.look()


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The failure that ended a connection; the others followed from it."""
    for failure in failures.exceptions:
        if isinstance(failure, BaseExceptionGroup):
            return _first(failure)
        return failure
    return failures
