"""The P4Runtime service: every RPC's own checks, in the order of the specification, then the work elsewhere.

Knows gRPC. Writes, reads and pipeline changes run one after the other in one thread, so that each sees the
others whole (section 13.4) and the event loop stays free.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn, TypeAlias, TypeVar

import grpc
from finsy.proto import p4r, p4r_grpc

from p4fabric.softswitch.server.arbitration import Arbitration, Client
from p4fabric.softswitch.server.errors import (
    DETAILS_KEY,
    Code,
    Refusal,
    Result,
    abort,
    batch_status,
    denied,
    exhausted,
    invalid,
    raise_first,
)
from p4fabric.softswitch.server.idle_timeouts import IdleTimeouts
from p4fabric.softswitch.server.packet_io import PacketIo
from p4fabric.softswitch.server.parts import Part, messages
from p4fabric.softswitch.server.pipeline import Forwarding, Pipelines
from p4fabric.softswitch.server.pushes import Pushes
from p4fabric.softswitch.server.received import Received
from p4fabric.softswitch.server.rpc import GuardedServer
from p4fabric.softswitch.server.service_log import ServiceLog
from p4fabric.softswitch.server.stream import ClientStream
from p4fabric.softswitch.server.tasks import run_to_end
from p4fabric.softswitch.server.timers import HeldTimers, LoopTimers

_log = logging.getLogger(__name__)

API_VERSION = "1.5.0"
_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_Push = p4r.SetForwardingPipelineConfigRequest
_Get = p4r.GetForwardingPipelineConfigRequest
T = TypeVar("T")
MOST_STREAMS = 80
"""Of clients that have arbitrated (`arbitration.MOST_CLIENTS`) and of some that are about to."""
MOST_READS = 32
"""That are being answered: each holds a snapshot until its client has taken it."""
ARBITRATION_SECONDS = 30.0
"""For a new stream's first arbitration update to be accepted."""
_LAST_WORDS = 5.0
"""Seconds that a client has to read what was said to it before its stream ends with an error."""


class P4RuntimeService(p4r_grpc.P4RuntimeServicer):
    """One device's P4Runtime."""

    def __init__(
        self,
        device_id: int,
        pipelines: Pipelines,
        *,
        notifications: bool = True,
        clock: Callable[[], int] | None = None,
    ) -> None:
        """`notifications`: whether packet-ins and digests are sent at all. `clock`: of `SwitchOptions`."""
        self._held = HeldTimers(clock) if clock is not None else None
        timers = self._held or LoopTimers()
        self._arbitration = Arbitration(device_id)
        self._pipelines = pipelines
        self._notifications = notifications
        self._streams: dict[Client, ClientStream] = {}
        self.listeners: list[Callable[[p4r.StreamMessageResponse], object]] = []
        """Those who hear in this process what primaries are told."""
        self._state = ThreadPoolExecutor(1, thread_name_prefix="p4runtime-state")
        self._primaries: set[Client] = set()
        """As they were when somebody last looked for changes."""
        self._pushes = Pushes(pipelines, self.in_state, self._follow_pipeline)
        self._reads = 0
        self._packet_io = PacketIo(self._packet_in, self._digest, timers)
        self._idle_timeouts = IdleTimeouts(self.in_state, self._idle, timers)
        self._said = ServiceLog()

    def join(self, server: GuardedServer) -> None:
        """Be served."""
        p4r_grpc.add_P4RuntimeServicer_to_server(self, server)
        write = grpc.unary_unary_rpc_method_handler(self.Write)
        server.add_registered_method_handlers("p4.v1.P4Runtime", {"Write": write})

    async def close(self) -> None:
        """Stop the engines, when no RPC is served any more; a push that was cancelled may still be ending."""
        async with self._pushes.turn:
            self._packet_io.stop()
            self._idle_timeouts.stop()
            await self.in_state(self._pipelines.close)
            self._state.shutdown()

    async def in_state(self, work: Callable[[], T]) -> T:
        """Run where the state belongs. It is carried out, and waited for, even if the client goes away: so a
        call lasts as long as what it has asked for."""
        return await run_to_end(asyncio.get_running_loop().run_in_executor(self._state, work))

    # --- Write and Read -------------------------------------------------------------------------

    async def Write(  # type: ignore[override]  # takes and gives what is on the wire
        self, request: bytes, context: _Context
    ) -> bytes:
        """Section 12. The request is looked at as it came: most are never made into messages."""
        current = self._pipelines.current
        try:
            received = Received(request, current.plain_writer.find_updates(request) if current else None)
            self._check_primary(received.head)
            if received.head.atomicity not in p4r.WriteRequest.Atomicity.values():
                raise invalid(f"atomicity {received.head.atomicity} is not known")
            results = await self.in_state(lambda: self._current().write(received))
        except Refusal as refusal:
            self._said.write_refused(context.peer(), refusal)
            await abort(context, refusal)
        if any(results):
            self._said.updates_refused(context.peer(), results)
            await _abort_batch(context, results, "some updates were refused")
        return b""

    async def Read(self, request: p4r.ReadRequest, context: _Context) -> AsyncIterator[p4r.ReadResponse]:
        """Section 13."""
        if self._reads >= MOST_READS:
            await abort(context, exhausted(f"{MOST_READS} reads are being answered already"))
        self._reads += 1
        try:
            self._arbitration.check_device(request.device_id)
            parts, results = await self.in_state(lambda: self._read(request))
            for message in messages(parts):
                yield message
        except Refusal as refusal:
            await abort(context, refusal)
        finally:
            self._reads -= 1
        if any(results):
            await _abort_batch(context, results, "some requests were refused")

    def _read(self, request: p4r.ReadRequest) -> tuple[list[Part], list[Result]]:
        return self._current().reader.read(request.entities, request.role)

    # --- what the switch's own process asks -----------------------------------------------------

    async def write_all(self, updates: Sequence[p4r.Update]) -> None:
        """All updates or none; raises the first `Refusal`."""
        results = await self.in_state(lambda: self._current().writer.write(updates, atomic=True))
        raise_first(results, "update")

    async def read_all(self, requests: Sequence[p4r.Entity]) -> list[p4r.Entity]:
        """What the requests select; raises the first `Refusal`."""
        parts, results = await self.in_state(lambda: self._current().reader.read(requests))
        raise_first(results, "request")
        return [entity for message in messages(parts) for entity in message.entities]

    def due_ns(self) -> int | None:
        """When a held clock sets something off: idle timeouts, digests' lists; None: never."""
        timer = self._held.due_ns() if self._held is not None else None
        return min((one for one in (timer, self._idle_timeouts.due_ns()) if one is not None), default=None)

    async def settle(self) -> None:
        """Do what a held clock sets off by now, and tell clients what the engine has for them."""
        self._packet_io.deliver()
        if self._held is not None:
            self._held.run()
        await self._idle_timeouts.look()

    def send(self, packet: p4r.PacketOut) -> None:
        """A packet-out; raises a `Refusal`."""
        self._packet_io.send(packet)

    def _current(self) -> Forwarding:
        current = self._pipelines.current
        if current is None:
            raise Refusal(Code.FAILED_PRECONDITION, "there is no forwarding pipeline yet")
        return current

    def _check_primary(self, request: p4r.WriteRequest | _Push) -> None:
        election_id = request.election_id if request.HasField("election_id") else None
        if request.role_id:
            raise invalid("role_id is not used since P4Runtime 1.3: name the role")
        self._arbitration.check_primary(request.device_id, request.role, election_id)

    # --- the pipeline ---------------------------------------------------------------------------

    async def SetForwardingPipelineConfig(
        self, request: _Push, context: _Context
    ) -> p4r.SetForwardingPipelineConfigResponse:
        """Section 14."""
        try:
            self._check_primary(request)
            # Compiling takes time: the client must still be primary when its pipeline takes effect.
            await self._pushes.push(request, lambda: self._check_primary(request))
        except Refusal as refusal:
            self._said.push_refused(context.peer(), refusal)
            await abort(context, refusal)
        self._said.pushed(context.peer(), request, self._pipelines.current)
        return p4r.SetForwardingPipelineConfigResponse()

    async def load(self, config: p4r.ForwardingPipelineConfig) -> None:
        """Run a pipeline that the operator has given; `Refusal` says what is wrong with it."""
        self._said.loaded(await self._pushes.load(config))

    async def replace(self, config: p4r.ForwardingPipelineConfig) -> Refusal | None:
        """Run another of the operator's pipelines; see `Pushes.replace`."""
        return await self._pushes.replace(config)

    def _follow_pipeline(self) -> None:
        if self._pipelines.running is not None:
            self._packet_io.use(self._pipelines.running)
            self._idle_timeouts.use(self._pipelines.running)

    async def GetForwardingPipelineConfig(
        self, request: _Get, context: _Context
    ) -> p4r.GetForwardingPipelineConfigResponse:
        """Section 15."""
        response = p4r.GetForwardingPipelineConfigResponse()
        try:
            self._arbitration.check_device(request.device_id)
            if request.response_type not in _Get.ResponseType.values():
                raise invalid(f"response_type {request.response_type} is not known")
        except Refusal as refusal:
            await abort(context, refusal)
        current = self._pipelines.current
        if current is None:
            return response
        config = response.config
        config.SetInParent()
        if current.config.HasField("cookie"):
            config.cookie.CopyFrom(current.config.cookie)
        if request.response_type in (_Get.ALL, _Get.P4INFO_AND_COOKIE):
            config.p4info.CopyFrom(current.config.p4info)
        if request.response_type in (_Get.ALL, _Get.DEVICE_CONFIG_AND_COOKIE):
            config.p4_device_config = current.config.p4_device_config
        return response

    async def Capabilities(
        self, request: p4r.CapabilitiesRequest, context: _Context
    ) -> p4r.CapabilitiesResponse:
        """Section 17."""
        if request.device_id:
            try:
                self._arbitration.check_device(request.device_id)
            except Refusal as refusal:
                await abort(context, refusal)
        return p4r.CapabilitiesResponse(p4runtime_api_version=API_VERSION)

    # --- the stream -----------------------------------------------------------------------------

    async def StreamChannel(  # type: ignore[override]  # reads and writes through the context
        self, _: object, context: _Context
    ) -> None:
        """Sections 5 and 16."""
        if len(self._streams) >= MOST_STREAMS:
            await abort(context, exhausted(f"there are {MOST_STREAMS} streams already"))
        stream = ClientStream()
        stream.peer = context.peer()
        self._said.connected(stream)
        overdue = asyncio.get_running_loop().call_later(ARBITRATION_SECONDS, _end_stranger, stream)
        self._streams[stream.client] = stream
        sending = asyncio.create_task(self._send(stream, context))
        receiving = asyncio.create_task(self._receive(stream, context))
        try:
            done, _pending = await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
            failure = next(iter(done)).exception()
            if isinstance(failure, Refusal):
                # A status cannot overtake a message that is being sent.
                stream.end(failure)
                await asyncio.wait((sending,), timeout=_LAST_WORDS)
        finally:
            overdue.cancel()
            for task in (sending, receiving):
                task.cancel()
            # Before anything is awaited: the call itself may be cancelled there, and a primary that has gone
            # would be believed for ever.
            del self._streams[stream.client]
            self._said.left(stream, was_primary=self._arbitration.is_primary(stream.client))
            self._notify(self._arbitration.remove(stream.client))
            self._follow_primaries()
            await asyncio.gather(sending, receiving, return_exceptions=True)
        if isinstance(failure, Refusal):
            await abort(context, failure)
        if failure is not None and not isinstance(failure, grpc.RpcError):
            raise failure

    @staticmethod
    async def _send(stream: ClientStream, context: _Context) -> None:
        while True:
            await context.write(await stream.next())

    async def _receive(self, stream: ClientStream, context: _Context) -> None:
        while (request := await context.read()) is not grpc.aio.EOF:
            match request.WhichOneof("update"):
                case "arbitration":
                    await self._arbitrate(stream.client, request.arbitration)
                case "packet":
                    self._packet_out(stream, request.packet)
                case "digest_ack":
                    self._digest_ack(stream, request.digest_ack)
                case kind:
                    error = _stream_error(
                        Refusal(Code.UNIMPLEMENTED, f"stream messages of kind {kind} are not implemented")
                    )
                    error.error.other.SetInParent()
                    stream.offer(error)

    async def _arbitrate(self, client: Client, update: p4r.MasterArbitrationUpdate) -> None:
        change = self._arbitration.update(client, update)
        self._notify(change.first)
        if change.then is not None:
            # What the former primary has begun ends before the next one may write (section 5.3). Others may
            # bid meanwhile, or this one go away: `promote` and `remove` know.
            await self.in_state(lambda: None)
            if not self._arbitration.promote(change.then):
                return
            self._notify((change.then,))
        self._follow_primaries()

    def _follow_primaries(self) -> None:
        """Do what a change of primaries entails, besides that clients are told."""
        before, self._primaries = self._primaries, set(self._arbitration.primaries())
        if self._primaries == before:
            return
        self._packet_io.digests.forget_sent()
        for one in self._primaries - before:
            self._said.elected(self._streams.get(one))
        for one in before - self._primaries:
            self._said.deposed(self._streams.get(one))

    def _notify(self, clients: tuple[Client, ...]) -> None:
        for client in clients:
            stream = self._streams.get(client)
            if stream is not None:
                stream.notify(self._arbitration.notification(client))

    def _packet_out(self, stream: ClientStream, packet: p4r.PacketOut) -> None:
        try:
            if not self._arbitration.is_primary(stream.client):
                raise denied("only a primary may send packets")
            if not self._is_in_scope(stream.client, "controller_packet_metadata", "packet_out"):
                raise denied(f"packet-outs are not in the scope of role {stream.client.role!r}")
            self._packet_io.send(packet)
        except Refusal as refusal:
            error = _stream_error(refusal)
            error.error.packet_out.packet_out.CopyFrom(packet)
            stream.offer(error)

    def _digest_ack(self, stream: ClientStream, ack: p4r.DigestListAck) -> None:
        try:
            if not self._arbitration.is_primary(stream.client):
                raise denied("only a primary acknowledges digest lists")
            if not self._is_in_scope(stream.client, "digests", ack.digest_id):
                raise denied(f"digest {ack.digest_id} is not in the scope of role {stream.client.role!r}")
            self._packet_io.digests.acknowledge(ack)
        except Refusal as refusal:
            error = _stream_error(refusal)
            error.error.digest_list_ack.digest_list_ack.CopyFrom(ack)
            stream.offer(error)

    def _packet_in(self, packet: p4r.PacketIn, priority: int) -> None:
        message = p4r.StreamMessageResponse(packet=packet)
        self._broadcast(message, "controller_packet_metadata", "packet_in", priority)

    def _digest(self, digests: p4r.DigestList) -> bool:
        return self._broadcast(p4r.StreamMessageResponse(digest=digests), "digests", digests.digest_id)

    def _idle(self, idle: p4r.IdleTimeoutNotification) -> None:
        message = p4r.StreamMessageResponse(idle_timeout_notification=idle)
        self._broadcast(message, "tables", idle.table_entry[0].table_id)

    def _broadcast(
        self, message: p4r.StreamMessageResponse, kind: str, of: int | str, priority: int = 0
    ) -> bool:
        """To every primary in whose role's scope it is; whether anybody took it."""
        if not self._notifications:
            return False
        taken = bool(self.listeners)
        for listener in self.listeners:
            listener(message)
        for client in self._arbitration.primaries():
            if self._is_in_scope(client, kind, of):
                taken |= self._streams[client].offer(message, priority)
        return taken

    def _is_in_scope(self, client: Client, kind: str, of: int | str) -> bool:
        """Whether an object of the running pipeline, or a header by its name, is the client's concern."""
        running = self._pipelines.running
        if running is None or not client.role:
            return True
        number = running.schema.header_ids.get(of, 0) if isinstance(of, str) else of
        return running.schema.roles.owns(client.role, kind, number)


def _end_stranger(stream: ClientStream) -> None:
    if stream.client.role is None:
        text = f"no arbitration update within {ARBITRATION_SECONDS:.0f} s"
        stream.end(Refusal(Code.DEADLINE_EXCEEDED, text))


def _stream_error(refusal: Refusal) -> p4r.StreamMessageResponse:
    response = p4r.StreamMessageResponse()
    response.error.canonical_code = refusal.code
    response.error.message = refusal.text
    return response


async def _abort_batch(context: _Context, results: list[Result], text: str) -> NoReturn:
    metadata = ((DETAILS_KEY, batch_status(results, text)),)
    await context.abort(grpc.StatusCode.UNKNOWN, text, trailing_metadata=metadata)
    raise AssertionError("abort returns to nobody")
