"""Light P4Runtime servers in a process of their own: they keep entities and forward nothing.

All switches share one listening socket, each at a loopback address of its own; a request's device id tells
which one is meant. Ports are cabled: a packet-out of one comes back as a packet-in of its peer, so that a
controller finds its links.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import grpc
from finsy.proto import p4r, p4r_grpc, rpc_code, rpc_status

from p4fabric.controller.interpreter import set_aside, set_up_interpreter
from p4fabric.pipelines.fabric.bindings import PacketInMetadata
from p4fabric.pipelines.values import Port

__all__ = ["LightSwitches", "address_of", "light_switches"]

Cables = Mapping[tuple[int, int], tuple[int, int]]
"""Device id and port of one end, and of the other; both directions."""

_IN_A_MESSAGE = 1000
"""Entities in one answer to a read."""
_LARGEST_MESSAGE = 256 << 20


def address_of(device_id: int, port: int) -> str:
    """Where a switch is: a loopback address of its own."""
    return f"127.1.{device_id >> 8}.{device_id & 255}:{port}"


@dataclass(slots=True)
class _Switch:
    cookie: p4r.ForwardingPipelineConfig.Cookie | None = None
    entities: dict[tuple[str, int], dict[bytes, bytes]] = field(default_factory=dict)
    """Encoded, by kind and table, and by key."""
    stream: asyncio.Queue[p4r.StreamMessageResponse] | None = None


class _Servicer(p4r_grpc.P4RuntimeServicer):
    def __init__(self, cables: Cables, *, huge: bool) -> None:
        self._switches: dict[int, _Switch] = {}
        self._cables = cables
        self._huge = huge
        self._metadata = {port: PacketInMetadata(Port(port)).encode() for _, port in cables}

    def _of(self, device_id: int) -> _Switch:
        return self._switches.setdefault(device_id, _Switch())

    async def StreamChannel(
        self, requests: AsyncIterator[p4r.StreamMessageRequest], context: Any
    ) -> AsyncIterator[p4r.StreamMessageResponse]:
        outgoing: asyncio.Queue[p4r.StreamMessageResponse] = asyncio.Queue()
        reading = asyncio.ensure_future(self._read_stream(requests, outgoing))
        try:
            while True:
                yield await outgoing.get()
        finally:
            reading.cancel()

    async def _read_stream(
        self,
        requests: AsyncIterator[p4r.StreamMessageRequest],
        outgoing: asyncio.Queue[p4r.StreamMessageResponse],
    ) -> None:
        device = 0
        async for request in requests:
            answer = p4r.StreamMessageResponse()
            if request.HasField("arbitration"):
                device = request.arbitration.device_id
                self._of(device).stream = outgoing
                answer.arbitration.CopyFrom(request.arbitration)
                answer.arbitration.status.code = rpc_code.OK
                outgoing.put_nowait(answer)
            elif request.HasField("packet"):
                port = int.from_bytes(request.packet.metadata[0].value, "big")
                peer = self._cables.get((device, port))
                if peer is not None and (stream := self._of(peer[0]).stream) is not None:
                    answer.packet.payload = request.packet.payload
                    answer.packet.metadata.extend(self._metadata[peer[1]])
                    stream.put_nowait(answer)

    async def SetForwardingPipelineConfig(
        self, request: p4r.SetForwardingPipelineConfigRequest, context: Any
    ) -> p4r.SetForwardingPipelineConfigResponse:
        switch = self._of(request.device_id)
        switch.cookie = request.config.cookie
        switch.entities.clear()
        return p4r.SetForwardingPipelineConfigResponse()

    async def GetForwardingPipelineConfig(
        self, request: p4r.GetForwardingPipelineConfigRequest, context: Any
    ) -> p4r.GetForwardingPipelineConfigResponse:
        switch = self._of(request.device_id)
        if switch.cookie is None:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "No forwarding pipeline config set")
        assert switch.cookie is not None
        response = p4r.GetForwardingPipelineConfigResponse()
        response.config.cookie.CopyFrom(switch.cookie)
        return response

    async def Write(self, request: p4r.WriteRequest, context: Any) -> p4r.WriteResponse:
        switch = self._of(request.device_id)
        codes = [self._perform(switch, update) for update in request.updates]
        if any(codes):
            status = rpc_status.Status(code=rpc_code.UNKNOWN, message="Write failure.")
            for code in codes:
                status.details.add().Pack(p4r.Error(canonical_code=code))
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            await context.abort(grpc.StatusCode.UNKNOWN, "Write failure.")
        return p4r.WriteResponse()

    @staticmethod
    def _perform(switch: _Switch, update: p4r.Update) -> int:
        group, key = _place(update.entity)
        entities = switch.entities.setdefault(group, {})
        if update.type == p4r.Update.INSERT:
            if key in entities:
                return int(rpc_code.ALREADY_EXISTS)
        elif key not in entities:
            return int(rpc_code.NOT_FOUND)
        if update.type == p4r.Update.DELETE:
            del entities[key]
        else:
            entities[key] = update.entity.SerializeToString()
        return 0

    async def Read(self, request: p4r.ReadRequest, context: Any) -> AsyncIterator[p4r.ReadResponse]:
        switch = self._of(request.device_id)
        found: list[bytes] = []
        for wanted in request.entities:
            kind, number = _group(wanted)
            for (own, table), entities in switch.entities.items():
                if own == kind and number in (0, table):
                    found += entities.values()
        size = max(1, len(found)) if self._huge else _IN_A_MESSAGE
        for start in range(0, len(found), size):
            # What is kept is what an answer's field holds: its tag, its length, its bytes.
            answer = b"".join(b"\x0a" + _varint(len(one)) + one for one in found[start : start + size])
            yield p4r.ReadResponse.FromString(answer)


def _group(entity: p4r.Entity) -> tuple[str, int]:
    """Kind and table (or other number) that a read asks for; 0: all."""
    kind = entity.WhichOneof("entity") or ""
    match kind:
        case "table_entry":
            return kind, entity.table_entry.table_id
        case "digest_entry":
            return kind, entity.digest_entry.digest_id
        case "packet_replication_engine_entry":
            return str(entity.packet_replication_engine_entry.WhichOneof("type")), 0
    return kind, 0


def _place(entity: p4r.Entity) -> tuple[tuple[str, int], bytes]:
    """The group of an entity, and its key in there."""
    group = _group(entity)
    match group[0]:
        case "table_entry":
            entry = entity.table_entry
            parts = [one.SerializeToString() for one in entry.match]
            return group, b"%d " % entry.priority + b"".join(parts)
        case "clone_session_entry":
            number = entity.packet_replication_engine_entry.clone_session_entry.session_id
            return group, b"%d" % number
        case "multicast_group_entry":
            number = entity.packet_replication_engine_entry.multicast_group_entry.multicast_group_id
            return group, b"%d" % number
    return group, b""


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def _serve(address: Connection, cables: Cables, huge: bool) -> None:
    async def serve() -> None:
        options = [
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", _LARGEST_MESSAGE),
        ]
        server = grpc.aio.server(options=options)
        servicer = _Servicer(cables, huge=huge)  # type: ignore[abstract]
        p4r_grpc.add_P4RuntimeServicer_to_server(servicer, server)
        port = server.add_insecure_port("0.0.0.0:0")
        await server.start()
        address.send(port)
        await server.wait_for_termination()

    # No controller is to wait while a switch looks for garbage.
    set_up_interpreter()
    set_aside()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())


@dataclass(frozen=True, slots=True)
class LightSwitches:
    """Running switches."""

    port: int
    process: int
    """Of the server."""

    def address(self, device_id: int) -> str:
        """Where a switch is."""
        return address_of(device_id, self.port)


@contextmanager
def light_switches(
    cables: Sequence[tuple[tuple[int, int], tuple[int, int]]] = (), *, huge: bool = False
) -> Iterator[LightSwitches]:
    """Run switches in a process of their own; any device id is one.

    Args:
        cables: each once: device id and port of both ends.
        huge: answer each read with one message.
    """
    both = dict(cables) | {other: one for one, other in cables}
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    server = context.Process(target=_serve, args=(theirs, both, huge), daemon=True)
    server.start()
    try:
        assert server.pid is not None
        yield LightSwitches(ours.recv(), server.pid)
    finally:
        server.terminate()
        server.join()
