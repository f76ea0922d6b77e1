"""A P4Runtime server that misbehaves on demand. No real switch does that; whatever works on a real
one is tested there (tests/switch/controller). It keeps entities in memory and forwards nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
from finsy.proto import U128, p4r, p4r_grpc, rpc_code, rpc_status

Context = Any  # a grpc.aio.ServicerContext; grpc ships no types


@dataclass(eq=False)
class Client:
    """One stream, and what it bid."""

    election_id: int
    outgoing: asyncio.Queue[p4r.StreamMessageResponse | None] = field(default_factory=asyncio.Queue)


class FakeSwitch(p4r_grpc.P4RuntimeServicer):
    def __init__(self) -> None:
        self.config: p4r.ForwardingPipelineConfig | None = None
        self.pushes = 0
        self.entities: dict[bytes, p4r.Entity] = {}
        self.cells: dict[tuple[int, int], int] = {}
        """Packets by the id and index of an indirect counter's cell; others hold 0."""
        self.writes: list[p4r.WriteRequest] = []
        self.clients: list[Client] = []
        self.received: asyncio.Queue[p4r.StreamMessageRequest] = asyncio.Queue()
        self.refuse_pipeline = ""
        self.refuse_update: Callable[[p4r.Update], tuple[int, str] | None] = lambda update: None
        self.silent = False
        """Half open: requests are taken and never answered."""
        self.answers_reads = asyncio.Event()
        """Cleared: what it holds is told only once it is set again."""
        self.answers_reads.set()
        self.reads_stream = asyncio.Event()
        """Cleared: what comes on the stream is left there, so that the client cannot write any more."""
        self.reads_stream.set()
        self.port = 0
        self._server: grpc.aio.Server | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self, credentials: Any = None) -> None:
        """Listen, with TLS if there are credentials; on the same port as before after a `stop`."""
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        p4r_grpc.add_P4RuntimeServicer_to_server(self, self._server)
        address = f"127.0.0.1:{self.port}"
        if credentials is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, credentials)
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(None)
            self._server = None
        self.clients.clear()

    def restart_empty(self) -> None:
        """Forget pipeline and entities, as a process that was restarted."""
        self.config = None
        self.entities.clear()
        self.cells.clear()

    def say(self, message: p4r.StreamMessageResponse) -> None:
        """Send a message to the primary."""
        primary = self._primary()
        assert primary is not None
        primary.outgoing.put_nowait(message)

    def _primary(self) -> Client | None:
        return max(self.clients, key=lambda client: client.election_id, default=None)

    def _announce(self) -> None:
        primary = self._primary()
        for client in self.clients:
            message = p4r.StreamMessageResponse()
            message.arbitration.device_id = 1
            assert primary is not None
            message.arbitration.election_id.CopyFrom(U128.encode(primary.election_id))
            if client is not primary:
                message.arbitration.status.code = rpc_code.ALREADY_EXISTS
            client.outgoing.put_nowait(message)

    async def StreamChannel(
        self, requests: AsyncIterator[p4r.StreamMessageRequest], context: Context
    ) -> AsyncIterator[p4r.StreamMessageResponse]:
        client = Client(0)
        reading = asyncio.ensure_future(self._read_stream(requests, client))
        try:
            while (message := await client.outgoing.get()) is not None:
                if not self.silent:
                    yield message
            if client not in self.clients:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Election id already exists")
        finally:
            reading.cancel()
            if client in self.clients:
                self.clients.remove(client)
                self._announce()

    async def _read_stream(self, requests: AsyncIterator[p4r.StreamMessageRequest], client: Client) -> None:
        async for request in requests:
            await self.reads_stream.wait()
            if not request.HasField("arbitration"):
                self.received.put_nowait(request)
                continue
            bid = U128.decode(request.arbitration.election_id)
            if any(other.election_id == bid for other in self.clients if other is not client):
                client.outgoing.put_nowait(None)
                return
            client.election_id = bid
            if client not in self.clients:
                self.clients.append(client)
            self._announce()

    async def _may(self, request: Any, context: Context) -> None:
        await self._answers(context)
        primary = self._primary()
        if primary is None or U128.decode(request.election_id) != primary.election_id:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "Not primary")

    async def _answers(self, context: Context) -> None:
        if self.silent:
            await asyncio.sleep(60)

    async def GetForwardingPipelineConfig(
        self, request: p4r.GetForwardingPipelineConfigRequest, context: Context
    ) -> p4r.GetForwardingPipelineConfigResponse:
        await self._answers(context)
        assert request.response_type == p4r.GetForwardingPipelineConfigRequest.COOKIE_ONLY
        if self.config is None:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "No forwarding pipeline config set")
        assert self.config is not None
        response = p4r.GetForwardingPipelineConfigResponse()
        response.config.cookie.CopyFrom(self.config.cookie)
        return response

    async def SetForwardingPipelineConfig(
        self, request: p4r.SetForwardingPipelineConfigRequest, context: Context
    ) -> p4r.SetForwardingPipelineConfigResponse:
        await self._may(request, context)
        if self.refuse_pipeline:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, self.refuse_pipeline)
        self.pushes += 1
        self.config = request.config
        self.entities.clear()
        return p4r.SetForwardingPipelineConfigResponse()

    async def Capabilities(
        self, request: p4r.CapabilitiesRequest, context: Context
    ) -> p4r.CapabilitiesResponse:
        return p4r.CapabilitiesResponse(p4runtime_api_version="1.5.0")

    async def Write(self, request: p4r.WriteRequest, context: Context) -> p4r.WriteResponse:
        await self._may(request, context)
        if self.config is None:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "No forwarding pipeline config set")
        self.writes.append(request)
        errors = [self._update(update) for update in request.updates]
        if any(error.canonical_code for error in errors):
            status = rpc_status.Status(code=rpc_code.UNKNOWN, message="Write failure.")
            for error in errors:
                status.details.add().Pack(error)
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            await context.abort(grpc.StatusCode.UNKNOWN, "Write failure.")
        return p4r.WriteResponse()

    def _update(self, update: p4r.Update) -> p4r.Error:
        refusal = self.refuse_update(update)
        if refusal is not None:
            return p4r.Error(canonical_code=refusal[0], message=refusal[1])
        key, there = _key(update.entity), _key(update.entity) in self.entities
        if update.type == p4r.Update.INSERT and there:
            return p4r.Error(canonical_code=rpc_code.ALREADY_EXISTS, message="it exists")
        if update.type != p4r.Update.INSERT and not there:
            return p4r.Error(canonical_code=rpc_code.NOT_FOUND, message="it does not exist")
        if update.type == p4r.Update.DELETE:
            del self.entities[key]
        else:
            self.entities[key] = p4r.Entity.FromString(update.entity.SerializeToString())
        return p4r.Error()

    async def Read(self, request: p4r.ReadRequest, context: Context) -> AsyncIterator[p4r.ReadResponse]:
        await self._answers(context)
        await self.answers_reads.wait()
        if request.entities[0].HasField("counter_entry"):
            yield self._cells(request)
            return
        for wanted in request.entities:
            for entity in self._matching(wanted):
                yield p4r.ReadResponse(entities=[entity])  # a message an entity: any split is allowed

    def _matching(self, wanted: p4r.Entity) -> Iterator[p4r.Entity]:
        kind = wanted.WhichOneof("entity")
        for entity in list(self.entities.values()):
            if entity.WhichOneof("entity") != kind:
                continue
            if kind == "table_entry" and entity.table_entry.table_id != wanted.table_entry.table_id:
                continue
            if kind == "digest_entry" and entity.digest_entry.digest_id != wanted.digest_entry.digest_id:
                continue
            engine = "packet_replication_engine_entry"
            if kind == engine and getattr(entity, engine).WhichOneof("type") != getattr(
                wanted, engine
            ).WhichOneof("type"):
                continue
            yield entity

    def _cells(self, request: p4r.ReadRequest) -> p4r.ReadResponse:
        response = p4r.ReadResponse(entities=request.entities)
        for entity in response.entities:
            cell = entity.counter_entry
            cell.data.packet_count = self.cells.get((cell.counter_id, cell.index.index), 0)
        return response


def _key(entity: p4r.Entity) -> bytes:
    kind = entity.WhichOneof("entity")
    if kind == "table_entry":
        entry = entity.table_entry
        bare = p4r.TableEntry(table_id=entry.table_id, match=entry.match, priority=entry.priority)
        return b"t" + bare.SerializeToString(deterministic=True)
    if kind == "digest_entry":
        return b"d%d" % entity.digest_entry.digest_id
    engine = entity.packet_replication_engine_entry
    if engine.HasField("clone_session_entry"):
        return b"c%d" % engine.clone_session_entry.session_id
    return b"m%d" % engine.multicast_group_entry.multicast_group_id
