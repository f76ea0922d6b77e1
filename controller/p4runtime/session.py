"""One switch, for as long as the controller runs: connected, or on the way to be.

This module knows the life of a connection. It must never know what entries mean.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from finsy.proto import p4r, p4r_grpc

from controller.limit import RateLimit
from controller.names import SwitchName
from controller.p4runtime.arbitration import Arbitration, Standing
from controller.p4runtime.backoff import Backoff
from controller.p4runtime.channel import Endpoint, open_channel
from controller.p4runtime.errors import (
    NotPrimary,
    P4RuntimeError,
    PipelineLost,
    RequestRefused,
    SwitchUnavailable,
)
from controller.p4runtime.pipeline import Pipeline, push, running_cookie
from controller.p4runtime.ports import follow_ports
from controller.p4runtime.read import ReadResult, count_entries, read_all, read_cells, read_counters
from controller.p4runtime.state import PacketIn, Phase, SessionListener, SessionState
from controller.p4runtime.stream import (
    ElectionIdTaken,
    Stream,
    acknowledgement,
    decode_digest,
    decode_packet,
    packet_out,
)
from controller.p4runtime.update import Code, Update, UpdateError
from controller.p4runtime.write import write_batches
from controller.targets.target import Target
from pipelines.entities import Counter, CounterCell, EntityKey, TableEntry
from pipelines.values import Port

__all__ = ["SwitchSession", "Timing"]

_log = logging.getLogger(__name__)

_WAITING_MESSAGES = 1024
_DIFFERENT_COMPLAINTS = 20
_PACKETS_A_SECOND, _PACKETS_AT_ONCE = 50.0, 100
"""Of one port: a host may send LLDP frames as fast as it likes, and the fabric's own must come through."""
_REPORTS_A_SECOND, _REPORTS_AT_ONCE = 500.0, 250
"""Packet-ins and digests that a switch sends without losing any. Who causes more drowns what others say."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. The defaults suit switches in the same data centre."""

    answer: float = 5.0
    """For small requests; a switch that takes longer is taken for dead."""
    write: float = 30.0
    """For a batch of updates, and for a table read."""
    push: float = 120.0
    """For the pipeline: the embedded switch compiles it the first time."""
    probe: float = 10.0
    """Between looks at the pipeline's cookie, which find dead switches and lost pipelines."""
    first_retry: float = 0.2
    longest_retry: float = 15.0


@dataclass(frozen=True, slots=True)
class _Connection:
    stub: p4r_grpc.P4RuntimeStub
    stream: Stream


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

        Raises:
            ValueError: an election id that is not 1 to 2^128 - 1.
        """
        self._endpoint = endpoint
        self._target = target
        self._pipeline = pipeline
        self._listener = listener
        self._timing = timing or Timing()
        self._push_objection = push_objection
        self._arbitration = Arbitration(endpoint.device_id, election_id)
        self._state = SessionState(Phase.DISCONNECTED, "not started")
        self._connection: _Connection | None = None
        self._look = asyncio.Event()
        """Set when something may have changed that the pipeline's keeper must see at once."""
        self._packets: asyncio.Queue[PacketIn] = asyncio.Queue(_WAITING_MESSAGES)
        self._digests: asyncio.Queue[p4r.DigestList] = asyncio.Queue(_WAITING_MESSAGES)
        self._packet_limit = RateLimit[Port](_PACKETS_A_SECOND, _PACKETS_AT_ONCE)
        self._dropped = 0
        self._reports = RateLimit[None](_REPORTS_A_SECOND, _REPORTS_AT_ONCE)
        self._flooded_at = -math.inf
        """When reports came last that were too many, or found no room here."""
        self._complaints: set[str] = set()
        self._waiters: set[asyncio.Future[None]] = set()

    @property
    def name(self) -> SwitchName:
        """The switch's name."""
        return self._endpoint.name

    @property
    def state(self) -> SessionState:
        """How it stands now."""
        return self._state

    @property
    def dropped_messages(self) -> int:
        """Packet-ins of a port that sends too many, and all that came faster than the listener took it."""
        return self._dropped

    def heard_all(self, since: float) -> bool:
        """Whether the listener has had all that the switch reports by digest, as far as one can tell.

        Reports get lost, or come late, where there are too many, here or in the switch.

        Args:
            since: a moment of the event loop's clock.
        """
        return self._digests.empty() and self._flooded_at < since

    async def wait_until(self, wanted: Callable[[SessionState], bool]) -> SessionState:
        """Wait until the state is as wanted; at once if it is already."""
        while not wanted(self._state):
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)
        return self._state

    async def run(self) -> None:
        """Connect, arbitrate, push the pipeline, listen; again after every failure.

        Ends by cancellation only; the switch keeps its pipeline and entries then.
        """
        backoff = Backoff(self._timing.first_retry, self._timing.longest_retry)
        now = asyncio.get_running_loop().time
        self._enter(Phase.DISCONNECTED, "connecting")
        try:
            while True:
                self._arbitration.restart()
                started = now()
                try:
                    await self._connected()
                except ElectionIdTaken as error:
                    self._arbitration.id_is_taken()
                    self._enter(Phase.DISCONNECTED, str(error))
                except (P4RuntimeError, OSError, ValueError) as error:
                    self._enter(Phase.DISCONNECTED, str(error))
                if now() - started > self._timing.longest_retry:
                    backoff.reset()
                await asyncio.sleep(backoff.next())
        finally:
            self._enter(Phase.DISCONNECTED, "stopped")

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
        async with self._request(Phase.PRIMARY) as connection:
            return await write_batches(
                connection.stub,
                self._endpoint.device_id,
                self._arbitration.encoded_election_id(),
                updates,
                size=self._target.batch_size,
                in_flight=1 if in_order else self._target.batches_in_flight,
                timeout=self._timing.write,
            )

    async def read(self) -> ReadResult:
        """Read everything that the controller may have written: entries, groups, clone sessions, digests.

        Raises:
            P4RuntimeError: the switch did not answer, or not with entities.
        """
        async with self._request(Phase.PRIMARY, Phase.BACKUP) as connection:
            return await read_all(connection.stub, self._endpoint.device_id, self._timing.write)

    async def read_counters(self, entries: Collection[TableEntry]) -> Mapping[EntityKey, Counter]:
        """Read the direct counters of entries; those that the switch does not have are left out.

        Raises:
            P4RuntimeError: the switch did not answer, or not with counters.
            ValueError: an entry of a table without counters.
        """
        async with self._request(Phase.PRIMARY, Phase.BACKUP) as connection:
            return await read_counters(
                connection.stub,
                self._endpoint.device_id,
                entries,
                missing=self._target.missing_entry,
                timeout=self._timing.write,
            )

    async def read_cells(self, cells: Collection[CounterCell]) -> Mapping[EntityKey, Counter]:
        """Read cells of indirect counters, by their keys.

        Raises:
            P4RuntimeError: the switch did not answer, or not with counters.
        """
        async with self._request(Phase.PRIMARY, Phase.BACKUP) as connection:
            return await read_cells(connection.stub, self._endpoint.device_id, cells, self._timing.write)

    async def packet_out(self, port: Port, frame: bytes) -> None:
        """Send a frame out of a port. Nobody says whether it left.

        Raises:
            P4RuntimeError: the session is not primary.
        """
        async with self._request(Phase.PRIMARY) as connection:
            await connection.stream.send(packet_out(port, frame))

    @asynccontextmanager
    async def _request(self, *phases: Phase) -> AsyncIterator[_Connection]:
        """Guard a request by the state, and look after the pipeline where the switch says it is gone."""
        if self._connection is None or self._state.phase not in phases:
            refusal = NotPrimary if self._state.phase is Phase.BACKUP else SwitchUnavailable
            raise refusal(f"{self.name} is {self._state}")
        try:
            yield self._connection
        except (PipelineLost, NotPrimary, SwitchUnavailable):
            self._look.set()
            raise

    async def _connected(self) -> None:
        """One connection, until it fails.

        Raises:
            P4RuntimeError: why it failed.
            OSError, ValueError: TLS files that cannot be used.
        """
        channel = open_channel(self._endpoint, self._target.max_receive_bytes)
        stream = None
        try:
            stub = p4r_grpc.P4RuntimeStub(channel)
            stream = Stream(stub)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(stream.write_waiting())
                await stream.send(self._arbitration.request())
                await self._first_answer(stream)
                self._connection = _Connection(stub, stream)
                tasks.create_task(self._listen(stream))
                tasks.create_task(self._deliver_packets())
                tasks.create_task(self._deliver_digests(stream))
                tasks.create_task(self._keep_pipeline(stub))
                if (leaf := self._target.port_number_leaf) is not None:
                    told = partial(self._listener.ports_known, self.name)
                    answer = self._timing.answer
                    tasks.create_task(follow_ports(channel, self.name, leaf, told, timeout=answer))
        except BaseExceptionGroup as failures:
            raise _first(failures) from None
        finally:
            self._connection = None
            if stream is not None:
                stream.close()
            self._packets = asyncio.Queue(_WAITING_MESSAGES)
            self._digests = asyncio.Queue(_WAITING_MESSAGES)
            self._complaints.clear()
            await channel.close()

    async def _first_answer(self, stream: Stream) -> None:
        """Wait until the switch has said who is primary."""
        try:
            async with asyncio.timeout(self._timing.answer):
                while self._arbitration.standing is Standing.UNKNOWN:
                    message = await stream.receive()
                    if message.HasField("arbitration") and self._arbitration.update(message.arbitration):
                        await stream.send(self._arbitration.request())
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
                        await stream.send(self._arbitration.request())
                    self._see_standing()
                case "packet":
                    self._count_reports(1)
                    self._take_packet(message.packet)
                case "digest":
                    self._count_reports(len(message.digest.data))
                    self._take_digests(message.digest)
                case "error":
                    code = Code(message.error.canonical_code)
                    self._complain(f"stream error {code.name}: {message.error.message}")
                case other:
                    _log.debug("%s: stream message %s is of no use here", self.name, other)

    def _complain(self, complaint: str) -> None:
        """Log what is wrong with the switch's messages, or with ours; each thing once a connection."""
        if complaint not in self._complaints and len(self._complaints) < _DIFFERENT_COMPLAINTS:
            self._complaints.add(complaint)
            _log.warning("%s: %s", self.name, complaint)

    def _see_standing(self) -> None:
        if self._arbitration.standing is Standing.BACKUP:
            self._enter(Phase.BACKUP, self._arbitration.reason)
        self._look.set()

    def _take_packet(self, message: p4r.PacketIn) -> None:
        try:
            packet = decode_packet(message)
        except ValueError as error:
            self._complain(f"a packet-in cannot be read: {error}")
            return
        now = asyncio.get_running_loop().time()
        if self._packets.full() or not self._packet_limit.allows(packet.port, now):
            self._dropped += 1
        else:
            self._packets.put_nowait(packet)

    def _count_reports(self, number: int) -> None:
        now = asyncio.get_running_loop().time()
        if not all(self._reports.allows(None, now) for _ in range(number)):
            self._flooded_at = now
            self._complain(f"more than {_REPORTS_A_SECOND:g} reports come in a second: some may be lost")

    def _take_digests(self, digests: p4r.DigestList) -> None:
        if self._digests.full():
            self._dropped += 1
            self._flooded_at = asyncio.get_running_loop().time()
        else:
            self._digests.put_nowait(digests)

    async def _deliver_packets(self) -> None:
        """Hand packet-ins to the listener, one at a time."""
        while True:
            packet = await self._packets.get()
            try:
                await self._listener.packet_in(self.name, packet)
            except Exception:
                _log.exception("%s: a packet-in was not taken", self.name)

    async def _deliver_digests(self, stream: Stream) -> None:
        """Hand digest lists to the listener, one at a time, and acknowledge each after that."""
        while True:
            digests = await self._digests.get()
            try:
                await self._listener.digests(self.name, decode_digest(digests))
            except ValueError as error:
                self._complain(f"a digest list cannot be read: {error}")
            except Exception:
                _log.exception("%s: a digest list was not taken", self.name)
            await stream.send(acknowledgement(digests))

    async def _keep_pipeline(self, stub: p4r_grpc.P4RuntimeStub) -> None:
        """See that the switch answers and runs our pipeline; push it where it does not.

        Raises:
            P4RuntimeError: the switch does not answer, or does not take the pipeline.
        """
        self._see_standing()
        while True:
            self._look.clear()
            cookie = await running_cookie(stub, self._endpoint.device_id, self._timing.answer)
            if self._arbitration.standing is Standing.PRIMARY:
                pushed = cookie != self._pipeline.cookie
                objection = await self._objection(stub) if pushed and cookie is not None else None
                if objection is not None:
                    self._enter(Phase.DISCONNECTED, objection)
                elif pushed:
                    await self._push(stub, cookie)
                # Mastership may have been lost meanwhile.
                lost = self._arbitration.standing is not Standing.PRIMARY
                if objection is None and not lost and (pushed or self._state.phase is not Phase.PRIMARY):
                    self._enter(Phase.PRIMARY, "", rise=True)
            try:
                async with asyncio.timeout(self._timing.probe):
                    await self._look.wait()
            except TimeoutError:
                pass

    async def _objection(self, stub: p4r_grpc.P4RuntimeStub) -> str | None:
        """Why another pipeline and its entries must stay, or None."""
        try:
            entries = await count_entries(stub, self._endpoint.device_id, self._timing.write)
        except PipelineLost:
            return None  # It runs none after all.
        except RequestRefused as error:
            _log.warning("%s cannot say what it holds, so nothing of it is kept: %s", self.name, error)
            return None
        return self._push_objection(entries)

    async def _push(self, stub: p4r_grpc.P4RuntimeStub, found: int | None) -> None:
        why = "the switch has no pipeline" if found is None else "the switch has another pipeline"
        self._enter(Phase.DISCONNECTED, f"pushing the pipeline: {why}")
        election_id = self._arbitration.encoded_election_id()
        await push(stub, self._endpoint.device_id, election_id, self._pipeline, self._timing.push)

    def _enter(self, phase: Phase, reason: str, *, rise: bool = False) -> None:
        """Change the state and tell everybody."""
        state = SessionState(phase, reason, self._state.epoch + rise)
        if state == self._state:
            return
        self._state = state
        _log.info("%s: %s", self.name, state)
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        try:
            self._listener.state_changed(self.name, state)
        except Exception:
            _log.exception("%s: the state %s was not taken", self.name, state)


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The failure that ended a connection; the others followed from it."""
    for failure in failures.exceptions:
        if isinstance(failure, BaseExceptionGroup):
            return _first(failure)
        return failure
    return failures
