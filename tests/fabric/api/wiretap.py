"""Stands between the controller and a switch, passes everything on as it is, and notes what is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
from finsy.proto import p4r

_SERVICE, _GNMI = "p4.v1.P4Runtime", "gnmi.gNMI"
_ANY_SIZE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_UNARY = ("Write", "SetForwardingPipelineConfig", "GetForwardingPipelineConfig", "Capabilities")


class Wiretap:
    def __init__(self, switch_address: str, *, gnmi: bool = False) -> None:
        self._gnmi = gnmi
        self._channel = grpc.aio.insecure_channel(switch_address, _ANY_SIZE)
        self._server: Any = None
        self._port = 0
        self.updates: list[p4r.Update] = []
        self.pushes = 0
        self.refused: list[str] = []
        """What the switch said of writes in which something was refused."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    async def __aenter__(self) -> Wiretap:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        await self._channel.close()

    async def start(self) -> None:
        """Listen, on the same port as before after a `stop`."""
        handlers: dict[str, Any] = {
            name: grpc.unary_unary_rpc_method_handler(self._unary(name)) for name in _UNARY
        }
        handlers["Read"] = grpc.unary_stream_rpc_method_handler(self._read)
        stream = self._stream(f"/{_SERVICE}/StreamChannel")
        handlers["StreamChannel"] = grpc.stream_stream_rpc_method_handler(stream)
        self._server = grpc.aio.server(options=_ANY_SIZE)
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_SERVICE, handlers)])
        if self._gnmi:
            subscribe = grpc.stream_stream_rpc_method_handler(self._stream(f"/{_GNMI}/Subscribe"))
            handler = grpc.method_handlers_generic_handler(_GNMI, {"Subscribe": subscribe})
            self._server.add_generic_rpc_handlers([handler])
        self._port = self._server.add_insecure_port(self.address)
        await self._server.start()

    async def stop(self) -> None:
        """Break all connections, and refuse new ones."""
        await self._server.stop(None)

    async def point_to(self, switch_address: str) -> None:
        """Break all connections; the next ones lead to another switch."""
        await self.stop()
        await self._channel.close()
        self._channel = grpc.aio.insecure_channel(switch_address, _ANY_SIZE)
        await self.start()

    def _unary(self, name: str) -> Any:
        async def passed_on(request: bytes, context: Any) -> bytes:
            if name == "Write":
                self.updates += p4r.WriteRequest.FromString(request).updates
            self.pushes += name == "SetForwardingPipelineConfig"
            try:
                return bytes(await self._channel.unary_unary(f"/{_SERVICE}/{name}")(request))
            except grpc.aio.AioRpcError as error:
                if name == "Write":
                    self.refused.append(f"{error.code()}: {error.details()}")
                await _refuse_alike(context, error)
                raise

        return passed_on

    async def _read(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        try:
            async for response in self._channel.unary_stream(f"/{_SERVICE}/Read")(request):
                yield response
        except grpc.aio.AioRpcError as error:
            await _refuse_alike(context, error)

    def _stream(self, method: str) -> Any:
        async def passed_on(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            try:
                async for response in self._channel.stream_stream(method)(requests):
                    yield response
            except grpc.aio.AioRpcError as error:
                await _refuse_alike(context, error)

        return passed_on


async def _refuse_alike(context: Any, error: grpc.aio.AioRpcError) -> None:
    context.set_trailing_metadata(tuple(error.trailing_metadata() or ()))
    await context.abort(error.code(), error.details() or "")
